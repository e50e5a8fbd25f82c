//! What happens: who writes when, how hard it blows, which provider is away.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use ratchet_guard::clock::Millis;
use ratchet_runtime::serve::Function;
use serde_json::json;

use super::hours::{Hours, printed};
use super::storm::Weather;
use crate::demo::setup::{ORG, tickets};
use crate::sandbox::Provider;

/// Time between two tickets, in ms.
const BETWEEN_MS: Millis = 45_000;
/// How long one provider is away, in ms.
const OUTAGE_MS: Millis = 40 * 60_000;
/// Of how many tickets one webhook is never sent.
const UNSENT_ONE_IN: u64 = 25;
/// Rounds of comparison and repair after the storm, at most.
const ROUNDS_MAX: u64 = 6;

/// A part of the storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Phase {
    /// Processes are killed; nothing else is wrong.
    Kills,
    /// Processes are killed, calls fail.
    Faults,
    /// The same, and one provider is away.
    Outage(Provider),
}

impl Phase {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Kills => "kills",
            Self::Faults => "kills and faults",
            Self::Outage(Provider::Zendesk) => "outage of zendesk",
            Self::Outage(Provider::Github) => "outage of github",
            Self::Outage(Provider::Slack) => "outage of slack",
            Self::Outage(Provider::Anthropic) => "outage of anthropic",
        }
    }
}

/// Tickets of each part; 200 in all.
const PHASES: [(Phase, u64); 6] = [
    (Phase::Kills, 60),
    (Phase::Faults, 60),
    (Phase::Outage(Provider::Zendesk), 20),
    (Phase::Outage(Provider::Github), 20),
    (Phase::Outage(Provider::Slack), 20),
    (Phase::Outage(Provider::Anthropic), 20),
];

/// Tells the story; answers which ticket came in which part, and how many repairs were carried out.
pub(super) async fn tell(hours: &mut Hours<'_>) -> Result<(BTreeMap<u64, Phase>, u64)> {
    let sample = tickets()?;
    let mut told = BTreeMap::new();
    let began_ms = hours.world.now_ms();
    let mut id = 10_000;
    for (phase, count) in PHASES {
        let faults = if phase == Phase::Kills { 0 } else { 8 };
        hours.storm.set(Weather { kills: 8, faults });
        if let Phase::Outage(provider) = phase {
            hours
                .world
                .sandbox
                .edit(|outside, _| outside.faults.outage(provider, true));
        }
        let ends_ms = hours.world.now_ms() + OUTAGE_MS;
        for _ in 0..count {
            let turn = usize::try_from(id).unwrap_or(0) % sample.len();
            let ticket = sample.get(turn).context("the sample is empty")?;
            hours.world.open(ticket, id);
            if phase != Phase::Faults || !hours.storm.one_in(UNSENT_ONE_IN) {
                hours.deliver(id);
            } else {
                hours.tally.lost_deliveries += 1;
            }
            told.insert(id, phase);
            id += 1;
            Box::pin(hours.until(hours.world.now_ms() + BETWEEN_MS)).await?;
        }
        if let Phase::Outage(provider) = phase {
            Box::pin(hours.until(ends_ms)).await?;
            hours
                .world
                .sandbox
                .edit(|outside, _| outside.faults.outage(provider, false));
        }
        if phase == Phase::Kills {
            // What was killed heals in calm weather, so that only the sweep is measured.
            hours.storm.set(Weather::default());
            Box::pin(hours.until(hours.world.now_ms() + OUTAGE_MS)).await?;
        }
    }
    hours.storm.set(Weather::default());
    Box::pin(hours.until(hours.world.now_ms() + 2 * 3_600_000)).await?;
    let repairs = Box::pin(compare(hours, began_ms)).await?;
    Ok((told, repairs))
}

/// Plans and carries out repairs until a plan has none.
pub(super) async fn compare(hours: &mut Hours<'_>, began_ms: Millis) -> Result<u64> {
    let mut repairs = 0;
    // The sample's other org shares this one's desk: compared for it, too, every ticket would be a second customer's.
    for round in 0..ROUNDS_MAX {
        let until_ms = hours.world.now_ms() - 15 * 60_000;
        let ask = |id: String| {
            json!({
                "source": "operator", "id": id, "by": "chaos", "org": ORG,
                "since": printed(began_ms), "until": printed(until_ms),
            })
        };
        let functions = hours.process.functions();
        let deadline_ms = hours.world.now_ms() + hours.world.cloud.timeout_ms("reconcile");
        let plan = functions
            .reconcile
            .call(ask(format!("plan {round}")), deadline_ms)
            .await;
        let plan = plan.map_err(anyhow::Error::msg)?;
        let work = plan
            .items
            .iter()
            .filter(|item| item.repair != reconcile::Repair::Look)
            .count();
        if work == 0 && plan.unread.is_empty() {
            return Ok(repairs);
        }
        let mut apply = ask(format!("apply {round}"));
        if let Some(fields) = apply.as_object_mut() {
            fields.insert("apply".to_owned(), json!(plan.plan_hash));
        }
        let applied = functions.reconcile.call(apply, deadline_ms).await;
        repairs += applied.map_err(anyhow::Error::msg)?.applied;
        Box::pin(hours.until(hours.world.now_ms() + 30 * 60_000)).await?;
    }
    anyhow::bail!("the ledger and the world do not agree after {ROUNDS_MAX} rounds of repair")
}
