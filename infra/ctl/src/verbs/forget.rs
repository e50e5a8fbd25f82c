//! `ctl forget ORG PROVIDER ID`: deletes what a ticket's customer wrote, and what was written from it.
//!
//! Rows stay: their keys, hashes, fences and states are what keeps a redelivery from doing the work again, and what a
//! bill is verified with. A usage entry holds no customer's word, so its hash stands as it is.

use ratchet_domain::ids::{Provider, TicketNumber, TicketRef};
use ratchet_domain::step;
use ratchet_guard::{Record, State};
use serde_json::{Value, json};

use super::control::invalid;
use super::ticket::facts::kind;
use crate::App;
use crate::cli::provider;
use crate::failure::Failure;
use crate::report::Report;

/// What stands where a text was.
const FORGOTTEN: &str = "[forgotten]";

/// What a row keeps of its texts.
#[derive(Clone, Copy)]
enum Keeps {
    /// All of them: what bills and credits are verified and explained with, and what was merged.
    All,
    /// All but the note of whoever decided: what was decided, by whom, and when.
    AllButNote,
    /// Those of [`KEPT`].
    Known,
}

impl Keeps {
    fn of(step: &str) -> Self {
        match kind(step) {
            step::BILL | step::CREDIT | "credit-claim" | "merged" => Self::All,
            "review" => Self::AllButNote,
            _ => Self::Known,
        }
    }
}

/// Fields whose texts are ours and not a customer's: names of models, repositories, files, hashes, ids and closed words.
const KEPT: &[&str] = &[
    "outcome",
    "base_branch",
    "base_commit",
    "base_tree",
    "head",
    "symbol",
    "key",
    "org",
    "period",
    "decision",
    "branch",
    "candidates_hash",
    "commit",
    "entry",
    "file",
    "gate",
    "kind",
    "map_model",
    "model",
    "org_period",
    "path",
    "prompt",
    "repo",
    "repos",
    "severity",
    "sha",
    "stamp",
    "tree",
    "ts",
    "url",
    "id",
    "channel",
];

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl forget acme zendesk 5158             what would be deleted
  ctl forget acme zendesk 5158 --apply     delete it

Without --apply nothing is written. Refused (exit 4) while work on the ticket is under way. What stands at the providers
is not ours to delete: the answer lists it. Bills stay whole, with the reason that somebody gave for a credit.")]
pub struct Args {
    /// Whose ticket.
    #[arg(value_name = "ORG")]
    pub org: String,
    /// Where it is: zendesk or intercom.
    #[arg(value_name = "PROVIDER", value_parser = provider)]
    pub provider: Provider,
    /// The provider's id of it.
    #[arg(value_name = "ID")]
    pub id: String,
    /// Write it.
    #[arg(long)]
    pub apply: bool,
}

/// Runs the verb. **JSON**: `{"ticket","forgotten":[step],"elsewhere":[{"step","external_id"}],"stored"}`.
///
/// # Errors
/// [`Failure::NotFound`] for a ticket without rows; [`Failure::Refused`] while work is under way; [`Failure::Ledger`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let ticket = TicketRef {
        org: ratchet_domain::ids::OrgId::parse(args.org.as_str())
            .map_err(|error| invalid("ORG", error.to_string()))?,
        provider: args.provider,
        number: TicketNumber::parse(args.id.as_str()).map_err(|error| invalid("ID", error.to_string()))?,
    };
    let ledger = app.worlds.open().await?.ledger()?;
    let life = ledger.life(&ticket.subject()).await?;
    if life.is_empty() {
        return Err(Failure::NotFound(format!(
            "ticket has no rows ticket=`{}`",
            ticket.label()
        )));
    }
    if let Some(record) = life.iter().find(|record| is_under_way(record)) {
        let step = record.key.step();
        return Err(Failure::Refused(format!(
            "work is under way, ask again when it is settled step=`{step}`"
        )));
    }
    let mut forgotten = Vec::new();
    for record in &life {
        let keeps = Keeps::of(record.key.step());
        let (body, intent) = (
            without_words(&record.body, keeps),
            without_words(&record.intent, keeps),
        );
        if body == record.body && intent == record.intent && record.detail.is_none() {
            continue;
        }
        if args.apply && !ledger.forget(record, &body, &intent).await? {
            let step = record.key.step();
            return Err(Failure::Refused(format!(
                "row changed meanwhile, ask again step=`{step}`"
            )));
        }
        forgotten.push(record.key.step().to_owned());
    }
    let elsewhere: Vec<Value> = life
        .iter()
        .filter_map(|record| {
            let external_id = record.external_id.as_deref()?;
            Some(json!({"step": record.key.step(), "external_id": external_id}))
        })
        .collect();
    let done = if args.apply {
        "forgotten"
    } else {
        "would be forgotten; nothing is stored without --apply"
    };
    Ok(Report {
        text: format!(
            "{}: {} of {} rows {done}",
            ticket.label(),
            forgotten.len(),
            life.len()
        ),
        notes: elsewhere
            .iter()
            .map(|left| format!("still at its provider: {left}"))
            .collect(),
        json: json!({
            "ticket": ticket.label(), "forgotten": forgotten, "elsewhere": elsewhere, "stored": args.apply,
        }),
    })
}

/// Somebody works on it, or will by itself.
fn is_under_way(record: &Record) -> bool {
    record.state == State::Claimed || (record.state == State::Parked && record.resume_at.is_some())
}

/// The same JSON with every text deleted that is not known to be ours; what is no JSON goes whole.
fn without_words(text: &str, keeps: Keeps) -> String {
    if text.is_empty() || matches!(keeps, Keeps::All) {
        return text.to_owned();
    }
    serde_json::from_str(text).map_or_else(
        |_| String::new(),
        |mut value: Value| {
            wipe(&mut value, keeps);
            value.to_string()
        },
    )
}

fn wipe(value: &mut Value, keeps: Keeps) {
    match value {
        Value::String(text) if matches!(keeps, Keeps::Known) => FORGOTTEN.clone_into(text),
        Value::Array(items) => items.iter_mut().for_each(|item| wipe(item, keeps)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match keeps {
                    Keeps::AllButNote if name == "note" => wipe(value, Keeps::Known),
                    Keeps::Known if KEPT.contains(&name.as_str()) => {}
                    Keeps::All | Keeps::AllButNote | Keeps::Known => wipe(value, keeps),
                }
            }
        }
        Value::String(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_words_go_and_what_proves_the_work_stays() {
        let body = json!({"answered": {"answer": {"title": "my cat", "ai_confidence": 0.9, "steps": ["a"]}, "model": "m"}});
        let known = Keeps::of("extract#1");
        let wiped: Value = serde_json::from_str(&without_words(&body.to_string(), known)).unwrap();
        let answer = &wiped["answered"]["answer"];
        assert_eq!(
            (&answer["title"], &answer["steps"][0]),
            (&json!(FORGOTTEN), &json!(FORGOTTEN))
        );
        assert_eq!(
            (&answer["ai_confidence"], &wiped["answered"]["model"]),
            (&json!(0.9), &json!("m"))
        );
        assert_eq!(without_words("Dear support", known), "");
    }
    #[test]
    fn who_decided_what_stays_and_what_they_noted_goes() {
        let body = json!({"verb": "approve", "by": "ada", "at_ms": 7, "note": "my cat"}).to_string();
        let wiped = without_words(&body, Keeps::of("review#qualify#1#1"));
        let expected = json!({"verb": "approve", "by": "ada", "at_ms": 7, "note": FORGOTTEN});
        assert_eq!(serde_json::from_str::<Value>(&wiped).unwrap(), expected);
        assert_eq!(without_words(&body, Keeps::of("bill")), body);
    }
}
