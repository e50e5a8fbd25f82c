//! The demo's table, its counts, and its check: what the ledger planned is what the providers have, each once.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::{OrgId, Provider as TicketProvider, TicketNumber, TicketRef};
use ratchet_guard::store::Item;
use ratchet_runtime::usage::Usage;
use serde_json::{Value, json};

use super::leaks;
use super::price::dollars;
use super::row::{Row, reading_ledger, row};
use super::setup::{CAPPED_ORG, World};
use super::story::Told;
use crate::sandbox::effect::EffectKind;
use crate::watch::WRITES;

/// What the demo ends with.
#[derive(Debug)]
pub(super) struct Report {
    rows: Vec<Row>,
    gates: BTreeMap<&'static str, u64>,
    answers: BTreeMap<String, u64>,
    crashes: u64,
    faults: u64,
    planned: usize,
    made: usize,
    entries: u64,
    total: u64,
    writes: u64,
    queue_requests: u64,
    model_calls: u64,
    tokens: (u64, u64),
    explained: Vec<String>,
    problems: Vec<String>,
}

impl Report {
    /// Reads the ledger, the usage table and the providers, and compares them.
    pub(super) async fn of(world: &World, told: &Told) -> Result<Self> {
        let ledger = reading_ledger(world);
        let writes = world.watch.writes();
        let mut rows = Vec::new();
        for (org, number) in &told.tickets {
            let ticket = TicketRef {
                org: OrgId::parse(org.as_str())?,
                provider: TicketProvider::Zendesk,
                number: TicketNumber::parse(number.as_str())?,
            };
            let life = ledger.life(&ticket.subject()).await?;
            let mut row = row(&ticket, &life)?;
            row.cost.writes = writes.get(&ticket.subject()).copied().unwrap_or(0);
            rows.push(row);
        }
        let counts = world.watch.counts();
        let written = WRITES
            .iter()
            .filter_map(|name| counts.get(&format!("dynamodb {name}")));
        let usage = world.sandbox.read(|outside| outside.model.usage());
        let mut report = Self {
            gates: gates(&rows),
            planned: 0,
            made: 0,
            answers: told.answers.clone(),
            crashes: told.crashes,
            faults: world
                .sandbox
                .read(|outside| outside.faults.fired().values().sum()),
            entries: 0,
            total: 0,
            writes: written.sum(),
            queue_requests: counts
                .iter()
                .filter(|(name, _)| name.starts_with("sqs "))
                .map(|(_, calls)| calls)
                .sum(),
            model_calls: world.sandbox.read(|outside| outside.model.questions()),
            tokens: (usage.input, usage.output),
            rows,
            explained: Vec::new(),
            problems: Vec::new(),
        };
        report.compare_effects(world);
        report.compare_bills(world).await?;
        report.explain_one(world).await?;
        report.compare_story();
        report.compare_questions();
        let leaks = leaks::found(world, &told.tickets).await?;
        report.problems.extend(leaks);
        Ok(report)
    }

    /// What is not as promised; empty when all is.
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Planned by the ledger and made at the providers: the same markers, each once.
    fn compare_effects(&mut self, world: &World) {
        let planned: BTreeSet<String> = self.rows.iter().flat_map(|row| row.planned.clone()).collect();
        let mut made: BTreeMap<String, u64> = BTreeMap::new();
        for effect in world.sandbox.effects() {
            let counts = matches!(
                effect.kind,
                EffectKind::Comment | EffectKind::PullRequest | EffectKind::Message | EffectKind::Issue
            );
            if counts {
                *made
                    .entry(effect.marker.unwrap_or_else(|| format!("unmarked {}", effect.id)))
                    .or_default() += 1;
            }
        }
        self.planned = planned.len();
        self.made = usize::try_from(made.values().sum::<u64>()).unwrap_or(usize::MAX);
        for (marker, times) in &made {
            if *times != 1 || !planned.contains(marker) {
                self.problems.push(format!(
                    "effect {marker} was made {times} times, planned: {}",
                    planned.contains(marker)
                ));
            }
        }
        for marker in planned.iter().filter(|marker| !made.contains_key(*marker)) {
            self.problems
                .push(format!("effect {marker} was planned and not made"));
        }
    }

    /// Entries, totals and billed tickets: the same number.
    async fn compare_bills(&mut self, world: &World) -> Result<()> {
        let scanned = world
            .cloud
            .aws
            .link()
            .dynamo()
            .scan()
            .table_name("UsageTable")
            .send()
            .await?;
        for item in scanned.items() {
            let text = |name: &str| {
                item.get(name)
                    .and_then(|value| value.as_s().ok())
                    .map_or("", String::as_str)
            };
            self.count_tokens(item);
            if text("sk").starts_with("entry#") {
                self.entries += 1;
            }
            if text("sk") == "total" {
                self.total += match item.get("mapped_bugs") {
                    Some(AttributeValue::N(digits)) => digits.parse().unwrap_or(0),
                    _ => 0,
                };
            }
        }
        let charged = self.rows.iter().filter(|row| row.charged).count() as u64;
        if self.entries != charged || self.total != charged {
            self.problems.push(format!(
                "{charged} tickets are billed, {} entries, total {}",
                self.entries, self.total
            ));
        }
        Ok(())
    }

    /// The tokens of a model step are on record under its ticket.
    fn count_tokens(&mut self, item: &Item) {
        let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok());
        let count = |name: &str| {
            let digits = item.get(name).and_then(|value| value.as_n().ok());
            digits.and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0)
        };
        let (Some(org), Some(ticket)) = (text("org"), text("ticket")) else {
            return;
        };
        if !text("sk").is_some_and(|sk| sk.starts_with("call#")) {
            return;
        }
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.org == *org && ticket.rsplit(':').next() == Some(row.ticket.as_str()));
        if let Some(row) = row {
            row.cost.model_calls += count("calls");
            row.cost.input += count("input");
            row.cost.output += count("output");
        }
    }

    /// The first bill in plain words, with the proof that it is among those that were sealed.
    async fn explain_one(&mut self, world: &World) -> Result<()> {
        let Some(row) = self.rows.iter().find(|row| row.charged) else {
            return Ok(());
        };
        let ticket = TicketRef {
            org: OrgId::parse(row.org.as_str())?,
            provider: TicketProvider::Zendesk,
            number: TicketNumber::parse(row.ticket.as_str())?,
        };
        let usage = Usage::new(world.cloud.aws.link().dynamo(), "UsageTable");
        let explained = usage.explain(&reading_ledger(world), &ticket).await?;
        let proved = explained.as_ref().and_then(|explained| explained.proved.as_ref());
        if !proved.is_some_and(|proved| proved.holds) {
            self.problems
                .push(format!("the bill of {} has no proof", ticket.label()));
        }
        self.explained.push(format!("why {} was billed", ticket.label()));
        self.explained
            .extend(explained.into_iter().flat_map(|explained| explained.why));
        Ok(())
    }

    /// Every question that the model answered is on record under its ticket.
    fn compare_questions(&mut self) {
        let recorded: u64 = self.rows.iter().map(|row| row.cost.model_calls).sum();
        if recorded != self.model_calls {
            self.problems.push(format!(
                "the model was asked {} times, {recorded} are on record",
                self.model_calls
            ));
        }
    }

    /// Everything that the story set up has happened.
    fn compare_story(&mut self) {
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                self.problems.push(what.to_owned());
            }
        };
        let gate = |name: &str| self.gates.get(name).copied().unwrap_or(0);
        let answered = |name: &str| self.answers.get(name).copied().unwrap_or(0);
        let capped = self
            .rows
            .iter()
            .filter(|row| row.org == CAPPED_ORG && row.outcome == "capped")
            .count();
        let spanning = self.rows.iter().filter(|row| row.pulls.contains(' ')).count();
        expect(self.rows.len() >= 12, "fewer than 12 tickets came");
        expect(gate("billed") >= 6, "fewer than 6 tickets were billed");
        expect(gate("not a bug") >= 1, "no ticket was found to be no bug");
        expect(gate("held") >= 1, "no ticket was held for review");
        expect(capped == 1, "the org at its cap has not exactly one capped bug");
        expect(spanning >= 1, "no bug spans both repositories");
        expect(
            answered("401 error") == 2,
            "the tampered and the stale webhook were not both refused",
        );
        expect(
            answered("200 duplicate") >= 12,
            "fewer than 12 webhooks were duplicates",
        );
        expect(self.crashes == 1, "no process crashed between effect and record");
        expect(self.faults >= 1, "no reply was lost");
        for row in &self.rows {
            let unsettled = matches!(row.outcome.as_str(), "unfinished" | "parked");
            if unsettled {
                self.problems.push(format!(
                    "ticket {} of {} ended {}",
                    row.ticket, row.org, row.outcome
                ));
            }
        }
    }

    /// The same as JSON, for a machine.
    pub(super) fn to_json(&self) -> Value {
        let tickets: Vec<Value> = self.rows.iter().map(Row::to_json).collect();
        let (input, output) = self.tokens;
        json!({
            "tickets": tickets,
            "gates": self.gates,
            "webhooks": self.answers,
            "crashes": self.crashes,
            "faults": self.faults,
            "effects": { "planned": self.planned, "made": self.made },
            "bills": { "entries": self.entries, "total": self.total, "explained": self.explained },
            "counts": {
                "table_writes": self.writes, "queue_requests": self.queue_requests,
                "model_calls": self.model_calls, "input_tokens": input, "output_tokens": output,
                "dollars": dollars(input, output, self.writes, self.queue_requests),
            },
            "problems": self.problems,
        })
    }

    fn per_ticket(&self, count: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "counts of a demo are far below 2^52")]
        let share = count as f64 / self.rows.len().max(1) as f64;
        share
    }
}

fn gates(rows: &[Row]) -> BTreeMap<&'static str, u64> {
    let mut gates = BTreeMap::new();
    for row in rows {
        let name = match row.outcome.as_str() {
            "billed" => "billed",
            "held" => "held",
            "capped" => "capped",
            "not a bug" => "not a bug",
            _ => "unfinished",
        };
        *gates.entry(name).or_default() += 1;
    }
    gates
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        table.set_header(Row::HEADS);
        for row in &self.rows {
            table.add_row(row.cells());
        }
        writeln!(f, "{table}\n")?;
        let listed = |counts: Vec<(String, u64)>| {
            counts
                .iter()
                .map(|(name, count)| format!("{name} {count}"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let answers = self
            .answers
            .iter()
            .map(|(name, count)| (name.clone(), *count))
            .collect();
        let gates = self
            .gates
            .iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect();
        writeln!(f, "webhooks: {}", listed(answers))?;
        writeln!(f, "gates: {}", listed(gates))?;
        writeln!(
            f,
            "on the way: {} process crashed, {} reply lost",
            self.crashes, self.faults
        )?;
        let (input, output) = self.tokens;
        let cost = dollars(input, output, self.writes, self.queue_requests);
        #[expect(clippy::cast_precision_loss, reason = "a demo has a handful of tickets")]
        let each = cost / self.rows.len().max(1) as f64;
        writeln!(
            f,
            "per ticket: {:.1} model calls, {:.1} table writes, {:.1} queue requests, about {each:.4} dollars (list prices)",
            self.per_ticket(self.model_calls),
            self.per_ticket(self.writes),
            self.per_ticket(self.queue_requests),
        )?;
        writeln!(f, "bills: {} entries, total {}", self.entries, self.total)?;
        writeln!(f, "{}", self.explained.join("\n  "))?;
        let sign = if self.planned == self.made { "=" } else { "!=" };
        write!(
            f,
            "effects planned {} {sign} effects made {}",
            self.planned, self.made
        )
    }
}
