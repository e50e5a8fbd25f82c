//! What a sweep does to a row: it notes that the message goes out again, and when to look next; nothing else changes.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::Ledger;
use crate::clock::Millis;
use crate::error::StageError;
use crate::record::{Record, State, resent_of};
use crate::store::{Write, names, number, text, update_answer, values};

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
        let (attempt_id, attempt) = self.fresh_id();
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(&record.key)))
            .condition_expression(
                "fence = :fence AND #state = :state AND due_at = :due \
                AND (attribute_not_exists(resent_of) OR resent_of <> :of OR resend_at <= :now)",
            )
            .update_expression("SET resend_at = :next, resent_of = :of, attempt_id = :attempt")
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(values([
                (":fence", number(record.fence)),
                (":state", text(record.state.as_str())),
                (":due", number(due_at)),
                (":of", text(resent_of(record.fence, due_at))),
                (":now", number(self.now_ms())),
                (":next", number(next_ms)),
                (":attempt", attempt),
            ]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(ours(update_answer(answer)?, &attempt_id))
    }

    /// Closes the row of a message that nobody could work on, after [`Ledger::resume`] and after the message went out
    /// again. False when it failed again meanwhile, and is parked again with its reason.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn retire_message(&self, record: &Record) -> Result<bool, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(&record.key)))
            .condition_expression("#state = :parked AND attribute_exists(resume_at)")
            .update_expression(
                "SET #state = :sealed, settled_at = :now, attempt_id = :attempt REMOVE unfinished, due_at",
            )
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(values([
                (":parked", text(State::Parked.as_str())),
                (":sealed", text(State::Sealed.as_str())),
                (":now", number(self.now_ms())),
                (":attempt", attempt),
            ]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(ours(update_answer(answer)?, &attempt_id))
    }
}

/// Whether the write is on record: applied, or found to be its own first send.
pub(super) fn ours(write: Write, attempt_id: &str) -> bool {
    match write {
        Write::Applied(_) => true,
        Write::Lost(found) => found
            .as_ref()
            .and_then(Record::of)
            .is_some_and(|record| record.attempt_id == attempt_id),
    }
}
