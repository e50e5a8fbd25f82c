//! Finished runs in a stand's ledger, in any number: what a sweep must pass over, and what a plan reads.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{NOW_MS, Stand};

/// Rows of one `BatchWriteItem`. Source: DynamoDB's limit.
const BATCH: usize = 25;

/// Steps of a finished run, with the stage that drives each.
pub const STEPS: [(&str, &str); 9] = [
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

impl Stand {
    /// Puts so many finished runs of all [`STEPS`] on record, as they stand after their seals: about 700 bytes a row.
    ///
    /// # Errors
    /// When the store refuses a batch.
    pub fn finish_runs(&self, runs: u64) -> Result<()> {
        self.load((0..runs).flat_map(|run| STEPS.map(|(step, stage)| row(run, step, stage))))
    }

    /// Puts one sealed bill of each of so many tickets on record.
    ///
    /// # Errors
    /// When the store refuses a batch.
    pub fn finish_bills(&self, bills: u64) -> Result<()> {
        self.load((0..bills).map(|run| row(run, "bill", "")))
    }

    fn load(&self, rows: impl Iterator<Item = Value>) -> Result<()> {
        let mut rows = rows.peekable();
        while rows.peek().is_some() {
            let puts: Vec<Value> = rows
                .by_ref()
                .take(BATCH)
                .map(|row| json!({ "PutRequest": { "Item": row } }))
                .collect();
            let body = json!({ "RequestItems": { "LedgerTable": puts } }).to_string();
            let aws = &self.cloud.aws;
            let reply = aws.answer("DynamoDB_20120810.BatchWriteItem", body.as_bytes());
            ensure!(reply.status == 200, "{}", reply.body);
        }
        Ok(())
    }
}

/// The tickets' numbers begin with 9, so that none is one that a test opens.
fn row(run: u64, step: &str, stage: &str) -> Value {
    json!({
        "subject": { "S": format!("ticket#acme#zendesk#9{run}") }, "step": { "S": step },
        "state": { "S": "sealed" }, "fence": { "N": "1" }, "content": { "S": "c0" },
        "stage": { "S": stage }, "message": { "S": if stage.is_empty() { "" } else { "{\"v\":1}" } },
        "body": { "S": format!("{{\"filler\":\"{}\"}}", "x".repeat(400)) },
        "first_claimed_at": { "N": NOW_MS.to_string() }, "settled_at": { "N": NOW_MS.to_string() },
    })
}
