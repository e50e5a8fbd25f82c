//! The queues as the AWS SDK's own client sees them.

mod batches;
mod limits;
mod moves;
mod queues;
mod receipts;

use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, QueueAttributeName,
};
use ratchet_guard::clock::ManualClock;
use ratchet_guard::embedded::EmbeddedDynamo;

use super::{Depth, Sqs, arn};
use crate::aws::Aws;

type Tried<T> = Result<T, Box<dyn std::error::Error>>;

/// Queues `work` (visibility 30 s, three receives) and `dead`, at second 1000.
struct World {
    clock: Arc<ManualClock>,
    sqs: Sqs,
    client: Client,
}

fn client_of(sqs: &Sqs) -> Tried<Client> {
    let aws = Aws {
        dynamo: EmbeddedDynamo::memory()?,
        sqs: sqs.clone(),
    };
    Ok(aws.link().sqs())
}

async fn world() -> Tried<World> {
    let clock = Arc::new(ManualClock::at(1_000_000));
    let sqs = Sqs::new(Arc::<ManualClock>::clone(&clock));
    let client = client_of(&sqs)?;
    client.create_queue().queue_name("dead").send().await?;
    let redrive = format!(
        r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"3"}}"#,
        arn("dead")
    );
    client
        .create_queue()
        .queue_name("work")
        .attributes(QueueAttributeName::RedrivePolicy, redrive)
        .send()
        .await?;
    Ok(World { clock, sqs, client })
}

impl World {
    fn later(&self, seconds: u64) {
        self.clock.advance(seconds * 1000);
    }

    async fn send(&self, queue: &str, body: &str) -> Tried<String> {
        let sent = self
            .client
            .send_message()
            .queue_url(Sqs::queue_url(queue))
            .message_body(body);
        Ok(sent.send().await?.message_id.unwrap_or_default())
    }

    async fn receive(&self, queue: &str, most: i32) -> Tried<Vec<Message>> {
        let request = self
            .client
            .receive_message()
            .queue_url(Sqs::queue_url(queue))
            .max_number_of_messages(most)
            .message_attribute_names("All")
            .message_system_attribute_names(MessageSystemAttributeName::All);
        Ok(request.send().await?.messages.unwrap_or_default())
    }

    async fn bodies(&self, queue: &str) -> Tried<Vec<String>> {
        let messages = self.receive(queue, 10).await?;
        Ok(messages.into_iter().filter_map(|message| message.body).collect())
    }

    fn depth(&self, queue: &str) -> (usize, usize, usize) {
        let Depth {
            visible,
            in_flight,
            delayed,
        } = self.sqs.depth(queue);
        (visible, in_flight, delayed)
    }
}

fn system<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> Option<&'a str> {
    message.attributes()?.get(name).map(String::as_str)
}

fn receipt(message: &Message) -> String {
    message.receipt_handle.clone().unwrap_or_default()
}

#[tokio::test]
async fn sent_message_is_received_as_it_was() {
    let world = world().await.unwrap();
    let attribute = |kind: &str| MessageAttributeValue::builder().data_type(kind);
    let header = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-2-3");
    let sent = world
        .client
        .send_message()
        .queue_url(Sqs::queue_url("work"))
        .message_body("hello")
        .message_attributes("order", attribute("String").string_value("42").build().unwrap())
        .message_attributes(
            "weight",
            attribute("Number.kg").string_value("1.5").build().unwrap(),
        )
        .message_attributes(
            "order.raw",
            attribute("Binary")
                .binary_value(Blob::new([0, 1]))
                .build()
                .unwrap(),
        )
        .message_system_attributes(
            MessageSystemAttributeNameForSends::AwsTraceHeader,
            header.build().unwrap(),
        )
        .send()
        .await
        .unwrap();
    assert_eq!(
        sent.md5_of_message_body(),
        Some("5d41402abc4b2a76b9719d911017c592")
    );
    assert_eq!(sent.md5_of_message_attributes(), Some(MD5_OF_ATTRIBUTES));

    world.later(5);
    let message = &world.receive("work", 1).await.unwrap()[0];

    assert_eq!(message.message_id(), sent.message_id());
    assert_eq!(message.body(), Some("hello"));
    assert_eq!(message.md5_of_body(), Some("5d41402abc4b2a76b9719d911017c592"));
    assert_eq!(message.md5_of_message_attributes(), Some(MD5_OF_ATTRIBUTES));
    let attributes = message.message_attributes().unwrap();
    assert_eq!(attributes["order"].string_value(), Some("42"));
    assert_eq!(attributes["order.raw"].binary_value(), Some(&Blob::new([0, 1])));
    for (name, expected) in [
        (MessageSystemAttributeName::ApproximateReceiveCount, Some("1")),
        (MessageSystemAttributeName::SentTimestamp, Some("1000000")),
        (
            MessageSystemAttributeName::ApproximateFirstReceiveTimestamp,
            Some("1005000"),
        ),
        (MessageSystemAttributeName::AwsTraceHeader, Some("Root=1-2-3")),
        (MessageSystemAttributeName::DeadLetterQueueSourceArn, None),
    ] {
        assert_eq!(system(message, &name), expected, "{name}");
    }
}

/// Reckoned by another implementation of the published algorithm.
const MD5_OF_ATTRIBUTES: &str = "8d67bc1291062332e1dab8f872a199b3";

#[tokio::test]
async fn receiver_gets_the_attributes_that_it_asks_for() {
    let world = world().await.unwrap();
    let mut request = world
        .client
        .send_message()
        .queue_url(Sqs::queue_url("work"))
        .message_body("x");
    for name in ["order", "order.id", "weight"] {
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value("1");
        request = request.message_attributes(name, value.build().unwrap());
    }
    request.send().await.unwrap();
    for (asked, expected) in [
        (vec![], vec![]),
        (vec!["weight"], vec!["weight"]),
        (vec!["order.*"], vec!["order", "order.id"]),
        (vec!["All"], vec!["order", "order.id", "weight"]),
        (vec![".*"], vec!["order", "order.id", "weight"]),
        (vec!["none"], vec![]),
    ] {
        let received = world
            .client
            .receive_message()
            .queue_url(Sqs::queue_url("work"))
            .visibility_timeout(0)
            .set_message_attribute_names(Some(asked.iter().map(|name| (*name).to_owned()).collect()))
            .send()
            .await
            .unwrap();
        // The count of receives would send it to the dead letters.
        world.sqs.edit(|state, _| {
            for message in state.queues.get_mut("work").unwrap().messages.values_mut() {
                message.receives = 0;
            }
        });
        let message = &received.messages()[0];
        assert!(message.attributes().is_none());
        let mut found: Vec<&str> = message
            .message_attributes()
            .into_iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{asked:?}");
        assert_eq!(
            message.md5_of_message_attributes().is_some(),
            !expected.is_empty()
        );
    }
}

#[tokio::test]
async fn received_message_is_hidden_until_its_time_and_counted() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    assert_eq!(world.depth("work"), (1, 0, 0));
    assert_eq!(world.receive("work", 10).await.unwrap().len(), 1);
    assert_eq!(world.depth("work"), (0, 1, 0));
    assert_eq!(world.sqs.next_due_ms(["work"]), Some(1_030_000));

    world.clock.set(1_029_999);
    assert!(world.receive("work", 10).await.unwrap().is_empty());
    world.clock.set(1_030_000);
    let again = &world.receive("work", 10).await.unwrap()[0];
    assert_eq!(
        system(again, &MessageSystemAttributeName::ApproximateReceiveCount),
        Some("2")
    );
    assert_eq!(
        system(
            again,
            &MessageSystemAttributeName::ApproximateFirstReceiveTimestamp
        ),
        Some("1000000")
    );
}

#[tokio::test]
async fn delayed_message_is_not_there_before_its_time() {
    let world = world().await.unwrap();
    let request = world
        .client
        .send_message()
        .queue_url(Sqs::queue_url("work"))
        .message_body("later");
    request.delay_seconds(60).send().await.unwrap();
    world.send("work", "now").await.unwrap();

    assert_eq!(world.depth("work"), (1, 0, 1));
    assert_eq!(world.bodies("work").await.unwrap(), ["now"]);
    world.later(60);
    assert_eq!(world.bodies("work").await.unwrap(), ["later", "now"]);
}

#[tokio::test]
async fn message_received_too_often_becomes_a_dead_letter() {
    let world = world().await.unwrap();
    let id = world.send("work", "poison").await.unwrap();
    for round in 1..=3 {
        assert_eq!(world.receive("work", 10).await.unwrap().len(), 1, "round {round}");
        world.later(30);
    }
    assert_eq!(
        world.depth("dead"),
        (0, 0, 0),
        "only the next receive gives it up"
    );

    assert!(world.receive("work", 10).await.unwrap().is_empty());

    assert_eq!(world.depth("work"), (0, 0, 0));
    let dead = &world.receive("dead", 10).await.unwrap()[0];
    assert_eq!(dead.message_id(), Some(id.as_str()));
    for (name, expected) in [
        (MessageSystemAttributeName::DeadLetterQueueSourceArn, arn("work")),
        (
            MessageSystemAttributeName::ApproximateReceiveCount,
            "4".to_owned(),
        ),
        (MessageSystemAttributeName::SentTimestamp, "1000000".to_owned()),
    ] {
        assert_eq!(system(dead, &name), Some(expected.as_str()), "{name}");
    }
}

#[tokio::test]
async fn message_expires_with_its_age_also_among_the_dead_letters() {
    let world = world().await.unwrap();
    world.send("work", "old").await.unwrap();
    for _ in 0..4 {
        world.receive("work", 10).await.unwrap();
        world.later(30);
    }
    assert_eq!(world.depth("dead"), (1, 0, 0));
    world.send("work", "young").await.unwrap();

    world.clock.set(1_000_000 + 345_600_000);
    assert!(world.receive("dead", 10).await.unwrap().is_empty());
    assert_eq!(world.bodies("work").await.unwrap(), ["young"]);
    world.later(345_600);
    assert!(world.receive("work", 10).await.unwrap().is_empty());
    assert_eq!(world.depth("work"), (0, 0, 0));
}

#[tokio::test]
async fn state_survives_json_and_forks_go_their_own_ways() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    let held = receipt(&world.receive("work", 1).await.unwrap()[0]);
    let json = serde_json::to_string(&world.sqs.snapshot()).unwrap();
    let read: super::State = serde_json::from_str(&json).unwrap();
    assert_eq!(read, world.sqs.snapshot());

    let fork = world.sqs.fork();
    let other = client_of(&fork).unwrap();
    let delete = other
        .delete_message()
        .queue_url(Sqs::queue_url("work"))
        .receipt_handle(held);
    delete.send().await.unwrap();
    assert_eq!(fork.depth("work"), Depth::default());
    assert_eq!(world.depth("work"), (0, 1, 0));

    fork.restore(read);
    assert_eq!(fork.snapshot(), world.sqs.snapshot());
}

#[tokio::test]
async fn same_requests_at_the_same_times_give_the_same_bytes() {
    let run = async || {
        let world = world().await.unwrap();
        let mut log = Vec::new();
        for body in ["a", "b"] {
            log.push(world.send("work", body).await.unwrap());
        }
        for _ in 0..5 {
            let messages = world.receive("work", 2).await.unwrap();
            log.extend(messages.iter().map(receipt));
            world.later(30);
        }
        (log, serde_json::to_string(&world.sqs.snapshot()).unwrap())
    };
    assert_eq!(run().await, run().await);
}

#[tokio::test]
async fn missing_queue_is_named_by_its_error() {
    let world = world().await.unwrap();
    let request = world.client.receive_message().queue_url(Sqs::queue_url("none"));
    let error = request.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist(), "{error:?}");
    assert_eq!(error.code(), Some("AWS.SimpleQueueService.NonExistentQueue"));
}
