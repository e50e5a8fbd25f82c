//! What a sweep does to a row: it notes that the message goes out again, and when to look next; nothing else changes.

use super::Ledger;
use super::size::bounded;
use crate::clock::Millis;
use crate::error::StageError;
use crate::metric;
use crate::record::{Record, State, Unfinished, resent_of, unfinished_partition};
use crate::store::{Item, number, text, values};

/// Why a row is parked whose message nobody turns into a claim.
const NEVER_CLAIMED: &str = "never_claimed";

/// What a sweep is to do with a row that is past due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nudge {
    /// Send its message now.
    Send,
    /// Nothing: it is no longer as it was read, or another sweep has just sent it.
    Leave,
    /// Nothing: its message went out as often as is allowed and moved nothing, so it waits for a person now.
    Parked,
}

impl Ledger {
    /// Notes that this row's message goes out again now, and that no sweep need send it before `next_ms`.
    ///
    /// `due_at` stays, so how long the work has been stuck can still be read from it. The note counts for this fence
    /// and this due time alone: whatever moves the work on ends it.
    ///
    /// After `attempts_max` such notes the row is parked for a person instead, as `never_claimed`: a stage that always ends
    /// before it claims would otherwise get the message for ever.
    ///
    /// Note first and send then. A crash between the two costs a wait until `next_ms`, never the message: the next
    /// sweep after it sends.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn nudge(&self, record: &Record, next_ms: Millis) -> Result<Nudge, StageError> {
        let Some(due_at) = record.due_at else {
            return Ok(Nudge::Leave);
        };
        if record.resends >= self.shared.timing.attempts_max {
            return self.give_up(record, due_at).await;
        }
        let update = "SET resend_at = :next, resent_of = :of, resends = :count, attempt_id = :attempt";
        let mut values = self.untouched(record, due_at);
        values.insert(":next".to_owned(), number(next_ms));
        values.insert(":count".to_owned(), number(record.resends + 1));
        let written = self.write_if(&record.key, UNTOUCHED, update, values).await?;
        Ok(if written.is_written() {
            Nudge::Send
        } else {
            Nudge::Leave
        })
    }

    /// Parks a row that nobody claims. Its fences stay: an attempt that may have sent something is still asked for first.
    async fn give_up(&self, record: &Record, due_at: Millis) -> Result<Nudge, StageError> {
        let update = "SET #state = :parked, reason = :reason, detail = :detail, settled_at = :now, due_at = :now, \
                unfinished = :partition, attempt_id = :attempt REMOVE lease_until, resume_at, resend_at, resent_of, resends";
        let last = record.detail.as_deref().unwrap_or("none");
        let detail = format!(
            "its message went out {} times and no stage claimed it, last fault: {last}",
            record.resends
        );
        let mut values = self.untouched(record, due_at);
        values.extend([
            (":parked".to_owned(), text(State::Parked.as_str())),
            (":reason".to_owned(), text(NEVER_CLAIMED)),
            (":detail".to_owned(), text(bounded(&detail))),
            (
                ":partition".to_owned(),
                text(unfinished_partition(Unfinished::Review, record.key.subject())),
            ),
        ]);
        let written = self.write_if(&record.key, UNTOUCHED, update, values).await?;
        if !written.is_written() {
            return Ok(Nudge::Leave);
        }
        metric::count(metric::PARKED, NEVER_CLAIMED, 1);
        Ok(Nudge::Parked)
    }

    /// The values of [`UNTOUCHED`].
    fn untouched(&self, record: &Record, due_at: Millis) -> Item {
        values([
            (":fence", number(record.fence)),
            (":state", text(record.state.as_str())),
            (":due", number(due_at)),
            (":of", text(resent_of(record.fence, due_at))),
            (":now", number(self.now_ms())),
        ])
    }

    /// Closes the row of a message that nobody could work on, after [`Ledger::resume`] and after the message went out
    /// again. False when it failed again meanwhile, and is parked again with its reason.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn retire_message(&self, record: &Record) -> Result<bool, StageError> {
        let condition = "#state = :parked AND attribute_exists(resume_at)";
        let update =
            "SET #state = :sealed, settled_at = :now, attempt_id = :attempt REMOVE unfinished, due_at";
        let values = values([
            (":parked", text(State::Parked.as_str())),
            (":sealed", text(State::Sealed.as_str())),
            (":now", number(self.now_ms())),
        ]);
        Ok(self
            .write_if(&record.key, condition, update, values)
            .await?
            .is_written())
    }
}

/// The row is as it was read, and no other sweep has just sent its message.
const UNTOUCHED: &str = "fence = :fence AND #state = :state AND due_at = :due \
    AND (attribute_not_exists(resent_of) OR resent_of <> :of OR resend_at <= :now)";
