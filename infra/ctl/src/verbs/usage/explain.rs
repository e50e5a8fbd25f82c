//! `ctl usage explain --org ORG BUG`.

use ratchet_domain::bill::{self, Recorded};
use ratchet_domain::ids::{BugId, OrgId, TicketRef};
use ratchet_domain::settings::Problem;
use ratchet_runtime::usage::explain::Explained;
use serde_json::{Value, json};

use super::books::Books;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::plain;
use crate::verbs::ticket::held;

/// How many months back a bug is looked for by its id alone.
const MONTHS_BACK: usize = 24;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet usage explain --org acme zendesk:5158
  ctl usage explain --org acme 3f0a9b5c1d2e4f60718a --json

A bug that was billed is found by its id, as entries and branches have it. One that was not has no entry: name its ticket.")]
pub struct Args {
    /// The org.
    #[arg(long, value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// The bug's id, or its ticket as zendesk:5158.
    #[arg(value_name = "BUG")]
    pub bug: String,
}

/// Runs the verb. **JSON**: `{"org","bug","ticket","billed","why":[..],"entry":{..},"verifies","proof":{"index","size",
/// "leaf","root","path":[..],"holds"}}`; `entry`, `verifies` and `proof` are null where there is none.
///
/// # Errors
/// [`Failure::NotFound`] for a bug that no entry names and a ticket that nobody has seen; [`Failure::Aws`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let books = Books::open(&world, &args.org).await?;
    let (ticket, named_by) = named(&books, &args.bug).await?;
    let ledger = world.ledger()?;
    let explained = books.usage.explain(&ledger, &ticket).await?;
    let held = match &explained {
        Some(explained) if explained.billed => Vec::new(),
        _ => held::messages(&ledger, &ticket, world.now_ms()).await?,
    };
    let of_messages = (!held.is_empty()).then(Explained::default);
    let Some(mut explained) = explained.or(of_messages) else {
        return Err(unseen(args, &ticket, named_by.as_ref()));
    };
    explained.why.extend(held.iter().map(held::says));
    let entry = explained.entry.as_ref();
    let lines = explained.why.iter().map(|line| format!("\n  {}", plain(line)));
    let lines: Vec<String> = lines.collect();
    let is_billed = match (explained.billed, entry) {
        (true, _) => "billed",
        (false, Some(_)) => "not billed, and there is an entry",
        (false, None) => "not billed",
    };
    let text = format!(
        "bug {} of {} ({}): {is_billed}{}",
        ticket.bug(),
        ticket.label(),
        args.org,
        lines.concat()
    );
    let proof = entry.zip(explained.proved.as_ref()).map(|(entry, proved)| {
        json!({
            "index": proved.index,
            "size": proved.size,
            "leaf": entry.leaf(),
            "root": proved.root,
            "path": proved.way,
            "holds": proved.holds,
        })
    });
    Ok(Report {
        text,
        json: json!({
            "org": args.org,
            "bug": ticket.bug(),
            "ticket": ticket.label(),
            "billed": explained.billed,
            "why": explained.why,
            "entry": entry.map(fields),
            "verifies": entry.map(|entry| entry.verified().is_ok()),
            "proof": proof,
        }),
        notes: Vec::new(),
    })
}

/// The ticket of a bug: `bug` is the ticket's label, or the id of a bug that was charged, whose entry names it.
pub(super) async fn named(books: &Books, bug: &str) -> Result<(TicketRef, Option<Recorded>), Failure> {
    if let Some(ticket) = TicketRef::labelled(&books.org, bug) {
        return Ok((ticket, None));
    }
    let entry = found(books, bug).await?;
    Ok((ticket_of(books, &entry)?, Some(entry)))
}

/// The entry that charges a bug.
async fn found(books: &Books, bug: &str) -> Result<Recorded, Failure> {
    let Some(id) = BugId::parse(bug) else {
        return Err(Failure::Invalid {
            what: "command line".to_owned(),
            problems: vec![Problem {
                path: "BUG".to_owned(),
                problem: "must be a bug's id of 20 hex digits, or a ticket as zendesk:5158".to_owned(),
            }],
        });
    };
    let key = bill::charge_key(&id);
    let mut period = books.current();
    for _ in 0..MONTHS_BACK {
        if let Some(entry) = books.usage.find(&books.org, &period, &key).await? {
            return Ok(entry);
        }
        period = period.before();
    }
    Err(Failure::NotFound(format!(
        "no entry of the last {MONTHS_BACK} months names this bug; if it was not billed, name its ticket, as zendesk:5158 bug=`{bug}`"
    )))
}

/// The ticket that an entry names.
fn ticket_of(books: &Books, entry: &Recorded) -> Result<TicketRef, Failure> {
    let label = entry.entry.get("ticket");
    let ticket = label.and_then(|label| TicketRef::labelled(&books.org, label));
    ticket.ok_or_else(|| Failure::Row(format!("entry names no ticket key=`{}`", entry.key)))
}

/// The ledger knows nothing of the ticket; an entry that names it was put in by hand.
fn unseen(args: &Args, ticket: &TicketRef, named_by: Option<&Recorded>) -> Failure {
    let (org, label) = (&args.org, ticket.label());
    match named_by {
        Some(entry) => Failure::Differs(format!(
            "entry charges a ticket that nobody has seen partition=`{}` key=`{}` org=`{org}` ticket=`{label}`",
            entry.partition, entry.key
        )),
        None => Failure::NotFound(format!(
            "nobody has seen this ticket org=`{org}` ticket=`{label}`"
        )),
    }
}

/// An entry as `ctl usage show` has it.
pub(super) fn fields(entry: &Recorded) -> Value {
    let mut object: serde_json::Map<String, Value> = entry
        .entry
        .fields()
        .iter()
        .map(|(name, field)| {
            let value = match field {
                bill::Field::Text(text) => Value::from(text.as_str()),
                bill::Field::Number(digits) => digits.parse().map_or(Value::Null, Value::Number),
            };
            (name.clone(), value)
        })
        .collect();
    object.insert("hash".to_owned(), Value::from(entry.hash.as_str()));
    Value::Object(object)
}
