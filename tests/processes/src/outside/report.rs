//! What is on record and what landed, as one document.

use anyhow::{Context as _, Result};
use local::demo::CHANNEL;
use serde_json::{Value, json};

use super::{Outside, REPOSITORIES};

/// The field of Zendesk's metadata that holds our marker.
const MARKER: &str = "ratchet_effect";

pub(super) fn of(outside: &Outside) -> Result<Value> {
    let rows: Vec<Value> = scan(outside, "LedgerTable")?
        .iter()
        .map(|row| {
            json!({
                "step": text(row, "step"), "state": text(row, "state"), "reason": text(row, "reason"),
                "fence": row.pointer("/fence/N"), "unfinished": row.get("unfinished").is_some(),
            })
        })
        .collect();
    let events: Vec<Value> = scan(outside, "EventsTable")?
        .iter()
        .map(|row| json!({ "consumed": row.get("consumed_at").is_some(), "unfinished": row.get("unfinished").is_some() }))
        .collect();
    let usage = scan(outside, "UsageTable")?;
    let billing = usage
        .iter()
        .filter(|row| text(row, "org_period").starts_with("acme#"));
    let entries = billing
        .clone()
        .filter(|row| text(row, "sk").starts_with("entry#"))
        .count();
    let total: u64 = billing
        .filter(|row| text(row, "sk") == "total")
        .filter_map(|row| row.pointer("/mapped_bugs/N")?.as_str()?.parse::<u64>().ok())
        .sum();
    let (pulls, comments, messages, issues) = outside.sandbox.read(|providers| {
        let pulls = REPOSITORIES.map(|name| (name, providers.github.pulls(name).len()));
        let tickets = providers.zendesk.ticket_ids();
        let marked = tickets
            .iter()
            .map(|ticket| providers.zendesk.marked_comments(*ticket, MARKER));
        let comments: u32 = marked.flat_map(std::collections::BTreeMap::into_values).sum();
        let issues = REPOSITORIES.map(|name| providers.github.issues(name).len());
        (
            pulls,
            comments,
            providers.slack.messages(CHANNEL).len(),
            issues.iter().sum::<usize>(),
        )
    });
    let queues: Vec<(String, usize)> = outside.cloud.aws.sqs.read(|state| {
        let left = state
            .queues
            .iter()
            .filter(|(_, queue)| !queue.messages.is_empty());
        left.map(|(name, queue)| (name.clone(), queue.messages.len()))
            .collect()
    });
    Ok(json!({
        "rows": rows, "events": events, "entries": entries, "total": total, "pulls": pulls,
        "comments": comments, "messages": messages, "issues": issues, "queues": queues,
    }))
}

/// How many rows of the ledger are sealed.
pub(super) fn sealed(outside: &Outside) -> Result<u64> {
    let rows = scan(outside, "LedgerTable")?;
    Ok(rows.iter().filter(|row| text(row, "state") == "sealed").count() as u64)
}

fn text<'r>(row: &'r Value, name: &str) -> &'r str {
    row.get(name)
        .and_then(|value| value.get("S"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// Every row of a table.
fn scan(outside: &Outside, table: &str) -> Result<Vec<Value>> {
    let mut rows = Vec::new();
    let mut start = Value::Null;
    loop {
        let mut request = json!({ "TableName": table });
        if let (false, Some(fields)) = (start.is_null(), request.as_object_mut()) {
            fields.insert("ExclusiveStartKey".to_owned(), start);
        }
        let body = request.to_string();
        let (status, answer) = outside
            .cloud
            .aws
            .dynamo
            .answer("DynamoDB_20120810.Scan", body.as_bytes());
        anyhow::ensure!(status == 200, "table `{table}` is not read: {answer}");
        let mut page: Value = serde_json::from_str(&answer)?;
        let items = page
            .get_mut("Items")
            .and_then(Value::as_array_mut)
            .context("a scan without items")?;
        rows.append(items);
        start = page.get("LastEvaluatedKey").cloned().unwrap_or_default();
        if start.is_null() {
            return Ok(rows);
        }
    }
}
