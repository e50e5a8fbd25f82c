//! Work whose message nobody turns into a claim: it goes out a few times, and then a person is asked.

use anyhow::{Context, Result};
use ratchet_domain::stage::Stage;
use ratchet_guard::{State, Unfinished};
use serde_json::json;

use local::stand::{MINUTE_MS, Stand};

/// A sweep's message goes out at most every six hours.
const LONG_MS: u64 = 6 * 60 * MINUTE_MS;

/// An extraction that crashed before its seal, of a ticket that its desk has deleted since: every delivery ends before it
/// claims.
async fn deleted() -> Result<Stand> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world
        .tap
        .crash_before(|call| call.operation == "TransactWriteItems");
    world.drain().await?;
    world.lose(Stage::Extract);
    world
        .sandbox
        .edit(|outside, _| outside.zendesk.remove_ticket(5101));
    Ok(world)
}

/// Sweeps, and lets the stages work, until a sweep gives the work up; how many messages went out.
async fn given_up(world: &Stand) -> Result<u64> {
    let mut sent = 0;
    for _ in 0..20 {
        world.clock.advance(LONG_MS);
        let summary = world.tick().await?;
        world.drain().await?;
        sent += summary.claims + summary.waiting;
        if summary.parked == 1 {
            return Ok(sent);
        }
    }
    anyhow::bail!("after {sent} messages the sweep still sends it");
}

#[tokio::test]
async fn work_on_a_deleted_ticket_is_sent_a_few_times_and_then_waits_for_a_person() -> Result<()> {
    let world = deleted().await?;
    assert_eq!(given_up(&world).await?, 8, "as many times as work is attempted");
    let due = world.ledger()?.due(&[Unfinished::Review], 10).await?;
    let row = due
        .records
        .iter()
        .find(|record| record.key.step().starts_with("extract#"));
    let row = row.context("it waits for a person")?;
    assert_eq!(
        (row.state, row.reason.as_deref()),
        (State::Parked, Some("never_claimed"))
    );
    for _ in 0..10 {
        world.clock.advance(LONG_MS);
        let summary = world.tick().await?;
        assert_eq!((summary.claims, summary.waiting, summary.parked), (0, 0, 0));
        assert!(world.queued(Stage::Extract).is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn work_that_nobody_claimed_goes_on_when_an_operator_lets_it() -> Result<()> {
    let world = deleted().await?;
    given_up(&world).await?;
    world.write(0, 5101)?;
    assert_eq!(
        world
            .replay(json!({ "source": "operator", "id": "a" }))
            .await?
            .resumed,
        2
    );
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    let due = world
        .ledger()?
        .due(&[Unfinished::Claimed, Unfinished::Review], 10)
        .await?;
    assert!(due.records.is_empty(), "{due:?}");
    Ok(())
}
