//! Every run of a selection, one after the other: a page of the table is all that is held at once.

use ratchet_guard::Record;

use super::run::Run;
use super::selection::Selection;
use super::sum::Sum;
use crate::App;
use crate::failure::Failure;
use crate::verbs::ticket::show::tellings;
use crate::world::World;

/// Most runs of one plan. Reason: what is larger is an incident of its own; narrow the window.
const RUNS_MAX: u64 = 100_000;

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
    let mut take = async |life: &[Record]| -> Result<(), Failure> {
        let run = Run::of(life, selection, now_ms, tellings);
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
        take(&ledger.life(subject).await?).await?;
        return Ok(sum);
    }
    let mut life: Vec<Record> = Vec::new();
    let mut start = None;
    loop {
        let page = ledger.scan(&selection.prefix(), start).await?;
        for record in page.records {
            if life
                .first()
                .is_some_and(|first| first.key.subject() != record.key.subject())
            {
                take(&life).await?;
                life.clear();
            }
            life.push(record);
        }
        start = page.next;
        if start.is_none() {
            break;
        }
    }
    take(&life).await?;
    Ok(sum)
}
