//! What a sweep does to a row: it notes that the message goes out again, and when to look next; nothing else changes.

use super::Ledger;
use crate::clock::Millis;
use crate::error::StageError;
use crate::record::{Record, State, resent_of};
use crate::store::{number, text, values};

impl Ledger {
    /// Notes that this row's message goes out again now, and that no sweep need send it before `next_ms`.
    ///
    /// `due_at` stays, so how long the work has been stuck can still be read from it. The note counts for this fence
    /// and this due time alone: whatever moves the work on ends it.
    /// False when the row is no longer as `record` says, or another sweep has just sent it.
    ///
    /// Note first and send then. A crash between the two costs a wait until `next_ms`, never the message: the next
    /// sweep after it sends.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn nudge(&self, record: &Record, next_ms: Millis) -> Result<bool, StageError> {
        let Some(due_at) = record.due_at else {
            return Ok(false);
        };
        let condition = "fence = :fence AND #state = :state AND due_at = :due \
                AND (attribute_not_exists(resent_of) OR resent_of <> :of OR resend_at <= :now)";
        let update = "SET resend_at = :next, resent_of = :of, attempt_id = :attempt";
        let values = values([
            (":fence", number(record.fence)),
            (":state", text(record.state.as_str())),
            (":due", number(due_at)),
            (":of", text(resent_of(record.fence, due_at))),
            (":now", number(self.now_ms())),
            (":next", number(next_ms)),
        ]);
        Ok(self
            .write_if(&record.key, condition, update, values)
            .await?
            .is_written())
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
