//! What only a person asks for: closing what nobody will work on, doing once more what is done, and reading it all.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::resend::ours;
use super::{Ledger, Page};
use crate::error::StageError;
use crate::record::{Record, State, Unfinished, unfinished_partition};
use crate::store::{Item, StoreError, names, number, text, update_answer, values};

/// Why a row that was sealed waits: somebody asked for its effect once more.
const REFIRED: &str = "refired";

impl Ledger {
    /// Takes a parked row or a late receipt out of the index for good: nobody works on it again, and it keeps its reason.
    /// False when it is no longer as `record` says.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn close(&self, record: &Record) -> Result<bool, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(&record.key)))
            .condition_expression("(#state = :parked OR #state = :receipt) AND fence = :fence")
            .update_expression("SET attempt_id = :attempt REMOVE unfinished, due_at, resume_at")
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(values([
                (":parked", text(State::Parked.as_str())),
                (":receipt", text(State::Receipt.as_str())),
                (":fence", number(record.fence)),
                (":attempt", attempt),
            ]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(ours(update_answer(answer)?, &attempt_id))
    }

    /// Lets a sealed step be claimed once more. The next attempt asks the provider before it acts, as after any attempt
    /// that may have sent something: what is still there is adopted, and only what is gone is made again.
    /// False when the row is no longer as `record` says.
    ///
    /// It is never called by a function: what is sealed stays so unless a person says otherwise, about one step.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn reopen(&self, record: &Record) -> Result<bool, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        let partition = unfinished_partition(Unfinished::Waiting, record.key.subject());
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(&record.key)))
            .condition_expression("#state = :sealed AND fence = :fence")
            .update_expression(
                "SET #state = :parked, reason = :reason, resume_at = :now, resumed_at = :now, due_at = :now, \
                attempts = :zero, attempt_id = :attempt, unfinished = :partition",
            )
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(values([
                (":sealed", text(State::Sealed.as_str())),
                (":parked", text(State::Parked.as_str())),
                (":fence", number(record.fence)),
                (":reason", text(REFIRED)),
                (":now", number(self.now_ms())),
                (":zero", number(0)),
                (":attempt", attempt),
                (":partition", text(partition)),
            ]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(ours(update_answer(answer)?, &attempt_id))
    }

    /// Puts another result and another intent in the place of a settled row's, and deletes its last fault: a request to
    /// forget what somebody wrote. Key, content hash, fence and state stay, so a repeat still finds its work done.
    /// False when the row is no longer as `record` says.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn forget(&self, record: &Record, body: &str, intent: &str) -> Result<bool, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(&record.key)))
            .condition_expression("#state = :state AND attempt_id = :seen")
            .update_expression("SET body = :body, intent = :intent, attempt_id = :attempt REMOVE detail")
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(values([
                (":state", text(record.state.as_str())),
                (":seen", text(&record.attempt_id)),
                (":body", text(body)),
                (":intent", text(intent)),
                (":attempt", attempt),
            ]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        Ok(ours(update_answer(answer)?, &attempt_id))
    }

    /// A page of every row whose subject begins with `prefix`, in the table's own order: the rows of one subject follow on
    /// each other, by step. A page may be empty before the end. It reads the whole table, so it is for an operator's plan
    /// and for no function.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn scan(&self, prefix: &str, start: Option<Item>) -> Result<Page, StageError> {
        let output = self
            .shared
            .client
            .scan()
            .table_name(&*self.shared.table)
            .filter_expression("begins_with(subject, :prefix)")
            .set_expression_attribute_values(values([(":prefix", text(prefix))]))
            .consistent_read(true)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::of("Scan", &error))?;
        Ok(Page {
            records: output.items().iter().filter_map(Record::of).collect(),
            next: output.last_evaluated_key,
        })
    }
}
