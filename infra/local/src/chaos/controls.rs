//! What an operator holds back, on the whole pipeline: nothing is lost, nothing is counted against it, nothing leaks out.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result};
use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_guard::clock::Millis;
use ratchet_guard::{Record, State};
use serde_json::{Value, json};

use super::hours::Hours;
use super::report::made;
use super::storm::{Storm, Stormy};
use crate::demo::row::{Row, reading_ledger, row};
use crate::demo::setup::{ORG, World, sandbox_settings, tickets};

const MINUTE_MS: Millis = 60_000;
const HOUR_MS: Millis = 60 * MINUTE_MS;

pub(super) async fn world() -> Result<World> {
    World::with(|path| path == "shared/domain/src/redact/address.rs").await
}

pub(super) fn hours(world: &World) -> Result<Hours<'_>> {
    let storm = Storm::new(world.watch.clone(), 1);
    let stormy = Stormy {
        sandbox: world.sandbox.clone(),
        storm: Arc::clone(&storm),
    };
    let process = Arc::new(world.process_behind(storm.clone(), Arc::new(stormy))?);
    Hours::new(world, process, storm)
}

/// The org's settings with these controls, from now on.
pub(super) async fn control(world: &World, controls: Value) -> Result<()> {
    let mut document = sandbox_settings(ORG, &["acme/shop".to_owned()]);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("controls".to_owned(), controls);
    }
    world.overwrite(ORG, &document).await
}

/// The customer's clear bug comes as this ticket.
pub(super) fn open(hours: &mut Hours<'_>, id: u64) -> Result<()> {
    let sample = tickets()?;
    let first = sample.first().context("the sample is empty")?;
    hours.world.open(first, id);
    hours.deliver(id);
    Ok(())
}

pub(super) async fn pass(hours: &mut Hours<'_>, for_ms: Millis) -> Result<()> {
    let end_ms = hours.world.now_ms() + for_ms;
    Box::pin(hours.until(end_ms)).await
}

pub(super) async fn life(world: &World, id: u64) -> Result<(Row, Vec<Record>)> {
    let ticket = TicketRef {
        org: OrgId::parse(ORG)?,
        provider: Provider::Zendesk,
        number: TicketNumber::parse(id.to_string())?,
    };
    let life = reading_ledger(world).life(&ticket.subject()).await?;
    Ok((row(&ticket, &life)?, life))
}

/// Planned and made are the same, each once.
pub(super) fn is_complete(world: &World, row: &Row) -> bool {
    let made: BTreeMap<String, u64> = made(world);
    !row.planned.is_empty()
        && row
            .planned
            .iter()
            .all(|marker| made.get(marker).copied() == Some(1))
}

/// Most receives that a message has now, and how many messages are dead.
fn receives(world: &World) -> (u32, usize) {
    let most = world.cloud.aws.sqs.read(|state| {
        let messages = state.queues.values().flat_map(|queue| queue.messages.values());
        messages.map(|message| message.receives).max().unwrap_or(0)
    });
    let dead = world
        .cloud
        .template
        .queues
        .values()
        .filter_map(|queue| queue.redrive.as_ref())
        .map(|(dlq, _)| world.cloud.aws.sqs.depth(dlq).visible)
        .sum();
    (most, dead)
}

#[tokio::test]
async fn a_paused_org_waits_uncounted_and_loses_nothing() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    control(&world, json!({"paused": true})).await?;
    open(&mut hours, 1).context("ticket")?;
    pass(&mut hours, 3 * HOUR_MS).await?;
    let (_, rows) = life(&world, 1).await?;
    assert!(rows.is_empty(), "a paused org has started work");
    let (most, dead) = receives(&world);
    assert!(most <= 1, "a message was received {most} times");
    assert_eq!(dead, 0);
    control(&world, json!({})).await?;
    pass(&mut hours, HOUR_MS).await?;
    let (row, _) = life(&world, 1).await?;
    assert!(row.charged && is_complete(&world, &row), "{row:?}");
    Ok(())
}

#[tokio::test]
async fn a_stage_paused_for_all_orgs_holds_its_own_messages_only() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    world
        .overwrite("*", &json!({"paused_stages": ["open-pr"]}))
        .await?;
    open(&mut hours, 1).context("ticket")?;
    pass(&mut hours, HOUR_MS).await?;
    let (row, rows) = life(&world, 1).await?;
    assert!(row.charged, "stages before the paused one go on");
    assert!(!rows.iter().any(|record| record.key.step().starts_with("patch#")));
    assert_eq!(made(&world).len(), 0);
    world.overwrite("*", &json!({})).await?;
    pass(&mut hours, HOUR_MS).await?;
    let (row, _) = life(&world, 1).await?;
    assert!(is_complete(&world, &row), "{row:?}");
    Ok(())
}

#[tokio::test]
async fn effects_that_are_off_are_planned_and_made_when_they_are_on() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    control(&world, json!({"effects": "off"})).await?;
    open(&mut hours, 1).context("ticket")?;
    pass(&mut hours, 2 * HOUR_MS).await?;
    let (row, rows) = life(&world, 1).await?;
    assert!(row.charged, "everything still decides and records");
    assert_eq!(made(&world).len(), 0, "an effect was made while effects are off");
    let planned = rows.iter().find(|record| record.key.step().starts_with("pr#"));
    let planned = planned.context("the pull request is not planned")?;
    assert_eq!(
        (planned.state, planned.reason.as_deref()),
        (State::Parked, Some("effects_off"))
    );
    control(&world, json!({})).await?;
    pass(&mut hours, HOUR_MS).await?;
    let (row, _) = life(&world, 1).await?;
    assert!(is_complete(&world, &row), "{row:?}");
    Ok(())
}

#[tokio::test]
async fn an_org_in_the_shadow_decides_everything_and_makes_nothing() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    control(&world, json!({"effects": "shadow"})).await?;
    open(&mut hours, 1).context("ticket")?;
    pass(&mut hours, 3 * HOUR_MS).await?;
    let (row, rows) = life(&world, 1).await?;
    assert!(row.charged, "would have billed");
    assert_eq!(made(&world).len(), 0);
    let noted = rows
        .iter()
        .filter(|record| record.reason.as_deref() == Some("shadow"))
        .count();
    assert_eq!(noted, row.planned.len(), "would have made");
    Ok(())
}

#[tokio::test]
async fn a_rate_spreads_the_work_and_loses_none() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    control(&world, json!({"starts_per_minute": 2})).await?;
    for id in 1..=4 {
        open(&mut hours, id)?;
    }
    pass(&mut hours, MINUTE_MS / 2).await?;
    let mut started = 0;
    for id in 1..=4 {
        started += life(&world, id).await?.1.len();
    }
    assert_eq!(started, 2, "two starts a minute");
    pass(&mut hours, HOUR_MS).await?;
    for id in 1..=4 {
        let (row, _) = life(&world, id).await?;
        assert!(is_complete(&world, &row), "{row:?}");
    }
    assert_eq!(receives(&world), (0, 0));
    Ok(())
}

#[tokio::test]
async fn a_place_at_work_that_is_taken_is_free_when_its_time_is_over() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    control(&world, json!({"concurrency": 1})).await?;
    let until_ms = world.now_ms() + 20 * MINUTE_MS;
    let text = |value: &str| aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned());
    let dynamo = world.cloud.aws.link().dynamo();
    let taken = dynamo.put_item().table_name("LedgerTable");
    taken
        .item("subject", text("limit#acme"))
        .item("step", text("slot#0"))
        .item("holder", text("somebody who crashed"))
        .item(
            "until",
            aws_sdk_dynamodb::types::AttributeValue::N(until_ms.to_string()),
        )
        .send()
        .await?;
    open(&mut hours, 1)?;
    pass(&mut hours, 19 * MINUTE_MS).await?;
    assert!(life(&world, 1).await?.1.is_empty(), "the only place is taken");
    pass(&mut hours, HOUR_MS).await?;
    let (row, _) = life(&world, 1).await?;
    assert!(is_complete(&world, &row), "{row:?}");
    Ok(())
}
