//! What a plan costs: one pass over the table, a page at a time.

use anyhow::Result;
use serde_json::{Value, json};

use crate::desk::plan;
use local::stand::{NOW_MS, Stand};

/// Runs of the plain test.
const RUNS: u64 = 1_000;

/// Steps of a finished run, with the stage that drives each.
const STEPS: [(&str, &str); 9] = [
    ("extract#c0", "extract"),
    ("map#c0", "map"),
    ("qualify#c0", "qualify"),
    ("bill", ""),
    ("patch#acme/shop", "open-pr"),
    ("pr#acme/shop", "open-pr"),
    ("rca", "publish-rca"),
    ("rca-comment", "publish-rca"),
    ("slack#C0RATCHET", "notify"),
];

fn item(run: u64, step: &str, stage: &str) -> Value {
    json!({ "PutRequest": { "Item": {
        "subject": { "S": format!("ticket#acme#zendesk#{run}") }, "step": { "S": step },
        "state": { "S": "sealed" }, "fence": { "N": "1" }, "content": { "S": "c0" },
        "stage": { "S": stage }, "message": { "S": if stage.is_empty() { "" } else { "{\"v\":1}" } },
        "body": { "S": format!("{{\"filler\":\"{}\"}}", "x".repeat(400)) },
        "first_claimed_at": { "N": NOW_MS.to_string() }, "settled_at": { "N": NOW_MS.to_string() },
    }}})
}

fn finish(world: &Stand, runs: u64) {
    let mut items = (0..runs).flat_map(|run| STEPS.map(|(step, stage)| item(run, step, stage)));
    loop {
        let batch: Vec<Value> = items.by_ref().take(25).collect();
        if batch.is_empty() {
            return;
        }
        let body = json!({ "RequestItems": { "LedgerTable": batch } }).to_string();
        let aws = &world.cloud.aws;
        let reply = aws.answer("DynamoDB_20120810.BatchWriteItem", body.as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}

#[tokio::test]
async fn plan_reads_the_table_once_and_holds_no_more_than_it_prints() -> Result<()> {
    let world = Stand::new().await?;
    finish(&world, RUNS);
    world.tap.forget();
    let planned = plan(&world, &["--limit", "5"]).await?;
    assert_eq!(
        (planned["runs"].as_u64(), planned["charge_max"].as_u64()),
        (Some(RUNS), Some(0))
    );
    let steps = RUNS * STEPS.len() as u64;
    assert_eq!(planned["steps"]["reuse"], steps);
    assert_eq!(planned["messages"], RUNS, "each run is passed through once");
    assert_eq!(planned["lines"].as_array().map(Vec::len), Some(5));
    assert_eq!(planned["lines_left_out"], steps - 5);
    let counts = world.tap.counts();
    // A page is a MiB of rows, and a row here is about 700 bytes.
    let scans = counts.get("Scan").copied().unwrap_or(0);
    assert!((2..=1 + steps * 1_000 / (1 << 20)).contains(&scans), "{counts:?}");
    assert_eq!(counts.get("PutItem"), Some(&1), "the plan's own row");
    assert_eq!(counts.get("Query"), None);
    Ok(())
}
