//! `ctl replay plan`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_domain::settings::Problem;
use serde_json::json;

use super::book::{Book, Planned};
use super::run::{Line, Run, refirable};
use super::selection::{Selection, WINDOW_MS_MAX};
use super::sum::text_of;
use super::walk::walk;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::{plain, table, time};
use crate::world::World;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet replay plan --org acme --since 2026-11-20T08:00:00Z --until 2026-11-20T12:00:00Z
  ctl --stack ratchet replay plan --org acme --since .. --until .. --stage open-pr --reason provider_unavailable
  ctl --stack ratchet replay plan --org acme --subject zendesk:5158
  ctl --stack ratchet replay plan --org acme --subject zendesk:5158 --refire pr#acme/shop
  ctl --stack ratchet replay plan --org acme --since .. --until .. --out plan.jsonl --json | jq -r .plan

A step is in the plan when it was claimed, sealed or parked in the window (at most 31 days). Verdicts:
  reuse   done: its record is used again, no provider is written to
  probe   an earlier attempt may have sent it: the provider is asked, and only what is not there is made
  act     nothing can have been sent: it is done now
  wait    somebody works on it, or its time comes: left alone
  hold    for `ctl review`, for reconcile, or a row of the ticket does not read: left alone
  refire  done, and asked for once more with --refire: the provider is asked, and only what is gone is made

The expected charge is 0 for what is billed, whatever is replayed. Planning sends nothing; it writes one row, the plan's
own, so that `ctl replay apply PLAN` finds it.")]
pub struct Args {
    /// Whose work.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// Start of the window; needed without --subject.
    #[arg(long, value_name = "TIME", value_parser = crate::cli::millis)]
    pub since: Option<u64>,
    /// End of the window, itself not in it; needed without --subject.
    #[arg(long, value_name = "TIME", value_parser = crate::cli::millis)]
    pub until: Option<u64>,
    /// Only steps of this stage.
    #[arg(long, value_parser = crate::cli::stage)]
    pub stage: Option<String>,
    /// Only steps that are parked for this reason.
    #[arg(long, value_parser = crate::cli::reason)]
    pub reason: Option<String>,
    /// Only one ticket: `zendesk:5158`, or the ledger's subject.
    #[arg(long)]
    pub subject: Option<String>,
    /// Do this sealed step of the subject once more.
    #[arg(long, value_name = "STEP", requires = "subject")]
    pub refire: Option<String>,
    /// Write every step to this file, one line of JSON each.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Most steps that are printed; all of them count.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
}

/// Runs the verb. **JSON**: `{"plan","org","made_at_ms","selection","runs","steps":{verdict: count},"messages","charge_max",
/// "lines":[{"subject","step","state","fence","verdict","why","charge"}],"lines_left_out"}`; `plan` is null when nothing is
/// selected.
///
/// # Errors
/// [`Failure::Invalid`] for an empty window, one over the limit, or none; [`Failure::Refused`] for a step that cannot be
/// refired; [`Failure::NotFound`]; [`Failure::Ledger`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let selection = selection(args)?;
    let world = app.worlds.open().await?;
    world.settings()?.known(&args.org).await?;
    let made_at_ms = world.now_ms();
    looked_up(&world, &selection).await?;
    let mut out = match &args.out {
        Some(path) => Some(BufWriter::new(
            File::create(path).map_err(|error| unwritten(path, &error))?,
        )),
        None => None,
    };
    let mut shown: Vec<Line> = Vec::new();
    let each = async |run: &Run| -> Result<(), Failure> {
        for line in &run.lines {
            if let (Some(file), Some(path)) = (&mut out, &args.out) {
                writeln!(file, "{}", text_of(line)?).map_err(|error| unwritten(path, &error))?;
            }
            if shown.len() < args.limit {
                shown.push(line.clone());
            }
        }
        Ok(())
    };
    let sum = walk(app, &world, &selection, each).await?;
    if let (Some(file), Some(path)) = (&mut out, &args.out) {
        file.flush().map_err(|error| unwritten(path, &error))?;
    }
    let counts = sum.counts.clone();
    let hash = if counts.runs == 0 {
        None
    } else {
        let hash = sum.hash(&selection, made_at_ms)?;
        let planned = Planned {
            selection: selection.clone(),
            made_at_ms,
            counts: counts.clone(),
        };
        Book(world.ledger()?).plan(&hash, &planned).await?;
        Some(hash)
    };
    let planned: u64 = counts.steps.values().sum();
    let left_out = planned.saturating_sub(shown.len() as u64);
    Ok(Report {
        text: text(hash.as_deref(), &selection, &counts, &shown, left_out),
        json: json!({
            "plan": hash,
            "org": selection.org,
            "made_at_ms": made_at_ms,
            "selection": selection,
            "runs": counts.runs,
            "steps": counts.steps,
            "messages": counts.messages,
            "charge_max": counts.charge_max,
            "lines": shown,
            "lines_left_out": left_out,
        }),
        notes: Vec::new(),
    })
}

/// The subject that is named is on record, and the step that is to be refired may be.
async fn looked_up(world: &World, selection: &Selection) -> Result<(), Failure> {
    let Some(subject) = &selection.subject else {
        return Ok(());
    };
    let whole = world.ledger()?.rows(subject).await?;
    if whole.records.is_empty() && whole.unreadable.is_empty() {
        return Err(Failure::NotFound(format!(
            "nothing is on record subject=`{subject}`"
        )));
    }
    if let Some(step) = &selection.refire {
        refirable(step, &whole.records).map_err(Failure::Refused)?;
    }
    Ok(())
}

fn selection(args: &Args) -> Result<Selection, Failure> {
    let mut problems = Vec::new();
    let mut wrong = |path: &str, problem: String| {
        problems.push(Problem {
            path: path.to_owned(),
            problem,
        });
    };
    match (args.since, args.until) {
        (Some(since_ms), Some(until_ms)) if since_ms >= until_ms => {
            wrong(
                "--since",
                "must be a time before --until: the window is empty".to_owned(),
            );
        }
        (Some(since_ms), Some(until_ms)) if until_ms - since_ms > WINDOW_MS_MAX => {
            wrong("--since", "must be at most 31 days before --until".to_owned());
        }
        (Some(_), Some(_)) => {}
        (None, None) if args.subject.is_some() => {}
        (None, _) => wrong("--since", "is missing: a window needs both ends".to_owned()),
        (_, None) => wrong("--until", "is missing: a window needs both ends".to_owned()),
    }
    let subject = args.subject.as_deref().map(|text| subject_of(&args.org, text));
    let subject = match subject.transpose() {
        Ok(subject) => subject,
        Err(problem) => {
            wrong("--subject", problem);
            None
        }
    };
    if !problems.is_empty() {
        return Err(Failure::Invalid {
            what: "selection".to_owned(),
            problems,
        });
    }
    Ok(Selection {
        org: args.org.clone(),
        since_ms: args.since,
        until_ms: args.until,
        stage: args.stage.clone(),
        reason: args.reason.clone(),
        subject,
        refire: args.refire.clone(),
    })
}

/// The ledger's subject: as it is, or from a ticket's label.
fn subject_of(org: &OrgId, text: &str) -> Result<String, String> {
    if text.starts_with("ticket#") {
        let is_of_org = text.starts_with(&format!("ticket#{org}#"));
        return if is_of_org {
            Ok(text.to_owned())
        } else {
            Err(format!("is of another org than `{org}`"))
        };
    }
    let ticket = text.split_once(':').and_then(|(provider, number)| {
        Some(TicketRef {
            org: org.clone(),
            provider: Provider::from_name(provider)?,
            number: TicketNumber::parse(number).ok()?,
        })
    });
    ticket
        .map(|ticket| ticket.subject())
        .ok_or_else(|| "must be a ticket, as zendesk:5158, or a subject of the ledger".to_owned())
}

fn unwritten(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::Invalid {
        what: path.display().to_string(),
        problems: vec![Problem {
            path: "$".to_owned(),
            problem: format!("cannot be written: {error}"),
        }],
    }
}

fn text(
    hash: Option<&str>,
    selection: &Selection,
    counts: &super::sum::Counts,
    shown: &[Line],
    left_out: u64,
) -> String {
    let Some(hash) = hash else {
        return format!("nothing of {} is in this selection", selection.org);
    };
    let rows: Vec<Vec<String>> = shown
        .iter()
        .map(|line| {
            vec![
                line.subject.clone(),
                line.step.clone(),
                line.state.to_owned(),
                line.verdict.as_str().to_owned(),
                line.charge.to_string(),
                line.why.clone().unwrap_or_default(),
            ]
        })
        .collect();
    let steps: Vec<String> = counts
        .steps
        .iter()
        .map(|(verdict, count)| format!("{count} {verdict}"))
        .collect();
    let window = match (selection.since_ms, selection.until_ms) {
        (None, None) => String::new(),
        (since_ms, until_ms) => format!(", {} to {}", time(since_ms), time(until_ms)),
    };
    let mut text = format!(
        "plan     {hash}\nof       {}{window}\nruns     {}\nsteps    {}\nmessages {}\ncharge   0 for what is billed, at most {} \
        for what is not\n\n{}",
        selection.org,
        counts.runs,
        steps.join(", "),
        counts.messages,
        counts.charge_max,
        table(&["SUBJECT", "STEP", "STATE", "VERDICT", "CHARGE", "WHY"], &rows)
    );
    if left_out > 0 {
        text.push_str(&format!("\nand {left_out} steps more, see --limit and --out"));
    }
    text.push_str(&format!(
        "\n\ncarry it out with: ctl replay apply {} --by NAME",
        plain(hash)
    ));
    text
}
