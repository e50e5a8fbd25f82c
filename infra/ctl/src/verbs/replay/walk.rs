//! Every run of a selection, one after the other: a page of the table is all that is held at once.

use std::collections::BTreeMap;

use ratchet_guard::{Record, UnreadableRow, WorkKey};

use super::run::Run;
use super::selection::Selection;
use super::sum::Sum;
use crate::App;
use crate::failure::Failure;
use crate::verbs::ticket::show::tellings;
use crate::world::World;

/// Most runs of one plan. Reason: what is larger is an incident of its own; narrow the window.
const RUNS_MAX: u64 = 100_000;

/// Most tickets with a damaged row. Reason: memory that does not grow; more of them are no matter of a replay.
const DAMAGED_MAX: usize = 1_000;

/// Runs between two words about how far it is.
const PROGRESS_RUNS: u64 = 1_000;

/// Judges every run, hands each that is part of the plan to `each`, and sums them up.
pub(super) async fn walk(
    app: &App<'_>,
    world: &World,
    selection: &Selection,
    mut each: impl AsyncFnMut(&Run) -> Result<(), Failure>,
) -> Result<Sum, Failure> {
    let ledger = world.ledger()?;
    let tellings = tellings(world, &selection.org).await.unwrap_or_default();
    let now_ms = world.now_ms();
    let mut sum = Sum::default();
    let mut damaged = Damaged::default();
    let mut take = async |life: &[Record], damaged: Option<WorkKey>| -> Result<(), Failure> {
        let run = match damaged {
            Some(key) => Run::unreadable(&key),
            None => Run::of(life, selection, now_ms, tellings),
        };
        if run.lines.is_empty() {
            return Ok(());
        }
        sum.add(&run)?;
        if sum.counts.runs > RUNS_MAX {
            return Err(Failure::Refused(format!(
                "selection has too many runs, narrow its window runs_max=`{RUNS_MAX}`"
            )));
        }
        if sum.counts.runs.is_multiple_of(PROGRESS_RUNS) {
            app.worlds.tell(&format!("{} runs", sum.counts.runs));
        }
        each(&run).await
    };
    if let Some(subject) = &selection.subject {
        let whole = ledger.rows(subject).await?;
        let damaged = whole.unreadable.into_iter().next().map(|row| row.key);
        take(&whole.records, damaged).await?;
        return Ok(sum);
    }
    let mut life: Vec<Record> = Vec::new();
    let mut start = None;
    loop {
        let page = ledger.scan(&selection.prefix(), start).await?;
        damaged.note(page.unreadable)?;
        for record in page.records {
            if life
                .first()
                .is_some_and(|first| first.key.subject() != record.key.subject())
            {
                take(&life, damaged.of(&life)).await?;
                life.clear();
            }
            life.push(record);
        }
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    take(&life, damaged.of(&life)).await?;
    for key in std::mem::take(&mut damaged.0).into_values() {
        take(&[], Some(key)).await?;
    }
    Ok(sum)
}

/// Rows that do not read, one of each subject. Rows of a subject follow on each other, so one that is met is met before its
/// subject's life is judged.
#[derive(Default)]
struct Damaged(BTreeMap<String, WorkKey>);

impl Damaged {
    fn note(&mut self, rows: Vec<UnreadableRow>) -> Result<(), Failure> {
        for UnreadableRow { key, .. } in rows {
            self.0.entry(key.subject().to_owned()).or_insert(key);
        }
        match self.0.values().next() {
            Some(first) if self.0.len() > DAMAGED_MAX => Err(Failure::Row(format!(
                "more than {DAMAGED_MAX} tickets have a row that does not read, mend the table first key=`{first}`"
            ))),
            _ => Ok(()),
        }
    }

    /// The row of this life's subject that does not read.
    fn of(&mut self, life: &[Record]) -> Option<WorkKey> {
        self.0.remove(life.first()?.key.subject())
    }
}
