//! A sweep costs what is stuck, not what was ever done.

use std::collections::BTreeMap;

use anyhow::Result;
use ratchet_domain::stage::Stage;
use ratchet_guard::{Work, WorkKey};
use serde_json::json;

use local::stand::{MINUTE_MS, Stand};

const STUCK: u64 = 1_000;

/// Finished rows, written in batches as they stand after their seal.
fn finish(world: &Stand, count: u64) {
    let ids: Vec<u64> = (0..count).collect();
    for chunk in ids.chunks(25) {
        let rows = chunk.iter().map(|id| {
            json!({ "PutRequest": { "Item": {
                "subject": { "S": format!("ticket#acme#zendesk#done-{id}") }, "step": { "S": "bill" },
                "state": { "S": "sealed" }, "fence": { "N": "1" }, "content": { "S": "c" }, "body": { "S": "{}" },
            }}})
        });
        let body = json!({ "RequestItems": { "LedgerTable": rows.collect::<Vec<_>>() } }).to_string();
        let reply = world
            .cloud
            .aws
            .answer("DynamoDB_20120810.BatchWriteItem", body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}

/// The calls of a sweep over [`STUCK`] claims among `finished` rows.
async fn sweep_among(finished: u64) -> Result<BTreeMap<String, u64>> {
    let world = Stand::new().await?;
    finish(&world, finished);
    for id in 0..STUCK {
        let key = WorkKey::new(format!("ticket#acme#zendesk#{id}"), "pr#acme/shop");
        let work = Work::new(key, "c").driven_by("open-pr", format!("m{id}"));
        world.claimed(&work).await?;
    }
    world.clock.advance(10 * MINUTE_MS);
    world.tap.forget();
    assert_eq!(world.tick().await?.claims, STUCK);
    let counts = world.tap.counts();
    assert_eq!(world.queued(Stage::OpenPr).len() as u64, STUCK, "each once");

    // The next sweep reads what is still stuck, and sends and writes nothing for it.
    world.clock.advance(MINUTE_MS);
    world.tap.forget();
    assert_eq!(world.tick().await?.claims, 0);
    let second = world.tap.counts();
    assert_eq!(second.get("items"), Some(&STUCK));
    assert_eq!(second.get("SendMessageBatch"), None);
    Ok(counts)
}

#[tokio::test]
async fn reads_and_writes_follow_what_is_stuck_and_not_what_is_finished() -> Result<()> {
    let few = sweep_among(0).await?;
    let many = sweep_among(20_000).await?;
    assert_eq!(few, many, "what is finished is not looked at");
    assert_eq!(many.get("items"), Some(&STUCK), "every stuck row is read once");
    let queries = many.get("Query").copied().unwrap_or(0);
    // Three kinds in eight shards, and one page more for every hundred rows.
    assert!(queries <= 3 * 8 + STUCK / 100 + 8, "{queries} queries");
    // One note a row, and one for the trigger's seal.
    assert_eq!(many.get("UpdateItem"), Some(&(STUCK + 1)));
    assert!(
        many.get("SendMessageBatch").copied().unwrap_or(0) <= STUCK / 10 + 8,
        "{many:?}"
    );
    assert_eq!(many.get("Scan"), None);
    Ok(())
}
