//! Copies of a store: forks, restores, files, and the sweep of what has expired.

use std::sync::Arc;

use aws_sdk_dynamodb::types::TimeToLiveSpecification;

use super::{attempt_on_record, bill, claim, create, number, put, world};
use crate::clock::ManualClock;
use crate::embedded::EmbeddedDynamo;

#[tokio::test]
async fn forks_go_their_own_ways() {
    let (dynamo, client) = world().await.unwrap();
    put(&client, claim("both", "before").unwrap()).await.unwrap();
    let fork = dynamo.fork().unwrap().client();

    put(&client, claim("mine", "here").unwrap()).await.unwrap();
    put(&fork, claim("theirs", "there").unwrap()).await.unwrap();

    for (client, subject, expected) in [
        (&client, "both", Some("before")),
        (&fork, "both", Some("before")),
        (&client, "mine", Some("here")),
        (&fork, "mine", None),
        (&client, "theirs", None),
        (&fork, "theirs", Some("there")),
    ] {
        assert_eq!(
            attempt_on_record(client, subject).await.unwrap().as_deref(),
            expected
        );
    }
}

#[tokio::test]
async fn restore_brings_back_rows_and_tokens() {
    let (dynamo, client) = world().await.unwrap();
    let transact = || {
        client
            .transact_write_items()
            .client_request_token("token-1")
            .set_transact_items(Some(bill(9, "a", "first").unwrap()))
            .send()
    };
    let empty = dynamo.snapshot().unwrap();
    transact().await.unwrap();
    let billed = dynamo.snapshot().unwrap();

    for _ in 0..3 {
        dynamo.restore(&empty).unwrap();
        assert_eq!(attempt_on_record(&client, "a").await.unwrap(), None);
        transact().await.unwrap();
        dynamo.restore(&billed).unwrap();
        assert!(attempt_on_record(&client, "a").await.unwrap().is_some());
        transact().await.unwrap();
    }
}

#[tokio::test]
async fn tables_of_a_dropped_fork_do_not_haunt_the_next() {
    let (dynamo, _) = world().await.unwrap();
    for round in 0..3 {
        let fork = dynamo.fork().unwrap();
        let client = fork.client();
        let tables = client.list_tables().send().await.unwrap();
        assert_eq!(tables.table_names(), ["ledger"], "round {round}");
        let own = client.describe_table().table_name("own").send().await;
        assert!(own.is_err(), "round {round}: {own:?}");
        create(&client, "own").await.unwrap();
        put(&client, claim("a", "x").unwrap()).await.unwrap();
        let deeper = fork.fork().unwrap().client();
        assert_eq!(deeper.list_tables().send().await.unwrap().table_names().len(), 2);
        client.delete_table().table_name("ledger").send().await.unwrap();
        assert!(
            put(&deeper, claim("a", "y").unwrap()).await.is_err(),
            "the row is copied"
        );
    }
}

#[tokio::test]
async fn file_keeps_the_rows_and_can_be_copied_to_memory() {
    let dir = std::env::temp_dir().join(format!("ratchet-embedded-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let path = dir.join("dynamo.db");
    {
        let dynamo = EmbeddedDynamo::open(&path).unwrap();
        create(&dynamo.client(), "ledger").await.unwrap();
        put(&dynamo.client(), claim("t", "kept").unwrap()).await.unwrap();
        let fork = dynamo.fork().unwrap().client();
        put(&fork, claim("u", "forked").unwrap()).await.unwrap();
        assert!(dynamo.restore(&dynamo.snapshot().unwrap()).is_err());
    }
    let again = EmbeddedDynamo::open(&path).unwrap().client();
    assert_eq!(
        attempt_on_record(&again, "t").await.unwrap().as_deref(),
        Some("kept")
    );
    assert_eq!(attempt_on_record(&again, "u").await.unwrap(), None);
    std::fs::remove_dir_all(&dir).unwrap();
}

#[tokio::test]
async fn sweep_deletes_what_is_past_its_time() {
    let clock = Arc::new(ManualClock::at(1_000_000));
    let dynamo = EmbeddedDynamo::memory_at(Arc::<ManualClock>::clone(&clock)).unwrap();
    let client = dynamo.client();
    create(&client, "ledger").await.unwrap();
    let ttl = TimeToLiveSpecification::builder()
        .attribute_name("ttl")
        .enabled(true)
        .build()
        .unwrap();
    client
        .update_time_to_live()
        .table_name("ledger")
        .time_to_live_specification(ttl)
        .send()
        .await
        .unwrap();
    let mut row = claim("t", "x").unwrap();
    row.item.insert("ttl".to_owned(), number(2_000));
    put(&client, row).await.unwrap();

    assert_eq!(dynamo.sweep_ttl().unwrap(), 0);
    clock.set(2_001_000);
    assert_eq!(dynamo.sweep_ttl().unwrap(), 1);
    assert_eq!(attempt_on_record(&client, "t").await.unwrap(), None);
}

/// Asks the store itself, past the SDK.
fn ask(dynamo: &EmbeddedDynamo, operation: &str, request: &serde_json::Value) -> serde_json::Value {
    let target = format!("DynamoDB_20120810.{operation}");
    let (status, body) = dynamo.answer(&target, request.to_string().as_bytes());
    assert_eq!(status, 200, "{operation}: {body}");
    serde_json::from_str(&body).unwrap()
}

#[test]
fn restore_to_and_fro_brings_back_every_table_and_its_index() {
    use serde_json::json;

    let dynamo = EmbeddedDynamo::memory().unwrap();
    let key = |name: &str| json!([{ "AttributeName": name, "KeyType": "HASH" }]);
    for table in ["Dues", "DuesTwin"] {
        let index = json!([{ "IndexName": "due", "KeySchema": key("due"), "Projection": { "ProjectionType": "ALL" } }]);
        let names = ["id", "due"].map(|name| json!({ "AttributeName": name, "AttributeType": "S" }));
        ask(
            &dynamo,
            "CreateTable",
            &json!({ "TableName": table, "KeySchema": key("id"),
            "AttributeDefinitions": names, "GlobalSecondaryIndexes": index, "BillingMode": "PAY_PER_REQUEST" }),
        );
    }
    let put = |table: &str, id: &str, due: &str| {
        let item = json!({ "id": { "S": id }, "due": { "S": due }, "note": { "S": format!("{id} {due}") } });
        ask(&dynamo, "PutItem", &json!({ "TableName": table, "Item": item }));
    };
    let seen = || {
        let of = |table: &str| {
            let due = ask(
                &dynamo,
                "Query",
                &json!({ "TableName": table, "IndexName": "due",
                "KeyConditionExpression": "due = :due", "ExpressionAttributeValues": { ":due": { "S": "now" } } }),
            );
            let all = ask(&dynamo, "Scan", &json!({ "TableName": table }));
            (
                due["Count"].clone(),
                all["Items"].clone(),
                dynamo.rows(table).unwrap().len(),
            )
        };
        (of("Dues"), of("DuesTwin"))
    };

    put("Dues", "a", "now");
    put("DuesTwin", "a", "now");
    let (first, then) = (dynamo.snapshot().unwrap(), seen());
    put("Dues", "a", "later");
    put("Dues", "b", "now");
    ask(
        &dynamo,
        "DeleteItem",
        &json!({ "TableName": "DuesTwin", "Key": { "id": { "S": "a" } } }),
    );
    let (second, now) = (dynamo.snapshot().unwrap(), seen());
    assert_ne!(then, now);

    for _ in 0..3 {
        dynamo.restore(&first).unwrap();
        assert_eq!(seen(), then);
        put("DuesTwin", "c", "now");
        dynamo.restore(&second).unwrap();
        assert_eq!(seen(), now);
        put("Dues", "a", "now");
    }
}
