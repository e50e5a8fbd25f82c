//! Settling by receipt: deleting, and changing how long a message stays hidden.

use aws_sdk_sqs::error::ProvideErrorMetadata;

use super::{World, receipt, world};
use crate::sqs::{Sqs, StaleReceipts};

async fn delete(world: &World, handle: &str) -> Option<String> {
    let request = world.client.delete_message().queue_url(Sqs::queue_url("work"));
    let answer = request.receipt_handle(handle).send().await;
    answer
        .err()
        .and_then(|error| error.into_service_error().code().map(str::to_owned))
}

async fn hide(world: &World, handle: &str, seconds: i32) -> Option<String> {
    let request = world
        .client
        .change_message_visibility()
        .queue_url(Sqs::queue_url("work"));
    let answer = request
        .receipt_handle(handle)
        .visibility_timeout(seconds)
        .send()
        .await;
    answer
        .err()
        .and_then(|error| error.into_service_error().code().map(str::to_owned))
}

async fn held(world: &World) -> String {
    receipt(&world.receive("work", 1).await.unwrap()[0])
}

#[tokio::test]
async fn deleted_message_is_gone_and_deleting_it_again_succeeds() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    let handle = held(&world).await;
    assert_eq!(delete(&world, &handle).await, None);
    assert_eq!(delete(&world, &handle).await, None);
    world.later(60);
    assert!(world.receive("work", 1).await.unwrap().is_empty());
}

#[tokio::test]
async fn latest_receipt_deletes_also_when_the_message_is_visible_again() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    let handle = held(&world).await;
    world.later(31);
    assert_eq!(delete(&world, &handle).await, None);
    assert_eq!(world.depth("work"), (0, 0, 0));
}

#[tokio::test]
async fn stale_receipt_succeeds_and_does_what_the_switch_says() {
    for (policy, left) in [(StaleReceipts::Ignored, 1), (StaleReceipts::Honoured, 0)] {
        let world = world().await.unwrap();
        world.sqs.edit(|state, _| state.stale_receipts = policy);
        world.send("work", "a").await.unwrap();
        let stale = held(&world).await;
        world.later(30);
        let latest = held(&world).await;
        assert_ne!(stale, latest);
        assert_eq!(delete(&world, &stale).await, None);
        assert_eq!(world.depth("work").1, left, "{policy:?}");
    }
}

#[tokio::test]
async fn visibility_is_counted_from_the_change() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    let handle = held(&world).await;
    world.later(20);
    assert_eq!(hide(&world, &handle, 100).await, None);
    world.later(99);
    assert!(world.receive("work", 1).await.unwrap().is_empty());
    assert_eq!(hide(&world, &handle, 0).await, None);
    assert_eq!(world.receive("work", 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn visibility_of_what_is_not_held_cannot_be_changed() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    let first = held(&world).await;
    world.later(30);
    assert_eq!(
        hide(&world, &first, 10).await.as_deref(),
        Some("AWS.SimpleQueueService.MessageNotInflight")
    );
    let second = held(&world).await;
    assert_eq!(
        hide(&world, &first, 10).await.as_deref(),
        Some("InvalidParameterValue"),
        "stale"
    );
    assert_eq!(delete(&world, &second).await, None);
    assert_eq!(
        hide(&world, &second, 10).await.as_deref(),
        Some("InvalidParameterValue"),
        "deleted"
    );
}

#[tokio::test]
async fn message_is_hidden_for_twelve_hours_at_most() {
    let world = world().await.unwrap();
    world.send("work", "a").await.unwrap();
    let handle = held(&world).await;
    assert_eq!(
        hide(&world, &handle, 43_201).await.as_deref(),
        Some("InvalidParameterValue")
    );
    world.later(10);
    assert_eq!(
        hide(&world, &handle, 43_191).await.as_deref(),
        Some("InvalidParameterValue")
    );
    assert_eq!(hide(&world, &handle, 43_190).await, None);
}

#[tokio::test]
async fn receipt_that_no_queue_gave_out_is_invalid() {
    let world = world().await.unwrap();
    world.send("dead", "a").await.unwrap();
    let of_dead = receipt(&world.receive("dead", 1).await.unwrap()[0]);
    for handle in ["", "nonsense", "d29yay8x", &of_dead] {
        assert_eq!(
            delete(&world, handle).await.as_deref(),
            Some("ReceiptHandleIsInvalid"),
            "{handle}"
        );
    }
}
