//! What the storm left: planned against made, what is stuck, what is doubled, and how long healing took.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::PoisonError;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::{OrgId, Provider as TicketProvider, TicketNumber, TicketRef};
use ratchet_domain::park::{Mend, Reason};
use ratchet_guard::clock::Millis;
use ratchet_guard::store::Item;
use ratchet_guard::{Record, State};
use serde_json::{Value, json};

use super::hours::Hours;
use super::story::Phase;
use crate::demo::row::{reading_ledger, row};
use crate::demo::setup::{ORG, World};
use crate::sandbox::effect::EffectKind;

/// One line of the table.
#[derive(Debug, Default, Clone)]
struct Line {
    tickets: u64,
    billed: u64,
    held: u64,
    no_bug: u64,
    planned: u64,
    made: u64,
    stuck: u64,
    doubled: u64,
}

/// What the run ends with.
#[derive(Debug)]
pub(super) struct Report {
    lines: BTreeMap<Phase, Line>,
    weather: BTreeMap<&'static str, u64>,
    outages: u64,
    healed: u64,
    unseen: u64,
    healing_ms_max: Millis,
    healing_ms_all: Millis,
    sweep_ms: Millis,
    sweeps: (u64, u64),
    alarms: BTreeMap<String, u64>,
    resent: u64,
    lost_deliveries: u64,
    pub(super) repairs: u64,
    entries: u64,
    problems: Vec<String>,
}

impl Report {
    /// Reads the ledger, the usage table, the queues and the providers.
    pub(super) async fn of(hours: &Hours<'_>, tickets: &BTreeMap<u64, Phase>, repairs: u64) -> Result<Self> {
        let world = hours.world;
        let outages = world
            .sandbox
            .read(|outside| outside.faults.fired().values().sum::<u64>());
        let mut report = Self {
            lines: BTreeMap::new(),
            weather: hours.storm.counts(),
            outages,
            healed: 0,
            unseen: 0,
            healing_ms_max: 0,
            healing_ms_all: 0,
            sweep_ms: hours.sweep_ms(),
            sweeps: (hours.tally.sweeps, hours.tally.sweeps_failed),
            alarms: hours.tally.alarms.clone(),
            resent: hours.tally.resent,
            lost_deliveries: hours.tally.lost_deliveries,
            repairs,
            entries: 0,
            problems: Vec::new(),
        };
        report.healing(hours, tickets);
        report.tickets(world, tickets).await?;
        report.queues(world);
        report.bills(world).await?;
        Ok(report)
    }

    /// What is not as promised; empty when all is.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Only kills of the first phase count: nothing else was in the way of their healing.
    fn healing(&mut self, hours: &Hours<'_>, tickets: &BTreeMap<u64, Phase>) {
        let kills = hours.kills.lock().unwrap_or_else(PoisonError::into_inner);
        for ((stage, body), kills) in kills.iter() {
            let ticket = ratchet_domain::message::Envelope::parse(*stage, body)
                .ok()
                .and_then(|envelope| envelope.body.ticket().number.as_str().parse::<u64>().ok());
            let calm = ticket.and_then(|id| tickets.get(&id)) == Some(&Phase::Kills);
            // A second kill of the same message starts its clock anew.
            let Some(last) = kills.last() else { continue };
            let Some(healed_ms) = last.healed_ms else {
                self.problems
                    .push(format!("a message of {stage} was killed and never settled"));
                continue;
            };
            if calm && last.unseen {
                self.unseen += 1;
            } else if calm {
                let took_ms = healed_ms.saturating_sub(last.at_ms);
                self.healed += 1;
                self.healing_ms_all += took_ms;
                self.healing_ms_max = self.healing_ms_max.max(took_ms);
            }
        }
        if self.healing_ms_max > 2 * self.sweep_ms {
            self.problems.push(format!(
                "healing took {} s after a kill, more than two sweep periods",
                self.healing_ms_max / 1000
            ));
        }
    }

    async fn tickets(&mut self, world: &World, tickets: &BTreeMap<u64, Phase>) -> Result<()> {
        let ledger = reading_ledger(world);
        let mut made = made(world);
        let targets: BTreeMap<String, String> = world
            .sandbox
            .effects()
            .into_iter()
            .filter_map(|effect| Some((effect.marker?, format!("{:?} on {}", effect.kind, effect.target))))
            .collect();
        for (id, phase) in tickets {
            let ticket = TicketRef {
                org: OrgId::parse(ORG)?,
                provider: TicketProvider::Zendesk,
                number: TicketNumber::parse(id.to_string())?,
            };
            let life = ledger.life(&ticket.subject()).await?;
            let row = row(&ticket, &life)?;
            let stuck: Vec<&Record> = life.iter().filter(|record| is_stuck(record)).collect();
            let line = self.lines.entry(*phase).or_default();
            line.tickets += 1;
            match row.outcome.as_str() {
                "billed" => line.billed += 1,
                "held" => line.held += 1,
                "not a bug" => line.no_bug += 1,
                other => {
                    line.stuck += 1;
                    self.problems.push(format!("ticket {id} ended {other}"));
                }
            }
            line.planned += row.planned.len() as u64;
            line.stuck += stuck.len() as u64;
            for record in stuck {
                let (state, reason) = (record.state.as_str(), record.reason.as_deref().unwrap_or("-"));
                self.problems
                    .push(format!("{} is {state}, reason {reason}", record.key));
            }
            for marker in &row.planned {
                let times = made.remove(marker).unwrap_or(0);
                line.made += times;
                line.doubled += times.saturating_sub(1);
                if times != 1 {
                    self.problems
                        .push(format!("effect {marker} of ticket {id} was made {times} times"));
                }
            }
        }
        for (marker, times) in made {
            let on = targets.get(&marker).map_or("-", String::as_str);
            self.problems.push(format!(
                "effect {marker} ({on}) was made {times} times and not planned"
            ));
        }
        Ok(())
    }

    fn queues(&mut self, world: &World) {
        for name in world.cloud.template.queues.keys() {
            let depth = world.cloud.aws.sqs.depth(name);
            let left = depth.visible + depth.in_flight + depth.delayed;
            if left > 0 {
                self.problems.push(format!("queue {name} holds {left} messages"));
            }
        }
    }

    async fn bills(&mut self, world: &World) -> Result<()> {
        let items = scan(world, "UsageTable").await?;
        let text = |item: &Item, name: &str| match item.get(name) {
            Some(AttributeValue::S(text)) => text.clone(),
            _ => String::new(),
        };
        let mut total = 0;
        for item in &items {
            if text(item, "sk").starts_with("entry#") {
                self.entries += 1;
            }
            if text(item, "sk") == "total"
                && let Some(AttributeValue::N(digits)) = item.get("mapped_bugs")
            {
                total += digits.parse::<u64>().unwrap_or(0);
            }
        }
        let billed: u64 = self.lines.values().map(|line| line.billed).sum();
        if self.entries != billed || total != billed {
            self.problems.push(format!(
                "{billed} tickets are billed, {} entries, total {total}",
                self.entries
            ));
        }
        Ok(())
    }

    /// The same as JSON, for a machine.
    pub(super) fn to_json(&self, seed: u64) -> Value {
        let line = |line: &Line| {
            json!({
                "tickets": line.tickets, "billed": line.billed, "held": line.held, "not_a_bug": line.no_bug,
                "planned": line.planned, "made": line.made, "stuck": line.stuck, "doubled": line.doubled,
            })
        };
        let lines: BTreeMap<&str, Value> = self
            .lines
            .iter()
            .map(|(phase, of)| (phase.as_str(), line(of)))
            .collect();
        json!({
            "seed": seed,
            "phases": lines,
            "weather": self.weather,
            "provider_faults": self.outages,
            "healing": {
                "kills": self.healed, "longest_ms": self.healing_ms_max, "sweep_period_ms": self.sweep_ms,
                "before_the_first_call": self.unseen,
                "mean_ms": self.healing_ms_all / self.healed.max(1),
            },
            "sweeps": self.sweeps.0, "sweeps_failed": self.sweeps.1, "alarms": self.alarms,
            "resent": self.resent, "lost_deliveries": self.lost_deliveries, "repairs": self.repairs,
            "bills": self.entries,
            "problems": self.problems,
        })
    }
}

/// Effects at the providers, by marker.
pub(super) fn made(world: &World) -> BTreeMap<String, u64> {
    let mut made = BTreeMap::new();
    for effect in world.sandbox.effects() {
        let counts = matches!(
            effect.kind,
            EffectKind::Comment | EffectKind::PullRequest | EffectKind::Message | EffectKind::Issue
        );
        if counts {
            let marker = effect.marker.unwrap_or_else(|| format!("unmarked {}", effect.id));
            *made.entry(marker).or_default() += 1;
        }
    }
    made
}

/// Not finished, and nobody but a person would be right to decide it.
fn is_stuck(record: &Record) -> bool {
    match record.state {
        State::Claimed => true,
        State::Sealed | State::Receipt => false,
        State::Parked => record
            .reason
            .as_deref()
            .and_then(Reason::from_word)
            .is_none_or(|reason| matches!(reason.mend(), Mend::Retry | Mend::MendThenRetry)),
    }
}

async fn scan(world: &World, table: &str) -> Result<Vec<Item>> {
    let dynamo = world.cloud.aws.link().dynamo();
    let mut items = Vec::new();
    let mut start = None;
    loop {
        let page = dynamo
            .scan()
            .table_name(table)
            .set_exclusive_start_key(start)
            .send()
            .await?;
        items.extend(page.items().iter().cloned());
        start = page.last_evaluated_key;
        if start.is_none() {
            return Ok(items);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_header([
            "weather", "tickets", "billed", "held", "no bug", "planned", "made", "stuck", "doubled",
        ]);
        let mut all = Line::default();
        for (phase, line) in &self.lines {
            table.add_row(cells(phase.as_str(), line));
            all.tickets += line.tickets;
            all.billed += line.billed;
            all.held += line.held;
            all.no_bug += line.no_bug;
            all.planned += line.planned;
            all.made += line.made;
            all.stuck += line.stuck;
            all.doubled += line.doubled;
        }
        table.add_row(cells("all", &all));
        writeln!(f, "{table}\n")?;
        let listed = |pairs: Vec<String>| pairs.join(", ");
        let weather = self.weather.iter().map(|(name, count)| format!("{name} {count}"));
        writeln!(
            f,
            "weather: {}, {} provider calls met a fault or an outage, {} webhooks were never delivered",
            listed(weather.collect()),
            self.outages,
            self.lost_deliveries
        )?;
        let alarms = self.alarms.iter().map(|(name, count)| format!("{name} {count}"));
        writeln!(f, "alarms: {}", listed(alarms.collect()))?;
        writeln!(
            f,
            "healing: {} sweeps ({} died), {} messages sent again, {} repairs by reconcile",
            self.sweeps.0, self.sweeps.1, self.resent, self.repairs
        )?;
        writeln!(
            f,
            "from crash to healed, {} kills in calm weather: {} s on average, {} s at most; two sweep periods are {} s; \
            {} more came before a first call and waited for their queue's visibility",
            self.healed,
            self.healing_ms_all / self.healed.max(1) / 1000,
            self.healing_ms_max / 1000,
            2 * self.sweep_ms / 1000,
            self.unseen
        )?;
        let sign = if all.planned == all.made { "=" } else { "!=" };
        write!(
            f,
            "bills: {} entries\nplanned {} {sign} made {}, {} stuck, {} doubled",
            self.entries, all.planned, all.made, all.stuck, all.doubled
        )
    }
}

fn cells(name: &str, line: &Line) -> Vec<String> {
    let numbers = [
        line.tickets,
        line.billed,
        line.held,
        line.no_bug,
        line.planned,
        line.made,
        line.stuck,
        line.doubled,
    ];
    std::iter::once(name.to_owned())
        .chain(numbers.map(|number| number.to_string()))
        .collect()
}
