//! `ctl usage credit --org ORG BUG --reason TEXT --by NAME [--apply]`.

use ratchet_domain::bill::{CREDIT_WINDOW_MS, Flag};
use ratchet_domain::credit::{CreditAsked, NOTE_CHARS_MAX, Source};
use ratchet_domain::ids::{OrgId, TicketRef};
use ratchet_domain::message::{Body, Envelope};
use ratchet_domain::settings::Problem;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_runtime::config::Reader;
use ratchet_runtime::stage::key_of;
use serde_json::json;

use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::time;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage credit --org acme zendesk:5158 --reason 'wrong module' --by ana
  ctl usage credit --org acme zendesk:5158 --reason 'wrong module' --by ana --apply

Without --apply nothing is sent. With it, one message goes to qualify's queue: only qualify writes entries, and it writes one
credit a bug. The same claim of the same person is one claim, however often it is sent.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// The bug's ticket, as zendesk:5158.
    #[arg(value_name = "TICKET")]
    pub ticket: String,
    /// Why, in a few words; it stands in the credit's entry.
    #[arg(long)]
    pub reason: String,
    /// Who claims it.
    #[arg(long)]
    pub by: String,
    /// Send it.
    #[arg(long)]
    pub apply: bool,
}

/// Runs the verb. **JSON**: `{"claim","ticket","would":"credit"|"record","why","sent"}`.
///
/// # Errors
/// [`Failure::Invalid`] for a ticket that is none, or a note that is empty or too long; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let claim = checked(args)?;
    let world = app.worlds.open().await?;
    let asked_at_ms = world.now_ms();
    let claim = CreditAsked { asked_at_ms, ..claim };
    let ledger = world.ledger()?;
    let flag = ledger.sealed(&key_of(&claim.ticket, step::BILL)).await?;
    let flag: Option<Flag> = flag.map(|flag| flag.result()).transpose()?;
    let flag = flag.filter(Flag::is_charge);
    let credited = ledger
        .sealed(&key_of(&claim.ticket, step::CREDIT))
        .await?
        .is_some();
    let (would, why) = match &flag {
        None => ("record", "there is no charge to give back".to_owned()),
        Some(_) if credited => ("record", "the charge was given back before".to_owned()),
        Some(flag) if asked_at_ms.saturating_sub(flag.billed_at) > CREDIT_WINDOW_MS => (
            "record",
            format!(
                "the charge of {} is more than seven days old",
                time(Some(flag.billed_at))
            ),
        ),
        Some(flag) => (
            "credit",
            format!("the charge of {} is given back", time(Some(flag.billed_at))),
        ),
    };
    let id = claim.id();
    let ticket = claim.ticket.label();
    if args.apply {
        let mut reader = Reader::new(&world.deployment.env);
        let url = reader.text("QUALIFY_QUEUE_URL");
        let url = reader.done(url)?;
        world
            .deployment
            .sqs
            .send_message()
            .queue_url(url)
            .message_body(Envelope::new(None, Body::Credit(claim)).to_json())
            .send()
            .await
            .map_err(|error| Failure::aws("SendMessage", &error))?;
    }
    let done = if args.apply {
        format!("sent to {}", Stage::Qualify)
    } else {
        "nothing was sent; --apply sends it".to_owned()
    };
    let verb = if would == "credit" {
        "credits"
    } else {
        "is put on record and credits nothing"
    };
    Ok(Report {
        text: format!("claim {id} about {ticket} {verb}: {why}\n{done}"),
        json: json!({ "claim": id, "ticket": ticket, "would": would, "why": why, "sent": args.apply }),
        notes: Vec::new(),
    })
}

fn checked(args: &Args) -> Result<CreditAsked, Failure> {
    let mut problems = Vec::new();
    let mut problem = |path: &str, problem: &str| {
        problems.push(Problem {
            path: path.to_owned(),
            problem: problem.to_owned(),
        });
    };
    let ticket = TicketRef::labelled(&args.org, &args.ticket);
    if ticket.is_none() {
        problem("TICKET", "must be a ticket, as zendesk:5158");
    }
    for (path, text) in [("--reason", &args.reason), ("--by", &args.by)] {
        if text.trim().is_empty()
            || text.chars().count() > NOTE_CHARS_MAX
            || text.chars().any(char::is_control)
        {
            problem(path, "must be one line of 1 to 200 characters");
        }
    }
    match ticket {
        Some(ticket) if problems.is_empty() => Ok(CreditAsked {
            ticket,
            source: Source::Operator,
            by: args.by.clone(),
            note: args.reason.clone(),
            asked_at_ms: 0,
        }),
        _ => Err(Failure::Invalid {
            what: "command line".to_owned(),
            problems,
        }),
    }
}
