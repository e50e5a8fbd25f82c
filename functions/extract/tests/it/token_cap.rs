//! A period's cap of model tokens: what would go over it waits on record, nothing is lost, and it goes on by itself.

use anyhow::{Context as _, Result};
use local::stand::{MINUTE_MS, Stand};
use ratchet_guard::{Record, State};
use serde_json::json;

const TICKET: u64 = 5101;
const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// The model has answered once, and that was the whole cap.
async fn spent() -> Result<Stand> {
    let stand = Stand::new().await?;
    stand.put_settings("acme", json!({ "token_cap": 1 })).await?;
    stand.open("acme", 0, TICKET).await?;
    stand.drain().await?;
    Ok(stand)
}

/// The step that waits.
async fn waiting(stand: &Stand) -> Result<Record> {
    let life = stand.life("acme", TICKET).await?;
    let mut waiting = life.into_values().filter(|record| record.state == State::Parked);
    let record = waiting.next().context("a step waits")?;
    assert!(waiting.next().is_none(), "one step waits");
    Ok(record)
}

/// An hour of sweeps.
async fn hour(stand: &Stand) -> Result<()> {
    for _ in 0..4 {
        stand.clock.advance(15 * MINUTE_MS);
        stand.tick().await?;
        stand.drain().await?;
    }
    Ok(())
}

#[tokio::test]
async fn model_step_over_the_cap_waits_with_its_reason_and_goes_on_when_the_cap_is_raised() -> Result<()> {
    let stand = spent().await?;
    let parked = waiting(&stand).await?;
    assert!(parked.key.step().starts_with("map#"), "{}", parked.key);
    assert_eq!(parked.reason.as_deref(), Some("token_capped"));
    assert!(parked.resume_at.is_some(), "it is looked at again by itself");
    let asked = stand.sandbox.read(|outside| outside.model.questions());

    hour(&stand).await?;
    assert_eq!(waiting(&stand).await?.reason.as_deref(), Some("token_capped"));
    assert_eq!(stand.effects("acme", TICKET).await?, [0, 0, 0]);
    assert_eq!(
        stand.sandbox.read(|outside| outside.model.questions()),
        asked,
        "no model is asked while the cap stands"
    );

    stand
        .put_settings("acme", json!({ "token_cap": 1_000_000 }))
        .await?;
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn model_step_over_the_cap_goes_on_in_the_next_month() -> Result<()> {
    let stand = spent().await?;
    waiting(&stand).await?;
    stand.clock.advance(9 * DAY_MS);
    hour(&stand).await?;
    assert_eq!(
        stand.effects("acme", TICKET).await?,
        [0, 0, 0],
        "it is still November"
    );
    stand.clock.advance(2 * DAY_MS);
    stand
        .put_settings("acme", json!({ "token_cap": 100_000 }))
        .await?;
    hour(&stand).await?;
    assert_eq!(stand.effects("acme", TICKET).await?, [1, 1, 1]);
    Ok(())
}
