//! `ctl reconcile plan`.

use ratchet_domain::ids::OrgId;
use ratchet_domain::settings::Problem;
use serde_json::json;

use super::book::{self, Planned};
use super::{Ask, mendable, text};
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::time;
use crate::verbs::replay::selection::WINDOW_MS_MAX;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet reconcile plan
  ctl --stack ratchet reconcile plan --org acme
  ctl --stack ratchet reconcile plan --org acme --since 2026-11-19T00:00:00Z --until 2026-11-20T00:00:00Z
  ctl --stack ratchet reconcile plan --org acme --json | jq -r '.items[] | [.kind, .repair, .subject] | @tsv'

Compares the ledger with the providers, both ways: bills with their entries, effects that are missing, unrecorded or doubled,
late receipts, tickets and deliveries that no webhook brought. Repairs:
  enqueue      the ticket goes to extract, through the intake's dedup
  redeliver    GitHub delivers once more, under the same event id
  resume       the parked step is claimed again; its probe finds what is there
  adopt        what the provider has goes on record; nothing is sent
  delete_ours  of several under our marker the first stays
  close        a late receipt of the effect on record leaves the list
  look         for a person; the runbook says how

Without --since and --until the window is the schedule's. A plan changes nothing; it writes its own row, so that
`ctl reconcile apply PLAN` finds it. The work is done by the function `reconcile`, which --stack or RECONCILE_FUNCTION_ARN names.")]
pub struct Args {
    /// Whose world; every org without it.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: Option<OrgId>,
    /// Start of the window.
    #[arg(long, value_name = "TIME", value_parser = crate::cli::millis, requires = "until")]
    pub since: Option<u64>,
    /// End of the window; it must be over.
    #[arg(long, value_name = "TIME", value_parser = crate::cli::millis, requires = "since")]
    pub until: Option<u64>,
    /// Names this request: the same name again answers from the record.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// Runs the verb. **JSON**: `{"plan","org","since","until","items":[{"kind","org","subject","step","at","finding","repair"}],
/// "unread":[{"org","what","why"}],"more","mendable"}`; `plan` is null when everything agrees.
///
/// # Errors
/// [`Failure::Invalid`] for an empty window or one over the limit; [`Failure::NotFound`] for an org without settings; [`Failure::Environment`] without the function's name;
/// [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    window(args)?;
    let world = app.worlds.open().await?;
    let ledger = world.ledger()?;
    let now_ms = world.now_ms();
    let id = args.id.clone().unwrap_or_else(|| format!("ctl plan {now_ms}"));
    let (since, until) = (
        args.since.map(|at_ms| time(Some(at_ms))),
        args.until.map(|at_ms| time(Some(at_ms))),
    );
    let ask = Ask {
        id: &id,
        by: "ctl",
        org: args.org.as_ref(),
        since: since.as_deref(),
        until: until.as_deref(),
        apply: None,
    };
    let plan = super::ask(app, &world, &ask).await?;
    let planned = Planned::of(args.org.as_ref(), &plan, now_ms);
    let name = if plan.items.is_empty() {
        None
    } else {
        Some(book::put(&ledger, &planned).await?)
    };
    let whose = args.org.as_ref().map_or("every org", OrgId::as_str);
    let head = match &name {
        Some(name) => format!("plan   {name}\nof     {whose}, {} to {}", plan.since, plan.until),
        None => {
            let what = if plan.unread.is_empty() {
                "nothing"
            } else {
                "nothing that was compared"
            };
            format!(
                "{what} of {whose} disagrees from {} to {}",
                plan.since, plan.until
            )
        }
    };
    let foot = match &name {
        Some(name) if mendable(&plan) > 0 => {
            format!("\n\ncarry it out with: ctl reconcile apply {name} --by NAME")
        }
        Some(_) => "\n\nall of it is for a person: see the runbook".to_owned(),
        None => String::new(),
    };
    Ok(Report {
        text: format!("{head}{}{foot}", text(&plan)),
        json: json!({
            "plan": name,
            "org": args.org,
            "since": plan.since,
            "until": plan.until,
            "items": plan.items,
            "unread": plan.unread,
            "more": plan.more,
            "mendable": mendable(&plan),
        }),
        notes: Vec::new(),
    })
}

/// A window that cannot be meant is refused before anybody is asked.
fn window(args: &Args) -> Result<(), Failure> {
    let (Some(since_ms), Some(until_ms)) = (args.since, args.until) else {
        return Ok(());
    };
    let problem = if since_ms >= until_ms {
        "must be a time before --until: the window is empty"
    } else if until_ms - since_ms > WINDOW_MS_MAX {
        "must be at most 31 days before --until"
    } else {
        return Ok(());
    };
    Err(Failure::Invalid {
        what: "window".to_owned(),
        problems: vec![Problem {
            path: "--since".to_owned(),
            problem: problem.to_owned(),
        }],
    })
}
