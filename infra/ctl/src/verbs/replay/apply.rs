//! `ctl replay apply PLAN`.

use std::collections::BTreeSet;

use ratchet_domain::ids::OrgId;
use ratchet_domain::stage::Stage;
use ratchet_guard::{Ledger, Outbox};
use ratchet_runtime::queues::Queues;
use serde_json::json;

use super::book::{Applied, Book};
use super::run::{First, Run};
use super::walk::walk;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;

/// Messages that are held before they are sent. Reason: whole batches of ten, and memory that does not grow.
const HELD_MAX: usize = 500;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet replay apply 3f6c0d9a1b2e4f5a6b7c8d9e --by ada
  ctl --stack ratchet replay apply 3f6c0d9a1b2e4f5a6b7c8d9e --by ada --org acme --json

It looks again first. It is refused (exit 4, nothing is changed) when any step is not as the plan saw it, when the plan was
applied before, when another plan over the same work was applied since, and when the plan is not of --org.
It sends messages and lets parked work be claimed again; the stages do the rest, each through its own claim. A plan whose
apply was cut off is not continued: make another one, it has what is left.")]
pub struct Args {
    /// The plan's hash, as `ctl replay plan` printed it.
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// Who asks; it goes on record.
    #[arg(long, value_name = "NAME", value_parser = crate::cli::person)]
    pub by: String,
    /// Refuse a plan of another org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: Option<OrgId>,
}

/// What was done.
#[derive(Debug, Default)]
struct Done {
    messages: u64,
    resumed: u64,
    refired: u64,
    /// Rows that somebody moved between the second look and the write.
    moved: u64,
}

/// Runs the verb. **JSON**: `{"plan","org","by","runs","messages","resumed","refired","moved"}`.
///
/// # Errors
/// [`Failure::NotFound`] for no such plan; [`Failure::Refused`] when the plan does not hold any more;
/// [`Failure::Ledger`], [`Failure::Aws`]: part of the messages may be out then, another plan has the rest.
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let (ledger, queues) = (world.ledger()?, world.queues()?);
    let book = Book(world.ledger()?);
    let planned = book.planned(&args.plan).await?;
    let selection = &planned.selection;
    if args.org.as_ref().is_some_and(|org| *org != selection.org) {
        return Err(Failure::Refused(format!(
            "plan is of another org org=`{}`",
            selection.org
        )));
    }
    let again = walk(app, &world, selection, async |_: &Run| Ok(())).await?;
    if again.hash(selection, planned.made_at_ms)? != args.plan {
        return Err(Failure::Refused(format!(
            "the world has moved since the plan was made, make another one runs=`{}` was=`{}` steps=`{:?}` was=`{:?}`",
            again.counts.runs, planned.counts.runs, again.counts.steps, planned.counts.steps
        )));
    }
    let applied = Applied {
        selection: selection.clone(),
        by: args.by.clone(),
        at_ms: world.now_ms(),
    };
    book.begin(&args.plan, &planned, &applied).await?;
    let mut done = Done::default();
    let mut held: BTreeSet<(Stage, String)> = BTreeSet::new();
    let each = async |run: &Run| -> Result<(), Failure> {
        for first in &run.firsts {
            done.first(&ledger, first).await?;
        }
        held.extend(run.messages.iter().cloned());
        if held.len() >= HELD_MAX {
            done.messages += send(&queues, std::mem::take(&mut held)).await?;
        }
        Ok(())
    };
    walk(app, &world, selection, each).await?;
    done.messages += send(&queues, held).await?;
    Ok(Report {
        text: format!(
            "plan {} of {} is applied: {} runs, {} messages sent, {} parked steps resumed, {} steps refired, {} had moved",
            args.plan,
            selection.org,
            again.counts.runs,
            done.messages,
            done.resumed,
            done.refired,
            done.moved
        ),
        json: json!({
            "plan": args.plan,
            "org": selection.org,
            "by": args.by,
            "runs": again.counts.runs,
            "messages": done.messages,
            "resumed": done.resumed,
            "refired": done.refired,
            "moved": done.moved,
        }),
        notes: Vec::new(),
    })
}

impl Done {
    async fn first(&mut self, ledger: &Ledger, first: &First) -> Result<(), Failure> {
        let (is_done, count) = match first {
            First::Resume(record) => (ledger.resume(record).await?, &mut self.resumed),
            First::Reopen(record) => (ledger.reopen(record).await?, &mut self.refired),
        };
        if is_done {
            *count += 1;
        } else {
            self.moved += 1;
        }
        Ok(())
    }
}

async fn send(queues: &Queues, messages: BTreeSet<(Stage, String)>) -> Result<u64, Failure> {
    let messages: Vec<(&str, String)> = messages
        .into_iter()
        .map(|(stage, message)| (stage.as_str(), message))
        .collect();
    let sent = queues.put(&messages).await;
    sent.map_err(|error| Failure::Aws {
        operation: "SendMessageBatch",
        code: error.code.clone(),
        detail: error.to_string(),
    })?;
    Ok(messages.len() as u64)
}
