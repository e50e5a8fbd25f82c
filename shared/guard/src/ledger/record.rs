//! Records that are finished from the start: what a person decided, a plan, the answer to a request.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use serde::Serialize;

use super::Ledger;
use super::size::{body_of, check_work, room_beside};
use crate::error::StageError;
use crate::record::{Record, State};
use crate::store::{Write, number, put_answer, text};
use crate::work::Work;

/// What putting a finished record came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// It is on record, by this write.
    Written,
    /// Another one is on record under the key; nothing was written. Whether it says the same is the caller's to judge.
    Found(Box<Record>),
}

impl Ledger {
    /// Puts a record that no attempt can fail half-way: one conditional write, sealed at once. The first one under a key
    /// stays for ever.
    ///
    /// It is for facts that are complete when they are known, as a person's decision. What has an effect outside is
    /// claimed first: a crash between the effect and this write would leave no trace of it.
    ///
    /// # Errors
    /// [`StageError::Poison`] when it does not fit into a row; [`StageError::Store`].
    pub async fn record<T: Serialize>(&self, work: &Work, result: &T) -> Result<Recorded, StageError> {
        check_work(work)?;
        let texts = [
            work.key.subject(),
            work.key.step(),
            &work.content,
            &work.intent,
            &work.stage,
            &work.message,
        ];
        let body = body_of(result, room_beside(texts)).map_err(|why| StageError::Poison {
            code: why.code,
            detail: why.detail,
        })?;
        let (attempt_id, attempt) = self.fresh_id();
        let now_ms = number(self.now_ms());
        let mut item = Self::row_key(&work.key);
        item.extend([
            ("state".to_owned(), text(State::Sealed.as_str())),
            ("fence".to_owned(), number(1)),
            ("attempt_id".to_owned(), attempt),
            ("content".to_owned(), text(&work.content)),
            ("intent".to_owned(), text(&work.intent)),
            ("stage".to_owned(), text(&work.stage)),
            ("message".to_owned(), text(&work.message)),
            ("body".to_owned(), text(body)),
            ("first_claimed_at".to_owned(), now_ms.clone()),
            ("settled_at".to_owned(), now_ms),
        ]);
        let answer = self
            .shared
            .client
            .put_item()
            .table_name(&*self.shared.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(subject)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Write::Lost(found) = put_answer(answer)? else {
            return Ok(Recorded::Written);
        };
        let found = found
            .as_ref()
            .and_then(Record::of)
            .ok_or_else(|| StageError::unreadable_row(&work.key))?;
        // A resend of a write that had landed meets its own row.
        Ok(if found.attempt_id == attempt_id {
            Recorded::Written
        } else {
            Recorded::Found(Box::new(found))
        })
    }
}
