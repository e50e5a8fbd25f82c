//! What kept a ticket from a step, as `ticket show` tells it.

use anyhow::Result;
use local::demo::sandbox_settings;
use local::stand::Stand;
use serde_json::json;

use crate::desk::{json as run_json, run};

const TICKET: u64 = 5101;
const SHOW: [&str; 5] = ["ticket", "show", "acme", "zendesk", "5101"];

/// The bug that the sample's first ticket reports.
const A_BUG: usize = 0;

#[tokio::test]
async fn ticket_that_the_desk_does_not_give_out_is_shown_with_its_message_and_the_reason() -> Result<()> {
    let stand = Stand::new().await?;
    stand.open("acme", A_BUG, TICKET).await?;
    stand.open("acme", A_BUG, TICKET + 1).await?;
    stand.sandbox.edit(|outside, _| {
        outside.zendesk.remove_ticket(TICKET);
        outside.zendesk.remove_ticket(TICKET + 1);
    });
    stand.drain().await?;
    let shown = run_json(&stand, &SHOW).await?;
    assert_eq!(shown["outcome"], "held");
    let held = shown["held"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert_eq!(held.len(), 1, "the other ticket's is not shown: {held:?}");
    assert_eq!(
        (&held[0]["subject"], &held[0]["stage"], &held[0]["reason"]),
        (&json!("poison#extract"), &json!("extract"), &json!("not_found"))
    );
    let next = shown["next"].as_str().unwrap_or_default();
    assert!(
        next.starts_with("message of extract held for review: not_found"),
        "{next}"
    );
    let text = run(&stand, &SHOW).await?.stdout;
    assert!(text.contains("review show 'poison#extract'"), "{text}");
    // What it names is there.
    let step = held[0]["step"].as_str().unwrap_or_default();
    let row = run_json(&stand, &["review", "show", "poison#extract", step]).await?;
    assert_eq!(row["reason"], "not_found");
    Ok(())
}

#[tokio::test]
async fn repository_that_was_not_searched_is_shown_beside_the_place_that_was_found() -> Result<()> {
    let stand = Stand::new().await?;
    let repos = ["acme/gone".to_owned(), "acme/shop".to_owned()];
    stand.put("acme", &sandbox_settings("acme", &repos)).await?;
    stand.open("acme", A_BUG, TICKET).await?;
    stand.drain().await?;
    let shown = run_json(&stand, &SHOW).await?;
    assert_eq!(
        (&shown["outcome"], &shown["held"]),
        (&json!("billed"), &json!([]))
    );
    let mapped = shown["steps"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|step| step["step"].as_str().unwrap_or_default().starts_with("map#"));
    let unusable = mapped.map(|step| &step["result"]["unusable"]);
    assert_eq!(
        unusable,
        Some(&json!([{ "repo": "acme/gone", "reason": "repository_missing" }]))
    );
    let text = run(&stand, &SHOW).await?.stdout;
    assert!(
        text.contains("acme/gone not searched: repository_missing"),
        "{text}"
    );
    Ok(())
}
