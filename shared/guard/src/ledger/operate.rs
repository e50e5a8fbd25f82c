//! What only a person asks for: closing what nobody will work on, doing once more what is done, and reading it all.

use super::{Ledger, Page};
use crate::error::StageError;
use crate::record::{Record, State};
use crate::store::{Item, StoreError, number, text, values};

/// Rows of one page of a scan. Reason: a page is what is in memory at once; the service itself ends one at a MiB.
const ROWS_A_SCAN: i32 = 1_000;

/// Why a row that was sealed waits: somebody asked for its effect once more.
const REFIRED: &str = "refired";

impl Ledger {
    /// Takes a parked row or a late receipt out of the index for good: nobody works on it again, and it keeps its reason.
    /// False when it is no longer as `record` says.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn close(&self, record: &Record) -> Result<bool, StageError> {
        let condition = "(#state = :parked OR #state = :receipt) AND fence = :fence";
        let update = "SET attempt_id = :attempt REMOVE unfinished, due_at, resume_at";
        let values = values([
            (":parked", text(State::Parked.as_str())),
            (":receipt", text(State::Receipt.as_str())),
            (":fence", number(record.fence)),
        ]);
        Ok(self
            .write_if(&record.key, condition, update, values)
            .await?
            .is_written())
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
        let condition = "#state = :sealed AND fence = :fence";
        // The attempt that sealed it has left its result here, so it is none of those that left no word.
        let more = ", #state = :parked, reason = :reason, accounted = :accounted";
        let own = [
            (":sealed", text(State::Sealed.as_str())),
            (":parked", text(State::Parked.as_str())),
            (":reason", text(REFIRED)),
            (":accounted", number(record.accounted + 1)),
        ];
        self.bring_back(record, condition, more, own).await
    }

    /// Puts another result and another intent in the place of a settled row's, and deletes its last fault: a request to
    /// forget what somebody wrote. Key, content hash, fence and state stay, so a repeat still finds its work done.
    /// False when the row is no longer as `record` says.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn forget(&self, record: &Record, body: &str, intent: &str) -> Result<bool, StageError> {
        let condition = "#state = :state AND attempt_id = :seen";
        let update = "SET body = :body, intent = :intent, attempt_id = :attempt REMOVE detail";
        let values = values([
            (":state", text(record.state.as_str())),
            (":seen", text(&record.attempt_id)),
            (":body", text(body)),
            (":intent", text(intent)),
        ]);
        Ok(self
            .write_if(&record.key, condition, update, values)
            .await?
            .is_written())
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
            .set_expression_attribute_values(Some(values([(":prefix", text(prefix))])))
            .consistent_read(true)
            .limit(ROWS_A_SCAN)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| StoreError::of("Scan", &error))?;
        Ok(Page::of(output.items(), output.last_evaluated_key.clone()))
    }
}
