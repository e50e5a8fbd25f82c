//! `ctl review edit|approve|reject|retry`: a decision is a row, made once, with who and when.
//!
//! The first decision about a fence stands, see [`Decided`]; the same one again finishes what the first began.

use ratchet_domain::decision::Decided;
use ratchet_domain::park::{Mend, Reason};
use ratchet_domain::stage::Stage;
use ratchet_guard::{Outbox, Record, Recorded, State, Work, WorkKey};
use ratchet_runtime::stage::content_of;
use serde_json::json;

use super::correct::Correction;
use super::{Which, reason_of};
use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::text::{plain, time};
use crate::world::World;

/// Who decides, and whether it is meant.
#[derive(Debug, clap::Args)]
pub struct Word {
    /// Who decides; it goes on record.
    #[arg(long, value_name = "NAME", value_parser = crate::cli::person)]
    pub by: String,
    /// Why; it goes on record.
    #[arg(long, default_value = "")]
    pub note: String,
    /// Do it. Without it, what would be done is printed, and nothing is.
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `approve` and `reject`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet review approve 'ticket#acme#zendesk#5158' 'qualify#1f2e3d4c5b6a' --by ada
  ctl --stack ratchet review approve 'ticket#acme#zendesk#5158' 'qualify#1f2e3d4c5b6a' --by ada --yes
  ctl --stack ratchet review reject 'ticket#acme#zendesk#5158' 'pr#acme/shop' --by ada --note 'mended by hand' --yes

approve is for below_threshold (a person vouches for the bug and its best location: it gets what a billed bug gets, and is
billed only where the org's settings say billing.approved_by_person) and for awaiting_publication (the comment is posted). reject closes any parked row for good; nothing is deleted.")]
pub struct Plain {
    /// Which.
    #[command(flatten)]
    pub which: Which,
    /// Whose word it is.
    #[command(flatten)]
    pub word: Word,
}

/// Arguments of `retry`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet review retry 'ticket#acme#zendesk#5158' 'pr#acme/shop' --by ada --yes
  ctl --stack ratchet review retry 'poison#map' '5f0c..' --by ada --anyway --yes

The next attempt asks the provider first where an earlier one may have sent something.")]
pub struct Retry {
    /// Which.
    #[command(flatten)]
    pub which: Which,
    /// Whose word it is.
    #[command(flatten)]
    pub word: Word,
    /// Also where the same input ends the same way unless the build has changed.
    #[arg(long)]
    pub anyway: bool,
}

/// Arguments of `edit`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  ctl --stack ratchet review edit 'ticket#acme#zendesk#5158' 'qualify#1f2e3d4c5b6a' --set severity=high --by ada
  ctl --stack ratchet review edit .. --set title='Total is wrong' --set ai_confidence=0.9 --by ada --yes

The model's record stays; the corrected bug is another content of the same ticket, made by a person, and runs again from
the mapping. It is billed as any other if both scores pass then. A billed bug is not edited.")]
pub struct Edit {
    /// Which.
    #[command(flatten)]
    pub which: Which,
    /// Whose word it is.
    #[command(flatten)]
    pub word: Word,
    /// A field and its new value; lines of `steps_to_reproduce` are steps.
    #[arg(long = "set", value_name = "FIELD=VALUE", required = true, value_parser = pair)]
    pub sets: Vec<(String, String)>,
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .map(|(field, value)| (field.to_owned(), value.to_owned()))
        .ok_or_else(|| "must be FIELD=VALUE".to_owned())
}

/// What a decision does.
enum Deed {
    /// Records of a corrected bug, and its message; the row is closed.
    Correct(Box<Correction>),
    /// The row may be claimed again, and its message goes out.
    Again,
    /// The row is closed.
    Close,
}

/// `ctl review edit`.
///
/// # Errors
/// [`Failure::Invalid`] for a field that does not hold; as [`approve`].
pub async fn edit(app: &mut App<'_>, args: &Edit) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let record = args.which.waiting(&world).await?;
    let takes = matches!(
        reason_of(&record),
        Some(Reason::BelowThreshold | Reason::ModelAnswerUnreadable)
    );
    if !takes {
        return Err(unfit(
            "edit",
            &record,
            "below_threshold and model_answer_unreadable",
        ));
    }
    let life = world.ledger()?.life(&args.which.subject).await?;
    let correction = Correction::edited(&life, &record, &args.sets, &args.word.by)?;
    decide(
        &world,
        "edit",
        &record,
        &args.word,
        Deed::Correct(Box::new(correction)),
        1,
    )
    .await
}

/// `ctl review approve`.
///
/// # Errors
/// [`Failure::Refused`] where the reason takes no such decision, or another decision stands; [`Failure::NotFound`];
/// [`Failure::Ledger`].
pub async fn approve(app: &mut App<'_>, args: &Plain) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let record = args.which.waiting(&world).await?;
    let (deed, charge_max) = match reason_of(&record) {
        Some(Reason::BelowThreshold) => {
            let life = world.ledger()?.life(&args.which.subject).await?;
            let correction = Correction::vouched(&life, &record, &args.word.by)?;
            let charge_max = u64::from(charges_approved(&world, &correction).await?);
            (Deed::Correct(Box::new(correction)), charge_max)
        }
        Some(Reason::AwaitingPublication) => (Deed::Again, 0),
        _ => {
            return Err(unfit(
                "approve",
                &record,
                "below_threshold and awaiting_publication",
            ));
        }
    };
    decide(&world, "approve", &record, &args.word, deed, charge_max).await
}

/// Whether the org is charged for what a person approves.
async fn charges_approved(world: &World, correction: &Correction) -> Result<bool, Failure> {
    let org = correction.org();
    let settings = world.settings()?.valid(org).await?;
    Ok(settings.billing.approved_by_person)
}

/// `ctl review reject`.
///
/// # Errors
/// As [`approve`].
pub async fn reject(app: &mut App<'_>, args: &Plain) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let record = args.which.waiting(&world).await?;
    decide(&world, "reject", &record, &args.word, Deed::Close, 0).await
}

/// `ctl review retry`.
///
/// # Errors
/// As [`approve`].
pub async fn retry(app: &mut App<'_>, args: &Retry) -> Result<Report, Failure> {
    let world = app.worlds.open().await?;
    let record = args.which.waiting(&world).await?;
    if record.state == State::Receipt {
        return Err(unfit("retry", &record, "parked work"));
    }
    let ends_the_same = reason_of(&record).is_none_or(|reason| reason.mend() == Mend::Nothing);
    if ends_the_same && !args.anyway {
        return Err(Failure::Refused(format!(
            "the same input ends the same way, reject it, or say --anyway after a new build reason=`{}` key=`{}`",
            record.reason.as_deref().unwrap_or_default(),
            record.key
        )));
    }
    decide(&world, "retry", &record, &args.word, Deed::Again, 0).await
}

fn unfit(verb: &str, record: &Record, fits: &str) -> Failure {
    Failure::Refused(format!(
        "{verb} is for {fits} reason=`{}` key=`{}`",
        record.reason.as_deref().unwrap_or_default(),
        record.key
    ))
}

/// The decision first, then what it asks for: each of its writes finds itself done when the command is given again.
async fn decide(
    world: &World,
    verb: &'static str,
    record: &Record,
    word: &Word,
    deed: Deed,
    charge_max: u64,
) -> Result<Report, Failure> {
    let does = says(record, &deed);
    let mut decided = Decided {
        verb: verb.to_owned(),
        by: word.by.clone(),
        at_ms: world.now_ms(),
        note: word.note.chars().take(1_000).collect(),
        reason: record.reason.clone().unwrap_or_default(),
    };
    let mut stood_before = false;
    if word.yes {
        if let Some(earlier) = put(world, record, &decided, &does).await? {
            (decided, stood_before) = (earlier, true);
        }
        carry_out(world, record, &deed).await?;
    }
    let by = &decided.by;
    let bill = match (&deed, charge_max) {
        (Deed::Correct(_), 0) => "\nit is not billed: billing.approved_by_person is not set",
        (Deed::Correct(_), _) => "\nit may be billed as one mapped bug",
        (Deed::Again | Deed::Close, _) => "",
    };
    let text = match (word.yes, stood_before) {
        (false, _) => format!("would {verb}: {does}{bill}\nnothing is done; say --yes to do it"),
        (true, false) => format!("{verb} by {}: {does}{bill}", plain(by)),
        (true, true) => {
            format!(
                "decided before by {} at {}: {does}{bill}",
                plain(by),
                time(Some(decided.at_ms))
            )
        }
    };
    Ok(Report {
        text,
        json: json!({
            "subject": record.key.subject(),
            "step": record.key.step(),
            "decision": decided,
            "does": does,
            "charge_max": charge_max,
            "done": word.yes,
            "decided_before": stood_before,
        }),
        notes: Vec::new(),
    })
}

/// Puts the decision on record; the one that stands already, where it is the same.
async fn put(
    world: &World,
    record: &Record,
    decided: &Decided,
    does: &str,
) -> Result<Option<Decided>, Failure> {
    let step = Decided::step(record.key.step(), record.fence);
    let content = content_of(&[&decided.verb, does]);
    let work = Work::new(WorkKey::new(record.key.subject(), step), &content);
    let Recorded::Found(found) = world.ledger()?.record(&work, decided).await? else {
        return Ok(None);
    };
    let earlier: Decided = found.result()?;
    if found.content == content {
        return Ok(Some(earlier));
    }
    Err(Failure::Refused(format!(
        "another decision stands verb=`{}` by=`{}` at=`{}` key=`{}`",
        earlier.verb,
        earlier.by,
        time(Some(earlier.at_ms)),
        record.key
    )))
}

async fn carry_out(world: &World, record: &Record, deed: &Deed) -> Result<(), Failure> {
    let ledger = world.ledger()?;
    match deed {
        Deed::Close => ledger.close(record).await.map(drop)?,
        Deed::Correct(correction) => {
            let (stage, message) = correction.put(&ledger).await?;
            send(world, stage.as_str(), message).await?;
            ledger.close(record).await.map(drop)?;
        }
        Deed::Again => {
            let is_let_go = ledger.resume(record).await?;
            // A row that holds no message is found by nobody but a delivery of its own.
            if is_let_go && Stage::from_name(&record.stage).is_some() && !record.message.is_empty() {
                send(world, &record.stage, record.message.clone()).await?;
                if record.key.subject().starts_with("poison#") {
                    ledger.retire_message(record).await.map(drop)?;
                }
            }
        }
    }
    Ok(())
}

async fn send(world: &World, stage: &str, message: String) -> Result<(), Failure> {
    let sent = world.queues()?.put(&[(stage, message)]).await;
    sent.map_err(|error| Failure::Aws {
        operation: "SendMessage",
        code: error.code.clone(),
        detail: format!("{error}; give the command again"),
    })
}

fn says(record: &Record, deed: &Deed) -> String {
    match deed {
        Deed::Correct(correction) => format!(
            "`{}` goes on as a person has it, severity {}, score {}; {} is closed",
            plain(&correction.bug().title),
            correction.bug().severity.as_str(),
            correction.bug().ai_confidence,
            record.key
        ),
        Deed::Again => format!("{} is tried again", record.key),
        Deed::Close => format!("{} is closed, and keeps its reason", record.key),
    }
}
