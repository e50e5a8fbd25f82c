//! `ctl usage explain --org ORG BUG`.

use ratchet_domain::bill::{self, Recorded};
use ratchet_domain::ids::{OrgId, TicketRef};
use serde_json::{Value, json};

use super::books::Books;
use crate::App;
use crate::failure::Failure;
use crate::report::Report;

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
    let ticket = match TicketRef::labelled(&args.org, &args.bug) {
        Some(ticket) => ticket,
        None => found(&books, &args.bug).await?,
    };
    let explained = books.usage.explain(&world.ledger()?, &ticket).await?;
    let explained = explained.ok_or_else(|| {
        Failure::NotFound(format!(
            "nobody has seen this ticket org=`{}` ticket=`{}`",
            args.org,
            ticket.label()
        ))
    })?;
    let entry = explained.entry.as_ref();
    let lines: Vec<String> = explained.why.iter().map(|line| format!("\n  {line}")).collect();
    let text = format!(
        "bug {} of {} ({}): {}{}",
        ticket.bug(),
        ticket.label(),
        args.org,
        if explained.billed { "billed" } else { "not billed" },
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

/// The ticket of a bug that was billed, from its entry.
async fn found(books: &Books, bug: &str) -> Result<TicketRef, Failure> {
    let key = format!("{}{bug}", bill::ENTRY);
    let mut period = books.current();
    for _ in 0..MONTHS_BACK {
        if let Some(entry) = books.usage.find(&books.org, &period, &key).await? {
            let ticket = entry
                .entry
                .get("ticket")
                .and_then(|label| TicketRef::labelled(&books.org, label));
            return ticket.ok_or_else(|| Failure::Row(format!("entry names no ticket key=`{key}`")));
        }
        period = period.before();
    }
    Err(Failure::NotFound(format!(
        "no entry of the last {MONTHS_BACK} months names this bug; if it was not billed, name its ticket, as zendesk:5158 bug=`{bug}`"
    )))
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
