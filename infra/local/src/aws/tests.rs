//! What a choke can do to a call, seen from the SDK's clients.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use ratchet_guard::clock::ManualClock;
use ratchet_guard::schema::create_ledger_table;
use serde_json::json;

use super::{Aws, Broken, Call, Choke, Next, Reply, Service};
use crate::sqs::Sqs;

/// What becomes of a call, decided once.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Apply,
    Lose,
    Refuse,
    Throttle,
    Fail,
    Late,
    Hang,
    Twice,
}

#[derive(Debug)]
struct Plan {
    fates: Mutex<Vec<Fate>>,
    log: Mutex<Vec<String>>,
    later: Mutex<Vec<Next>>,
    hangs: AtomicU32,
}

impl Plan {
    fn of(fates: &[Fate]) -> Arc<Self> {
        Arc::new(Self {
            fates: Mutex::new(fates.iter().rev().copied().collect()),
            log: Mutex::default(),
            later: Mutex::default(),
            hangs: AtomicU32::new(0),
        })
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

#[async_trait]
impl Choke for Plan {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        let line = format!("{} {} {:?}", call.attempt, call.operation, call.resources());
        self.log.lock().unwrap().push(line);
        let fate = self.fates.lock().unwrap().pop().unwrap_or(Fate::Apply);
        match fate {
            Fate::Apply => Ok(next.apply()),
            Fate::Lose => {
                let _applied = next.apply();
                Err(Broken::Reset)
            }
            Fate::Refuse => Err(Broken::Refused),
            Fate::Throttle => Ok(Reply::throttled(call.service)),
            Fate::Fail => Ok(Reply::internal_error()),
            Fate::Late => {
                self.later.lock().unwrap().push(next);
                Err(Broken::TimedOut)
            }
            Fate::Hang => {
                self.hangs.fetch_add(1, Ordering::SeqCst);
                std::future::pending().await
            }
            Fate::Twice => {
                let _first = next.apply();
                Ok(next.apply())
            }
        }
    }
}

async fn account() -> Aws {
    let aws = Aws::memory(Arc::new(ManualClock::at(1_000))).unwrap();
    create_ledger_table(&aws.link().dynamo(), "ledger").await.unwrap();
    aws.link()
        .sqs()
        .create_queue()
        .queue_name("work")
        .send()
        .await
        .unwrap();
    aws
}

async fn send(client: &aws_sdk_sqs::Client, body: &str) -> Result<(), String> {
    let sent = client
        .send_message()
        .queue_url(Sqs::queue_url("work"))
        .message_body(body)
        .send()
        .await;
    sent.map(|_| ()).map_err(|error| format!("{error:?}"))
}

async fn count(client: &aws_sdk_dynamodb::Client) -> Result<(), String> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let updated = client
        .update_item()
        .table_name("ledger")
        .key("subject", text("a"))
        .key("step", text("b"))
        .update_expression("ADD fence :one")
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await;
    updated.map(|_| ()).map_err(|error| format!("{error:?}"))
}

async fn counted(aws: &Aws) -> u32 {
    let rows = aws
        .link()
        .dynamo()
        .scan()
        .table_name("ledger")
        .send()
        .await
        .unwrap();
    let fence = rows
        .items()
        .first()
        .and_then(|row| row.get("fence")?.as_n().ok().cloned());
    fence.map_or(0, |fence| fence.parse().unwrap())
}

#[tokio::test]
async fn every_fate_shows_in_what_is_applied_and_how_often_it_is_sent() {
    // Fates of the first sends; times applied; sends; whether the caller learns of success.
    let cases: [(&[Fate], u32, usize, bool); 9] = [
        (&[], 1, 1, true),
        (&[Fate::Refuse], 1, 2, true),
        (&[Fate::Throttle], 1, 2, true),
        (&[Fate::Fail], 1, 2, true),
        (&[Fate::Lose], 2, 2, true),
        (&[Fate::Lose, Fate::Lose], 3, 3, true),
        (&[Fate::Lose, Fate::Lose, Fate::Lose], 3, 3, false),
        (&[Fate::Late, Fate::Refuse, Fate::Refuse], 0, 3, false),
        (&[Fate::Twice], 2, 1, true),
    ];
    for (fates, applied, sends, success) in cases {
        let aws = account().await;
        let plan = Plan::of(fates);
        let client = aws.choked(Arc::<Plan>::clone(&plan)).dynamo();
        assert_eq!(count(&client).await.is_ok(), success, "{fates:?}");
        assert_eq!(counted(&aws).await, applied, "{fates:?}");
        let sent: Vec<String> = (1..=sends)
            .map(|n| format!("{n} UpdateItem [\"ledger\"]"))
            .collect();
        assert_eq!(plan.log(), sent, "{fates:?}");

        let plan = Plan::of(fates);
        let client = aws.choked(Arc::<Plan>::clone(&plan)).sqs();
        assert_eq!(send(&client, "x").await.is_ok(), success, "{fates:?}");
        assert_eq!(
            aws.sqs.depth("work").visible,
            usize::try_from(applied).unwrap(),
            "{fates:?}"
        );
        let sent: Vec<String> = (1..=sends)
            .map(|n| format!("{n} SendMessage [\"work\"]"))
            .collect();
        assert_eq!(plan.log(), sent, "{fates:?}");
    }
}

#[tokio::test]
async fn request_can_land_after_its_caller_is_gone() {
    let aws = account().await;
    let plan = Plan::of(&[Fate::Late, Fate::Refuse, Fate::Refuse]);
    {
        let client = aws.choked(Arc::<Plan>::clone(&plan)).dynamo();
        assert!(count(&client).await.is_err());
    }
    assert_eq!(counted(&aws).await, 0);
    for next in plan.later.lock().unwrap().drain(..) {
        assert_eq!(next.apply().status, 200);
    }
    assert_eq!(counted(&aws).await, 1);
}

#[tokio::test]
async fn hanging_call_ends_with_its_caller() {
    let aws = account().await;
    let plan = Plan::of(&[Fate::Hang]);
    let client = aws.choked(Arc::<Plan>::clone(&plan)).sqs();
    {
        let mut caller = Box::pin(send(&client, "x"));
        for _ in 0..3 {
            assert!(matches!(
                caller.as_mut().poll(&mut Context::from_waker(Waker::noop())),
                Poll::Pending
            ));
        }
    }
    assert_eq!(plan.hangs.load(Ordering::SeqCst), 1);
    assert_eq!(aws.sqs.depth("work").visible, 0);
    send(&client, "y").await.unwrap();
}

/// Drops every condition: what a careless writer would send.
#[derive(Debug)]
struct Careless;

#[async_trait]
impl Choke for Careless {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        let mut body = call.json();
        if let Some(body) = body.as_object_mut() {
            body.remove("ConditionExpression");
        }
        Ok(next.apply_as(&call.operation, body.to_string().as_bytes()))
    }
}

#[tokio::test]
async fn request_can_be_rewritten_on_its_way() {
    let aws = account().await;
    let put = |client: aws_sdk_dynamodb::Client| async move {
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let request = client
            .put_item()
            .table_name("ledger")
            .item("subject", text("a"))
            .item("step", text("b"));
        let answer = request
            .condition_expression("attribute_not_exists(subject)")
            .send()
            .await;
        answer.map_err(|error| error.into_service_error().code().map(str::to_owned))
    };
    put(aws.link().dynamo()).await.unwrap();
    let refused = put(aws.link().dynamo()).await.unwrap_err();
    assert_eq!(refused.as_deref(), Some("ConditionalCheckFailedException"));
    put(aws.choked(Arc::new(Careless)).dynamo()).await.unwrap();
}

#[tokio::test]
async fn one_configuration_serves_both_services() {
    let aws = account().await;
    let config = aws.link().sdk_config();
    send(&aws_sdk_sqs::Client::new(&config), "x").await.unwrap();
    count(&aws_sdk_dynamodb::Client::new(&config)).await.unwrap();
    assert_eq!((aws.sqs.depth("work").visible, counted(&aws).await), (1, 1));
    assert_eq!(aws.answer("Elsewhere.Do", b"{}").status, 400);
}

#[tokio::test]
async fn account_is_copied_whole() {
    let aws = account().await;
    count(&aws.link().dynamo()).await.unwrap();
    send(&aws.link().sqs(), "x").await.unwrap();
    let then = aws.snapshot().unwrap();
    let clock = Arc::new(ManualClock::at(9_000));
    let fork = aws.fork_at(Arc::<ManualClock>::clone(&clock)).unwrap();
    count(&fork.link().dynamo()).await.unwrap();
    send(&fork.link().sqs(), "y").await.unwrap();
    assert_eq!((counted(&aws).await, aws.sqs.depth("work").visible), (1, 1));
    assert_eq!((counted(&fork).await, fork.sqs.depth("work").visible), (2, 2));
    assert_eq!(
        fork.sqs
            .read(|state| state.queues["work"].messages.values().last().unwrap().sent_ms),
        9_000
    );
    fork.restore(&then).unwrap();
    assert_eq!((counted(&fork).await, fork.sqs.depth("work").visible), (1, 1));
}

#[test]
fn call_names_its_resources_and_compares_whatever_the_order() {
    let call = |body: serde_json::Value| Call {
        service: Service::DynamoDb,
        operation: "X".to_owned(),
        attempt: 1,
        body: Bytes::from(body.to_string()),
    };
    let transaction = json!({
        "ClientRequestToken": "random",
        "TransactItems": [
            { "Put": { "TableName": "usage", "Item": { "TableName": { "S": "decoy" } } } },
            { "Update": { "TableName": "ledger", "Key": {} } },
        ],
    });
    assert_eq!(call(transaction.clone()).resources(), ["ledger", "usage"]);
    assert!(!call(transaction).canonical().contains("random"));
    assert_eq!(
        call(json!({ "RequestItems": { "events": [] } })).resources(),
        ["events"]
    );
    assert_eq!(
        call(json!({ "SourceArn": crate::sqs::arn("dead") })).resources(),
        ["dead"]
    );
    assert_eq!(
        call(json!({ "QueueUrl": Sqs::queue_url("work"), "MessageBody": "{}" })).resources(),
        ["work"]
    );
    assert_eq!(
        call(json!({ "b": 1, "a": { "d": 2, "c": 3 } })).canonical(),
        r#"{"a":{"c":3,"d":2},"b":1}"#
    );
    assert_eq!(call(json!(null)).resources(), Vec::<String>::new());
}
