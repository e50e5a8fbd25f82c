//! Work that waits for a person: what it is, and deciding it.

pub mod correct;
pub mod decide;
pub mod list;
pub mod show;

use clap::Subcommand;
use ratchet_domain::message::Envelope;
use ratchet_domain::park::{Mend, Reason};
use ratchet_domain::stage::Stage;
use ratchet_guard::{Record, State, WorkKey};

use crate::App;
use crate::failure::Failure;
use crate::report::Report;
use crate::world::World;

/// What to do with waiting work.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// List what waits for a person, oldest first.
    List(list::Args),
    /// Print everything that is needed to decide one piece of it.
    Show(show::Args),
    /// Correct the extracted fields of a bug, and run it again from there.
    Edit(decide::Edit),
    /// Let it go on: a person vouches for the bug, or says that the root cause may be published.
    Approve(decide::Plain),
    /// Close it: nobody works on it again.
    Reject(decide::Plain),
    /// Try it again, now that its cause is mended.
    Retry(decide::Retry),
}

/// Runs the verb.
///
/// # Errors
/// [`Failure`].
pub async fn run(app: &mut App<'_>, verb: &Verb) -> Result<Report, Failure> {
    match verb {
        Verb::List(args) => list::run(app, args).await,
        Verb::Show(args) => show::run(app, args).await,
        Verb::Edit(args) => decide::edit(app, args).await,
        Verb::Approve(args) => decide::approve(app, args).await,
        Verb::Reject(args) => decide::reject(app, args).await,
        Verb::Retry(args) => decide::retry(app, args).await,
    }
}

/// Which piece of work, as `ctl review list` prints it.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// The ledger's subject, as `ticket#acme#zendesk#5158`.
    pub subject: String,
    /// The step, as `qualify#1f2e3d4c5b6a`.
    pub step: String,
}

impl Which {
    /// The row, which waits for a person.
    async fn waiting(&self, world: &World) -> Result<Record, Failure> {
        let found = world
            .ledger()?
            .read(&WorkKey::new(&self.subject, &self.step))
            .await?;
        let record = found.ok_or_else(|| {
            Failure::NotFound(format!(
                "there is no such row subject=`{}` step=`{}`",
                self.subject, self.step
            ))
        })?;
        match record.state {
            // A late receipt is shown and closed like parked work, and takes no other decision.
            State::Parked | State::Receipt => Ok(record),
            State::Claimed | State::Sealed => Err(Failure::Refused(format!(
                "row does not wait for a person state=`{}` subject=`{}` step=`{}`",
                record.state.as_str(),
                self.subject,
                self.step
            ))),
        }
    }
}

/// The reason of a parked row; none for a word that this build does not know.
fn reason_of(record: &Record) -> Option<Reason> {
    record.reason.as_deref().and_then(Reason::from_word)
}

/// Whose work a row is, where it tells.
fn org_of(record: &Record) -> Option<String> {
    let mut parts = record.key.subject().split('#');
    if parts.next() == Some("ticket") {
        return parts.next().map(str::to_owned);
    }
    let stage = Stage::from_name(&record.stage)?;
    let envelope = Envelope::parse(stage, &record.message).ok()?;
    Some(envelope.body.ticket().org.to_string())
}

/// The verbs that a row takes.
fn verbs(record: &Record) -> Vec<&'static str> {
    if record.state == State::Receipt {
        return vec!["reject"];
    }
    let mut verbs = Vec::new();
    match reason_of(record) {
        Some(Reason::BelowThreshold) => verbs.extend(["approve", "edit"]),
        Some(Reason::AwaitingPublication) => verbs.push("approve"),
        Some(Reason::ModelAnswerUnreadable) if record.key.step().starts_with("extract#") => {
            verbs.push("edit");
        }
        _ => {}
    }
    if reason_of(record).map(Reason::mend) == Some(Mend::Nothing) {
        verbs.push("retry --anyway");
    } else {
        verbs.push("retry");
    }
    verbs.push("reject");
    verbs
}

/// What brings such work back, as a word.
fn mend_word(mend: Mend) -> &'static str {
    match mend {
        Mend::Retry => "retry",
        Mend::MendThenRetry => "mend_then_retry",
        Mend::Time => "time",
        Mend::Decision => "decision",
        Mend::Nothing => "nothing",
    }
}
