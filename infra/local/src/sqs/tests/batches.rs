//! Batches: all or nothing where the request is wrong, entry by entry where an entry is.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry,
};

use super::{World, receipt, world};
use crate::sqs::Sqs;

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .build()
        .unwrap()
}

async fn send(world: &World, entries: Vec<SendMessageBatchRequestEntry>) -> Result<Vec<String>, String> {
    let request = world
        .client
        .send_message_batch()
        .queue_url(Sqs::queue_url("work"));
    match request.set_entries(Some(entries)).send().await {
        Ok(answer) => Ok(answer
            .failed()
            .iter()
            .map(|entry| format!("{} {}", entry.id(), entry.code()))
            .collect()),
        Err(error) => Err(error.into_service_error().code().unwrap_or_default().to_owned()),
    }
}

#[tokio::test]
async fn wrong_batch_is_refused_whole() {
    let world = world().await.unwrap();
    let eleven = (0..11).map(|id| entry(&id.to_string(), "x")).collect();
    let half = "x".repeat(512 * 1024 + 1);
    for (case, entries, code) in [
        ("empty", vec![], "AWS.SimpleQueueService.EmptyBatchRequest"),
        (
            "eleven",
            eleven,
            "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
        ),
        (
            "same ids",
            vec![entry("a", "x"), entry("a", "y")],
            "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
        ),
        (
            "odd id",
            vec![entry("a b", "x")],
            "AWS.SimpleQueueService.InvalidBatchEntryId",
        ),
        (
            "two bytes above 1 MiB",
            vec![entry("a", &half), entry("b", &half)],
            "AWS.SimpleQueueService.BatchRequestTooLong",
        ),
    ] {
        assert_eq!(send(&world, entries).await, Err(code.to_owned()), "{case}");
        assert_eq!(world.depth("work"), (0, 0, 0), "{case}");
    }
}

#[tokio::test]
async fn wrong_entry_fails_alone() {
    let world = world().await.unwrap();
    let failed = send(
        &world,
        vec![entry("a", "x"), entry("b", "\u{1}"), entry("c", "z")],
    )
    .await
    .unwrap();
    assert_eq!(failed, ["b InvalidMessageContents"]);
    assert_eq!(world.bodies("work").await.unwrap(), ["x", "z"]);
}

#[tokio::test]
async fn batches_settle_entry_by_entry() {
    let world = world().await.unwrap();
    send(&world, (0..10).map(|id| entry(&id.to_string(), "x")).collect())
        .await
        .unwrap();
    let held: Vec<String> = world
        .receive("work", 10)
        .await
        .unwrap()
        .iter()
        .map(receipt)
        .collect();
    assert_eq!(held.len(), 10);

    let mut deletes = world
        .client
        .delete_message_batch()
        .queue_url(Sqs::queue_url("work"));
    for (id, handle) in held[..4]
        .iter()
        .map(String::as_str)
        .chain(["nonsense"])
        .enumerate()
    {
        let entry = DeleteMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .receipt_handle(handle);
        deletes = deletes.entries(entry.build().unwrap());
    }
    let answer = deletes.send().await.unwrap();
    assert_eq!(answer.successful().len(), 4);
    assert_eq!(answer.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert!(answer.failed()[0].sender_fault());
    assert_eq!(world.depth("work"), (0, 6, 0));

    let mut changes = world
        .client
        .change_message_visibility_batch()
        .queue_url(Sqs::queue_url("work"));
    for (id, handle) in held[3..6].iter().enumerate() {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(id.to_string())
            .receipt_handle(handle)
            .visibility_timeout(0);
        changes = changes.entries(entry.build().unwrap());
    }
    let answer = changes.send().await.unwrap();
    assert_eq!(answer.successful().len(), 2);
    assert_eq!(answer.failed()[0].id(), "0", "it is deleted");
    assert_eq!(world.depth("work"), (2, 4, 0));
}
