//! `ctl review show SUBJECT STEP`.

use ratchet_domain::bill::Flag;
use ratchet_domain::park::Reason;
use ratchet_domain::step;
use ratchet_guard::{Record, State};
use serde_json::{Value, json};

use super::{Which, mend_word, org_of, reason_of, verbs};
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::{plain, plain_lines, time};
use crate::verbs::ticket::facts::kind;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet review show 'ticket#acme#zendesk#5158' 'qualify#1f2e3d4c5b6a'
  ctl review show 'ticket#acme#zendesk#5158' 'qualify#1f2e3d4c5b6a' --json | jq .bug

It prints what a customer and a model wrote: that is what is decided about.")]
pub struct Args {
    /// Which.
    #[command(flatten)]
    pub which: Which,
}

/// Runs the verb. **JSON**: `{"subject","step","org","reason","mend","meaning","detail","stage","since_ms","attempts",
/// "fence","verbs","row","bug","mapping","decision","billed","decisions":[{"step","decision"}]}`; `row` is what the step
/// itself left, such as a model's unreadable answer.
///
/// # Errors
/// [`Failure::NotFound`]; [`Failure::Refused`] for a row that does not wait; [`Failure::Ledger`].
pub async fn run(app: &mut App<'_>, args: &Args) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let record = args.which.waiting(&world).await?;
    let life = world.ledger()?.life(&args.which.subject).await?;
    let of_content = |wanted: &str| {
        let mut rows = life.iter();
        let row = rows.find(|row| {
            kind(row.key.step()) == wanted && row.content == record.content && row.state != State::Receipt
        });
        row.map_or(Value::Null, |row| as_value(&row.body))
    };
    let billed = life
        .iter()
        .any(|row| row.key.step() == step::BILL && row.result::<Flag>().is_ok_and(|flag| flag.is_charge()));
    let decisions: Vec<Value> = life
        .iter()
        .filter(|row| kind(row.key.step()) == "review")
        .map(|row| json!({ "step": row.key.step(), "decision": as_value(&row.body) }))
        .collect();
    let reason = reason_of(&record);
    let json = json!({
        "subject": record.key.subject(),
        "step": record.key.step(),
        "org": org_of(&record),
        "reason": record.reason,
        "mend": reason.map(|reason| mend_word(reason.mend())),
        "meaning": reason.map(Reason::meaning),
        "detail": record.detail,
        "stage": record.stage,
        "since_ms": record.settled_at,
        "attempts": record.attempts,
        "fence": record.fence,
        "verbs": verbs(&record),
        "message": as_value(&record.message),
        "row": as_value(&record.body),
        "bug": of_content("extract"),
        "mapping": of_content("map"),
        "decision": of_content("qualify"),
        "billed": billed,
        "decisions": decisions,
    });
    Ok(Report {
        text: text(&record, &json),
        json,
        notes: Vec::new(),
    })
}

/// JSON where it is JSON, else the text itself; null for nothing.
fn as_value(text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn text(record: &Record, json: &Value) -> String {
    let meaning = reason_of(record).map_or("this build does not know this reason", Reason::meaning);
    let mut text = format!(
        "subject  {}\nstep     {}\nreason   {}: {meaning}\ndetail   {}\nsince    {}, {} attempts, fence {}\nverbs    {}",
        plain(record.key.subject()),
        plain(record.key.step()),
        plain(record.reason.as_deref().unwrap_or("none")),
        plain(record.detail.as_deref().unwrap_or("none")),
        time(record.settled_at),
        record.attempts,
        record.fence,
        verbs(record).join(", "),
    );
    for part in ["bug", "mapping", "decision", "row", "decisions"] {
        let value = json.get(part).unwrap_or(&Value::Null);
        let is_empty = value.is_null() || value.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            text.push_str(&format!("\n\n{part}\n{}", plain_lines(&format!("{value:#}"))));
        }
    }
    text
}
