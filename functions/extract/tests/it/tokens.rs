//! Each model call is counted once, by its step and content, whatever becomes of the process or of a reply.

use anyhow::Result;
use local::aws::Call;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::ids::OrgId;
use ratchet_guard::store::Item;
use ratchet_runtime::tokens::TokenMeter;

const TICKET: u64 = 5101;

/// The rows of the period's token usage: the calls, and the total.
async fn counted(stand: &Stand) -> Result<(Vec<Item>, Item)> {
    let partition = TokenMeter::partition(&OrgId::parse("acme")?, &stand.month(), 0);
    let dynamo = stand.cloud.aws.link().dynamo();
    let rows = dynamo.scan().table_name("UsageTable").send().await?;
    let is_ours = |row: &Item| text(row, "org_period") == partition;
    let rows: Vec<Item> = rows.items().iter().filter(|row| is_ours(row)).cloned().collect();
    let (total, calls): (Vec<Item>, Vec<Item>) = rows.into_iter().partition(|row| text(row, "sk") == "total");
    Ok((calls, total.into_iter().next().unwrap_or_default()))
}

fn text(row: &Item, name: &str) -> String {
    let text = row.get(name).and_then(|value| value.as_s().ok());
    text.cloned().unwrap_or_default()
}

fn number(row: &Item, name: &str) -> u64 {
    let digits = row.get(name).and_then(|value| value.as_n().ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Every step once, and the total is the sum of the steps.
async fn counts_each_step_once(stand: &Stand) -> Result<u64> {
    let (calls, total) = counted(stand).await?;
    let mut steps: Vec<String> = calls.iter().map(|call| text(call, "step")).collect();
    steps.sort();
    let kinds: Vec<&str> = steps
        .iter()
        .map(|step| step.split('#').next().unwrap_or_default())
        .collect();
    assert_eq!(kinds, ["extract", "map", "patch", "rca"], "{steps:?}");
    for name in ["input", "output", "calls"] {
        let sum: u64 = calls.iter().map(|call| number(call, name)).sum();
        assert_eq!(number(&total, name), sum, "{name}");
        assert!(sum > 0, "{name}");
    }
    Ok(calls.iter().map(|call| number(call, "lost_attempts")).sum())
}

/// The transaction that seals the first answer.
fn is_answer(call: &Call) -> bool {
    call.operation == "TransactWriteItems" && call.json().to_string().contains("tokens#")
}

async fn settle(stand: &Stand) -> Result<()> {
    stand.drain().await?;
    for _ in 0..2 {
        stand.clock.advance(20 * MINUTE_MS);
        stand.tick().await?;
        stand.drain().await?;
    }
    Ok(())
}

#[tokio::test]
async fn call_whose_seal_lost_its_reply_is_counted_once() -> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", 0, TICKET).await?;
    stand.tap.lose_reply(is_answer);
    settle(&stand).await?;
    assert_eq!(counts_each_step_once(&stand).await?, 0, "nothing was lost");
    Ok(())
}

#[tokio::test]
async fn call_whose_process_died_with_the_answer_is_counted_once_and_the_lost_one_apart() -> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", 0, TICKET).await?;
    stand.tap.crash_before(is_answer);
    settle(&stand).await?;
    assert_eq!(counts_each_step_once(&stand).await?, 1, "one answer was lost");
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}
