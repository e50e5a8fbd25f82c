//! `ctl usage credit --org ORG BUG --reason TEXT --by NAME [--apply]`.

use ratchet_domain::bill::Flag;
use ratchet_domain::credit::{CreditAsked, Judged, NOTE_CHARS_MAX, Source};
use ratchet_domain::ids::OrgId;
use ratchet_domain::message::{Body, Envelope};
use ratchet_domain::settings::Problem;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::Ledger;
use ratchet_runtime::config::Reader;
use ratchet_runtime::stage::key_of;
use serde_json::json;

use super::books::Books;
use super::explain::named;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::time;
use crate::world::World;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage credit --org acme zendesk:5158 --reason 'wrong module' --by ana
  ctl usage credit --org acme 3f0a9b5c1d2e4f60718a --reason 'wrong module' --by ana --apply

Without --apply nothing is sent. With it, one message goes to qualify's queue: only qualify writes entries, and it writes one
credit a bug. The same claim of the same person about the same charge is one claim, however often it is made; once it is
judged, this prints the verdict and sends nothing. A bug without a charge is refused (exit 4): there is nothing to give back.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// The bug's id, or its ticket as zendesk:5158.
    #[arg(value_name = "BUG")]
    pub bug: String,
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

/// What a claim would come to.
struct Outlook {
    would: &'static str,
    why: String,
}

/// Runs the verb. **JSON**: `{"claim","ticket","would":"credit"|"record"|"nothing","why","sent","verdict","entry"}`;
/// `verdict` and `entry` are those on record, null before the claim is judged.
///
/// # Errors
/// [`Failure::Invalid`] for a reason or name that is empty or too long, or a bug that is neither id nor ticket; [`Failure::NotFound`] for a bug that no entry names;
/// [`Failure::Refused`] for one without a charge; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    check(args)?;
    let world = app.worlds.open().await?;
    let (ticket, _) = named(&Books::open(&world, &args.org).await?, &args.bug).await?;
    let ledger = world.ledger()?;
    let flag = ledger.sealed(&key_of(&ticket, step::BILL)).await?;
    let flag: Option<Flag> = flag.map(|flag| flag.result()).transpose()?;
    let flag = flag.filter(Flag::is_charge).ok_or_else(|| {
        Failure::Refused(format!(
            "there is no charge to give back, `usage explain` says why org=`{}` ticket=`{}`",
            args.org,
            ticket.label()
        ))
    })?;
    let claim = CreditAsked {
        ticket,
        source: Source::Operator,
        by: args.by.clone(),
        note: args.reason.clone(),
        charge: Some(flag.hash.clone()),
        asked_at_ms: world.now_ms(),
    };
    let id = claim.id();
    let ticket = claim.ticket.label();
    let judged = ledger
        .sealed(&key_of(&claim.ticket, step::credit_claim(&id)))
        .await?;
    let judged: Option<Judged> = judged.map(|judged| judged.result()).transpose()?;
    if let Some(judged) = judged {
        let why = format!("it was judged: {}", judged.verdict.told());
        return Ok(Report {
            text: format!("claim {id} about {ticket} stands: {why}\nnothing was sent"),
            json: json!({ "claim": id, "ticket": ticket, "would": "nothing", "why": why, "sent": false,
                "verdict": judged.verdict, "entry": judged.entry }),
            notes: Vec::new(),
        });
    }
    let Outlook { would, why } = outlook(&ledger, &claim, &flag).await?;
    if args.apply {
        send(&world, claim).await?;
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
        json: json!({ "claim": id, "ticket": ticket, "would": would, "why": why, "sent": args.apply,
            "verdict": null, "entry": null }),
        notes: Vec::new(),
    })
}

/// What qualify will say of a claim that it has not judged.
async fn outlook(ledger: &Ledger, claim: &CreditAsked, flag: &Flag) -> Result<Outlook, Failure> {
    let billed_at = time(Some(flag.billed_at));
    let credited = ledger.sealed(&key_of(&claim.ticket, step::CREDIT)).await?;
    Ok(if credited.is_some() {
        Outlook {
            would: "record",
            why: "the charge was given back before".to_owned(),
        }
    } else if flag.is_in_time(claim.asked_at_ms) {
        Outlook {
            would: "credit",
            why: format!("the charge of {billed_at} is given back"),
        }
    } else {
        Outlook {
            would: "record",
            why: format!("the charge of {billed_at} is more than seven days old"),
        }
    })
}

async fn send(world: &World, claim: CreditAsked) -> Result<(), Failure> {
    let mut reader = Reader::new(&world.deployment.env);
    let url = reader.text("QUALIFY_QUEUE_URL");
    let url = reader.done(url)?;
    let message = Envelope::new(None, Body::Credit(claim)).to_json();
    let send = world.deployment.sqs.send_message().queue_url(url);
    let sent = send.message_body(message).send().await;
    sent.map(drop)
        .map_err(|error| Failure::aws("SendMessage", &error))
}

fn check(args: &Args) -> Result<(), Failure> {
    let is_line = |text: &str| {
        !text.trim().is_empty()
            && text.chars().count() <= NOTE_CHARS_MAX
            && !text.chars().any(char::is_control)
    };
    let bad = [("--reason", &args.reason), ("--by", &args.by)]
        .into_iter()
        .filter(|(_, text)| !is_line(text));
    let problems: Vec<Problem> = bad
        .map(|(path, _)| Problem {
            path: path.to_owned(),
            problem: format!("must be one line of 1 to {NOTE_CHARS_MAX} characters"),
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::Invalid {
        what: "command line".to_owned(),
        problems,
    })
}
