//! `ctl ticket show ORG PROVIDER ID`.

use ratchet_domain::bill::Flag;
use ratchet_domain::bug::Extraction;
use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_domain::settings::Settings;
use ratchet_domain::step;
use ratchet_guard::{Record, State};
use serde_json::{Value, json};

use super::facts::{self, answer, kind};
use super::held;
use super::next::{Tellings, pending, rank, sentence};
use crate::App;
use crate::failure::Failure;
use crate::report::{Report, unreadable};
use crate::text::{plain, plain_lines, table, time};
use crate::world::World;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet ticket show acme zendesk 5158
  ctl ticket show acme zendesk 5158 --json | jq -r .next
  ctl ticket show acme zendesk 5158 --bodies      with intents and results: customers' words

One query reads the life, and the list of what waits for a person is looked through for
messages of the ticket that no stage could begin with. `next` is `done`, or says what is waited for: `waiting for lease until ..`,
`retry at ..`, `capped until ..`, `held for review: below_threshold (..)`, `map is next: ..`.
Without --bodies nothing is printed that a customer or a model wrote.")]
pub struct Args {
    /// The org.
    #[arg(value_parser = |text: &str| OrgId::parse(text))]
    pub org: OrgId,
    /// Where the ticket lives: zendesk or intercom.
    #[arg(value_parser = crate::cli::provider)]
    pub provider: Provider,
    /// Its id there.
    #[arg(value_name = "ID", value_parser = |text: &str| TicketNumber::parse(text))]
    pub number: TicketNumber,
    /// Print what was sent and what came back too; it holds customers' words.
    #[arg(long)]
    pub bodies: bool,
}

/// Runs the verb. **JSON**: `{"org","ticket","bug","outcome","next","pending":[{"step","goes","at_ms"}],"held":[..],
/// "steps":[..],"unreadable":[key]}`; a held message is `{"subject","step","stage","reason","detail","since_ms"}`;
/// a step is `{"step","state","fence","attempts","external_id","stage","first_claimed_at_ms","claimed_at_ms",
/// "settled_at_ms","lease_until_ms","due_at_ms","resume_at_ms","reason","detail","result"}` in the order of time, and with
/// `--bodies` also `"intent","body","message"`.
///
/// # Errors
/// [`Failure::NotFound`] when nothing is on record for the ticket; [`Failure::Ledger`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let ticket = TicketRef {
        org: args.org.clone(),
        provider: args.provider,
        number: args.number.clone(),
    };
    let ledger = world.ledger()?;
    let whole = ledger.rows(&ticket.subject()).await?;
    let mut life = whole.records;
    let held = held::messages(&ledger, &ticket, world.now_ms()).await?;
    if life.is_empty() && held.is_empty() && whole.unreadable.is_empty() {
        return Err(Failure::NotFound(format!(
            "nothing is on record org=`{}` ticket=`{}`; a webhook taken just now shows when extract claims it",
            ticket.org,
            ticket.label()
        )));
    }
    life.sort_by_key(|record| {
        (
            began(record),
            rank(record.key.step()),
            record.key.step().to_owned(),
        )
    });
    let (damaged, mut notes) = unreadable(&whole.unreadable);
    let tellings = tellings(&world, &ticket.org).await.unwrap_or_else(|| {
        notes.push("settings were not read: whether Slack and a tracker are due is not known".to_owned());
        Tellings::default()
    });
    let pending = pending(&life, world.now_ms(), tellings);
    let outcome = match outcome(&life) {
        "open" | "not_a_bug" if !held.is_empty() => "held",
        outcome => outcome,
    };
    let mut next: Vec<String> = held.iter().map(held::says).collect();
    if next.is_empty() || !pending.is_empty() {
        next.push(sentence(&pending));
    }
    let next = next.join("; ");
    let steps: Vec<Value> = life.iter().map(|record| step_json(record, args.bodies)).collect();
    let (label, bug) = (ticket.label(), ticket.bug());
    let mut text = format!(
        "ticket   {label} of {}\nbug      {bug}\noutcome  {outcome}\nnext     {}\n{}\n{}",
        ticket.org,
        plain(&next),
        held.iter().map(held::line).collect::<String>(),
        timeline(&life)
    );
    if args.bodies {
        text.extend(life.iter().map(bodies));
    }
    Ok(Report {
        text,
        json: json!({
            "org": ticket.org,
            "ticket": label,
            "bug": bug,
            "outcome": outcome,
            "next": next,
            "pending": pending,
            "held": held.iter().map(held::json).collect::<Vec<_>>(),
            "steps": steps,
            "unreadable": damaged,
        }),
        notes,
    })
}

/// What the settings on record ask to be told; none where they cannot be read.
pub(crate) async fn tellings(world: &World, org: &OrgId) -> Option<Tellings> {
    let on_record = world.settings().ok()?.read(org).await.ok()??;
    let document = serde_json::from_str(&on_record.document).ok()?;
    Settings::parse(&document)
        .ok()
        .map(|settings| Tellings::of(&settings))
}

fn began(record: &Record) -> u64 {
    let times = [record.first_claimed_at, record.claimed_at];
    let first = times.into_iter().find(|at_ms| *at_ms > 0);
    first.or(record.settled_at).unwrap_or(0)
}

/// What the ticket has come to so far, in one word.
fn outcome(life: &[Record]) -> &'static str {
    let parked = |reason: &str| {
        life.iter()
            .any(|record| record.state == State::Parked && record.reason.as_deref() == Some(reason))
    };
    let mut extracted = life.iter().filter(|record| kind(record.key.step()) == "extract");
    let is_no_bug = |record: &Record| {
        answer::<Extraction>(record)
            .is_some_and(|answered| matches!(answered.answer, Extraction::NotABug { .. }))
    };
    let mut bill = life.iter().filter(|record| record.key.step() == step::BILL);
    if let Some(flag) = bill.find(|record| record.state == State::Sealed) {
        let is_waived = flag.result::<Flag>().is_ok_and(|flag| !flag.is_charge());
        if is_waived { "approved" } else { "billed" }
    } else if parked("capped") {
        "capped"
    } else if life
        .iter()
        .any(|record| record.state == State::Parked && record.resume_at.is_none() && record.due_at.is_some())
    {
        "held"
    } else if life
        .iter()
        .any(|record| record.state == State::Parked && record.resume_at.is_none())
    {
        "closed"
    } else if extracted.all(is_no_bug) {
        "not_a_bug"
    } else {
        "open"
    }
}

fn step_json(record: &Record, with_bodies: bool) -> Value {
    let lease_until = (record.state == State::Claimed).then_some(record.lease_until);
    let mut step = json!({
        "step": record.key.step(),
        "state": record.state.as_str(),
        "fence": record.fence,
        "attempts": record.attempts,
        "external_id": record.external_id,
        "stage": record.stage,
        "first_claimed_at_ms": some(record.first_claimed_at),
        "claimed_at_ms": some(record.claimed_at),
        "settled_at_ms": record.settled_at,
        "lease_until_ms": lease_until,
        "due_at_ms": record.due_at,
        "resume_at_ms": record.resume_at,
        "reason": record.reason,
        "detail": record.detail,
        "result": facts::of(record).map(|facts| facts.json),
    });
    if with_bodies && let Some(step) = step.as_object_mut() {
        step.insert("intent".to_owned(), as_value(&record.intent));
        step.insert("body".to_owned(), as_value(&record.body));
        step.insert("message".to_owned(), as_value(&record.message));
    }
    step
}

fn some(at_ms: u64) -> Option<u64> {
    (at_ms > 0).then_some(at_ms)
}

/// JSON where it is JSON, else the text itself; null for nothing.
fn as_value(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn timeline(life: &[Record]) -> String {
    let rows: Vec<Vec<String>> = life
        .iter()
        .map(|record| {
            vec![
                time(Some(began(record))),
                record.key.step().to_owned(),
                record.state.as_str().to_owned(),
                record.fence.to_string(),
                record.attempts.to_string(),
                said(record),
                record.external_id.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table(
        &[
            "BEGAN",
            "STEP",
            "STATE",
            "FENCE",
            "ATTEMPTS",
            "RESULT",
            "EXTERNAL ID",
        ],
        &rows,
    )
}

/// The facts of a result, or why there is none.
fn said(record: &Record) -> String {
    let why = match (&record.reason, &record.detail) {
        (Some(reason), Some(detail)) => format!("{reason}: {detail}"),
        (Some(why), None) | (None, Some(why)) => why.clone(),
        (None, None) => String::new(),
    };
    match facts::of(record) {
        Some(facts) if record.state == State::Sealed => facts.line,
        _ => why,
    }
}

fn bodies(record: &Record) -> String {
    let mut text = String::new();
    for (name, value) in [("intent", &record.intent), ("body", &record.body)] {
        if !value.is_empty() {
            let value = match serde_json::from_str::<Value>(value) {
                Ok(json) => format!("{json:#}"),
                Err(_) => value.clone(),
            };
            text.push_str(&format!(
                "\n\n{} {name}\n{}",
                plain(record.key.step()),
                plain_lines(&value)
            ));
        }
    }
    text
}
