//! One ticket of the demo's table, read from its life on the ledger.

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use ratchet_domain::bug::{Extraction, Mapping};
use ratchet_domain::decision::{Decision, Gate};
use ratchet_domain::ids::TicketRef;
use ratchet_domain::step;
use ratchet_guard::clock::{Clock, CountedAttemptIds};
use ratchet_guard::timing::Timing;
use ratchet_guard::{Ledger, Record, State, WorkKey};
use ratchet_runtime::model::Asked;

use serde_json::{Value, json};

use super::price::dollars;
use super::setup::{CHANNEL, World};

/// One ticket of the table.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) org: String,
    pub(crate) ticket: String,
    pub(crate) outcome: String,
    pub(crate) scores: String,
    pub(crate) location: String,
    pub(crate) branch: String,
    pub(crate) pulls: String,
    pub(crate) comment: bool,
    pub(crate) charged: bool,
    pub(crate) planned: BTreeSet<String>,
    pub(crate) cost: Cost,
}

/// What one ticket took.
#[derive(Debug, Default)]
pub(crate) struct Cost {
    pub(crate) model_calls: u64,
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Writes that name it; those for all tickets, as counts of concurrency, are nobody's.
    pub(crate) writes: u64,
}

impl Row {
    /// The heads of [`Row::cells`].
    pub(super) const HEADS: [&str; 9] = [
        "org",
        "ticket",
        "outcome",
        "scores",
        "location",
        "branch",
        "draft pull requests",
        "comment",
        "charge",
    ];

    /// A line of the table.
    pub(super) fn cells(&self) -> [&str; 9] {
        [
            &self.org,
            &self.ticket,
            &self.outcome,
            &self.scores,
            &self.location,
            &self.branch,
            &self.pulls,
            if self.comment { "yes" } else { "" },
            if self.charged { "1" } else { "0" },
        ]
    }

    /// The same for a machine, with what it took; dollars are by list prices, without the queues.
    pub(super) fn to_json(&self) -> Value {
        let Cost {
            model_calls,
            input,
            output,
            writes,
        } = self.cost;
        json!({
            "org": self.org, "ticket": self.ticket, "outcome": self.outcome, "scores": self.scores,
            "location": self.location, "branch": self.branch, "pull_requests": self.pulls, "comment": self.comment,
            "charged": self.charged, "model_calls": model_calls, "input_tokens": input, "output_tokens": output,
            "table_writes": writes, "dollars": dollars(input, output, writes, 0),
        })
    }
}

/// A ledger that is only read: no lease is ever taken with it.
pub(crate) fn reading_ledger(world: &World) -> Ledger {
    let timing = Timing {
        request_life_ms_max: 0,
        lease_margin_ms: 0,
        backoff_ms_base: 0,
        backoff_ms_max: 0,
        attempts_max: 1,
    };
    let ids = Arc::new(CountedAttemptIds::new("report"));
    let clock: Arc<dyn Clock> = world.clock.clone();
    Ledger::new(world.cloud.aws.link().dynamo(), "LedgerTable", clock, ids, timing)
}

pub(crate) fn row(ticket: &TicketRef, life: &[Record]) -> Result<Row> {
    let mut row = Row {
        org: ticket.org.to_string(),
        ticket: ticket.number.to_string(),
        ..Row::default()
    };
    let mut last: Option<&Record> = None;
    for record in life {
        let name = record.key.step();
        if name.starts_with("extract#")
            && record.state == State::Sealed
            && let Asked::Answered(answered) = record.result::<Asked<Extraction>>()?
        {
            match answered.answer {
                Extraction::NotABug { .. } => row.outcome = "not a bug".to_owned(),
                Extraction::Bug(bug) => row.scores = format!("{:.2}", bug.ai_confidence),
            }
        }
        if name.starts_with("map#")
            && record.state == State::Sealed
            && let Asked::Answered(answered) = record.result::<Asked<Mapping>>()?
            && let Some(best) = answered.answer.locations.first()
        {
            row.location = format!("{}:{}", best.file, best.start_line);
        }
        if name.starts_with("qualify#") && last.is_none_or(|last| last.claimed_at <= record.claimed_at) {
            last = Some(record);
        }
    }
    if let Some(record) = last {
        decided(&mut row, ticket, record)?;
    }
    outside(&mut row, life);
    if !row.pulls.is_empty() {
        row.branch = ticket.bug().branch();
    }
    if row.outcome.is_empty() {
        row.outcome = "unfinished".to_owned();
    }
    Ok(row)
}

fn decided(row: &mut Row, ticket: &TicketRef, record: &Record) -> Result<()> {
    let decision: Decision = record.result()?;
    row.scores = format!(
        "{:.2} {:.2}",
        decision.ai_confidence, decision.location_confidence
    );
    row.outcome = match decision.gate {
        Gate::Billed => "billed".to_owned(),
        Gate::Held => "held".to_owned(),
        Gate::Capped => "capped".to_owned(),
        Gate::BilledBefore => "billed".to_owned(),
        Gate::Approved => "approved".to_owned(),
    };
    if !decision.gate.goes_on() {
        return Ok(());
    }
    row.charged = decision.gate == Gate::Billed;
    let steps = decision
        .repos
        .iter()
        .map(step::pr)
        .chain([step::RCA_COMMENT.to_owned(), step::slack(CHANNEL)]);
    row.planned = steps
        .map(|step| WorkKey::new(ticket.subject(), step).effect().to_string())
        .collect();
    Ok(())
}

fn outside(row: &mut Row, life: &[Record]) {
    let sealed = |record: &&Record| record.state == State::Sealed;
    let pulls: Vec<String> = life
        .iter()
        .filter(sealed)
        .filter(|record| record.key.step().starts_with("pr#"))
        .map(|record| {
            let link = record.external_id.as_deref().unwrap_or_default();
            let repo = record.key.step().rsplit('/').next().unwrap_or_default();
            format!("{repo}#{}", link.rsplit('/').next().unwrap_or_default())
        })
        .collect();
    row.pulls = pulls.join(" ");
    row.comment = life
        .iter()
        .filter(sealed)
        .any(|record| record.key.step() == step::RCA_COMMENT);
}
