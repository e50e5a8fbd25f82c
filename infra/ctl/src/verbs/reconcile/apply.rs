//! `ctl reconcile apply PLAN`.

use ::reconcile::Status;
use ratchet_domain::ids::OrgId;
use serde_json::json;

use super::{Ask, book, mendable, text};
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::plain;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet reconcile apply 3f6c0d9a1b2e4f5a6b7c8d9e --by ada
  ctl --stack ratchet reconcile apply 3f6c0d9a1b2e4f5a6b7c8d9e --by ada --org acme --json

It compares again first. It is refused (exit 4, nothing is changed) when it finds anything else than the plan has, and when
the plan is not of --org. Each repair goes through the door that the work itself uses, so one too many is harmless. What did
not succeed is in the next plan again.")]
pub struct Args {
    /// The plan's name, as `ctl reconcile plan` printed it.
    #[arg(value_name = "PLAN")]
    pub plan: String,
    /// Who asks; it goes on record.
    #[arg(long, value_name = "NAME", value_parser = crate::cli::person)]
    pub by: String,
    /// Refuse a plan of another org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: Option<OrgId>,
    /// Names this request: the same name again answers with what was done, and does nothing.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// Runs the verb. **JSON**: `{"plan","org","by","id","applied","failed","left","done_before"}`.
///
/// # Errors
/// [`Failure::NotFound`] for no such plan; [`Failure::Refused`] when the world has moved or the plan is of another org;
/// [`Failure::Aws`]: part of the repairs may be made then, another plan has the rest.
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let planned = book::get(&world.ledger()?, &args.plan).await?;
    if args.org.is_some() && args.org != planned.org {
        let whose = planned.org.as_ref().map_or("every org", OrgId::as_str);
        return Err(Failure::Refused(format!("plan is of another org org=`{whose}`")));
    }
    let id = args
        .id
        .clone()
        .unwrap_or_else(|| format!("ctl apply {} {}", args.plan, world.now_ms()));
    let ask = Ask {
        id: &id,
        by: &args.by,
        org: planned.org.as_ref(),
        since: Some(&planned.since),
        until: Some(&planned.until),
        apply: Some(&planned.plan_hash),
    };
    let plan = super::ask(app, &world, &ask).await?;
    let left = plan.items.len() - mendable(&plan);
    let before = plan.status == Status::Duplicate;
    let when = if before {
        "was applied before"
    } else {
        "is applied"
    };
    let what = format!(
        "plan {} {when}: {} repaired, {} failed, {left} for a person",
        plain(&args.plan),
        plan.applied,
        plan.failed
    );
    Ok(Report {
        text: format!("{what}{}", text(&plan)),
        json: json!({
            "plan": args.plan,
            "org": planned.org,
            "by": args.by,
            "id": id,
            "applied": plan.applied,
            "failed": plan.failed,
            "left": left,
            "done_before": before,
        }),
        notes: Vec::new(),
    })
}
