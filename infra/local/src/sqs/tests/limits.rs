//! Bounds, each at the last good value and the first bad one.

use serde_json::{Value, json};

use super::{World, world};
use crate::sqs::Sqs;

fn ask(world: &World, operation: &str, mut body: Value) -> Option<String> {
    body["QueueUrl"] = json!(Sqs::queue_url("work"));
    let reply = world
        .sqs
        .answer(&format!("AmazonSQS.{operation}"), body.to_string().as_bytes());
    assert_eq!(reply.status == 200, reply.query_error.is_none());
    reply.query_error
}

#[tokio::test]
async fn requests_are_held_to_their_bounds() {
    let world = world().await.unwrap();
    let value = Some("InvalidParameterValue;Sender");
    let mib = 1024 * 1024;
    let label = json!({ "a": { "DataType": "String", "StringValue": "v" } });
    let sized = |bytes: usize| "x".repeat(bytes);
    let cases = [
        ("SendMessage", json!({ "MessageBody": sized(mib) }), None),
        ("SendMessage", json!({ "MessageBody": sized(mib + 1) }), value),
        (
            "SendMessage",
            json!({ "MessageBody": sized(mib - 8), "MessageAttributes": label }),
            None,
        ),
        (
            "SendMessage",
            json!({ "MessageBody": sized(mib - 7), "MessageAttributes": label }),
            value,
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "" }),
            Some("MissingParameter;Sender"),
        ),
        ("SendMessage", json!({}), Some("MissingParameter;Sender")),
        (
            "SendMessage",
            json!({ "MessageBody": "a\tb\nc\rd\u{fffd}😀" }),
            None,
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "a\u{0}" }),
            Some("InvalidMessageContents;Sender"),
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "a\u{ffff}" }),
            Some("InvalidMessageContents;Sender"),
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "a", "DelaySeconds": 900 }),
            None,
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "a", "DelaySeconds": 901 }),
            value,
        ),
        (
            "SendMessage",
            json!({ "MessageBody": "a", "DelaySeconds": -1 }),
            Some("SerializationException;Sender"),
        ),
        ("ReceiveMessage", json!({ "MaxNumberOfMessages": 10 }), None),
        ("ReceiveMessage", json!({ "MaxNumberOfMessages": 11 }), value),
        ("ReceiveMessage", json!({ "MaxNumberOfMessages": 0 }), value),
        ("ReceiveMessage", json!({ "VisibilityTimeout": 43_200 }), None),
        ("ReceiveMessage", json!({ "VisibilityTimeout": 43_201 }), value),
        ("ReceiveMessage", json!({ "WaitTimeSeconds": 20 }), None),
        ("ReceiveMessage", json!({ "WaitTimeSeconds": 21 }), value),
    ];
    for (operation, body, expected) in cases {
        let shown: String = body.to_string().chars().take(80).collect();
        assert_eq!(
            ask(&world, operation, body).as_deref(),
            expected,
            "{operation} {shown}"
        );
    }
}

#[tokio::test]
async fn settings_are_held_to_their_bounds() {
    let world = world().await.unwrap();
    let value = Some("InvalidAttributeValue;Sender");
    let redrive =
        |arn: &str, count: Value| json!({ "deadLetterTargetArn": arn, "maxReceiveCount": count }).to_string();
    let dead = super::arn("dead");
    for (name, setting, expected) in [
        ("DelaySeconds", "900".to_owned(), None),
        ("DelaySeconds", "901".to_owned(), value),
        ("MaximumMessageSize", "1024".to_owned(), None),
        ("MaximumMessageSize", "1023".to_owned(), value),
        ("MaximumMessageSize", "1048576".to_owned(), None),
        ("MaximumMessageSize", "1048577".to_owned(), value),
        ("MessageRetentionPeriod", "59".to_owned(), value),
        ("MessageRetentionPeriod", "60".to_owned(), None),
        ("MessageRetentionPeriod", "1209600".to_owned(), None),
        ("MessageRetentionPeriod", "1209601".to_owned(), value),
        ("ReceiveMessageWaitTimeSeconds", "21".to_owned(), value),
        ("VisibilityTimeout", "43200".to_owned(), None),
        ("VisibilityTimeout", "43201".to_owned(), value),
        ("VisibilityTimeout", "soon".to_owned(), value),
        ("RedrivePolicy", redrive(&dead, json!(1)), None),
        ("RedrivePolicy", redrive(&dead, json!("1000")), None),
        (
            "RedrivePolicy",
            redrive(&dead, json!(0)),
            Some("InvalidParameterValue;Sender"),
        ),
        (
            "RedrivePolicy",
            redrive(&dead, json!(1001)),
            Some("InvalidParameterValue;Sender"),
        ),
        (
            "RedrivePolicy",
            redrive("arn:none", json!(1)),
            Some("InvalidParameterValue;Sender"),
        ),
        (
            "RedrivePolicy",
            "{}".to_owned(),
            Some("InvalidParameterValue;Sender"),
        ),
        (
            "RedrivePolicy",
            "{".to_owned(),
            Some("InvalidParameterValue;Sender"),
        ),
        ("RedrivePolicy", String::new(), None),
        ("Colour", "red".to_owned(), Some("InvalidAttributeName;Sender")),
    ] {
        let body = json!({ "Attributes": { name: setting } });
        assert_eq!(
            ask(&world, "SetQueueAttributes", body).as_deref(),
            expected,
            "{name}={setting}"
        );
    }
}

#[tokio::test]
async fn unreadable_request_is_refused() {
    let world = world().await.unwrap();
    assert_eq!(
        ask(&world, "Dance", json!({})).as_deref(),
        Some("InvalidAction;Sender")
    );
    for (body, expected) in [
        ("", "SerializationException;Sender"),
        ("{", "SerializationException;Sender"),
        ("{}", "MissingParameter;Sender"),
        (r#"{"QueueUrl":7}"#, "SerializationException;Sender"),
        (
            r#"{"QueueUrl":""}"#,
            "AWS.SimpleQueueService.NonExistentQueue;Sender",
        ),
    ] {
        let reply = world.sqs.answer("AmazonSQS.ReceiveMessage", body.as_bytes());
        assert_eq!(reply.query_error.as_deref(), Some(expected), "{body}");
        assert!(reply.body.contains("__type"), "{body}");
    }
}

#[tokio::test]
async fn receive_waits_as_it_asks_or_as_its_queue_is_set() {
    let world = world().await.unwrap();
    let waits = |seconds: Value| {
        let mut body = json!({ "QueueUrl": Sqs::queue_url("work") });
        if !seconds.is_null() {
            body["WaitTimeSeconds"] = seconds;
        }
        world.sqs.wait_seconds(body.to_string().as_bytes())
    };
    assert_eq!(waits(Value::Null), 0);
    ask(
        &world,
        "SetQueueAttributes",
        json!({ "Attributes": { "ReceiveMessageWaitTimeSeconds": "7" } }),
    );
    assert_eq!(waits(Value::Null), 7);
    assert_eq!(waits(json!(3)), 3);
    assert_eq!(waits(json!(0)), 0);
    assert_eq!(world.sqs.wait_seconds(b"{"), 0);
}
