//! A write to a row that this attempt still holds: conditional on its fence, and known again when it is resent.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::Ledger;
use crate::clock::Millis;
use crate::error::StageError;
use crate::record::{Record, State};
use crate::store::{Item, Write, names, number, text, update_answer};
use crate::work::WorkKey;

/// A conditional update of a claimed row, without its key, its fence and its attempt id.
#[derive(Debug)]
pub(super) struct FencedUpdate {
    pub(super) expression: String,
    pub(super) values: Item,
}

impl FencedUpdate {
    pub(super) fn new<const N: usize>(
        expression: &str,
        values: [(&str, aws_sdk_dynamodb::types::AttributeValue); N],
    ) -> Self {
        let mut all = Item::with_capacity(N + EXTRA);
        all.extend(values.into_iter().map(|(name, value)| (name.to_owned(), value)));
        Self {
            expression: expression.to_owned(),
            values: all,
        }
    }

    /// All values of the expression and of [`MINE`], but for the attempt's.
    pub(super) fn values_for(self, fence: u64) -> (String, Item) {
        let mut values = self.values;
        values.insert(":mine".to_owned(), number(fence));
        values.insert(":claimed".to_owned(), text(State::Claimed.as_str()));
        (self.expression, values)
    }
}

/// How many values come to those of the expression: of [`MINE`], of the attempt, and what a settlement adds.
const EXTRA: usize = 6;

/// What a fenced write came to.
#[derive(Debug)]
pub(super) enum Fenced {
    /// It is on record.
    Written,
    /// The row has gone on without us; as it stands.
    Lost(Option<Box<Record>>),
}

impl Fenced {
    /// Whether the row is as this write has it.
    pub(super) fn is_written(&self) -> bool {
        matches!(self, Self::Written)
    }
}

/// The condition of every write after the claim.
pub(super) const MINE: &str = "fence = :mine AND #state = :claimed";

impl Ledger {
    /// Writes to a row that this attempt still holds.
    pub(super) async fn write_fenced(
        &self,
        key: &WorkKey,
        fence: u64,
        update: FencedUpdate,
    ) -> Result<Fenced, StageError> {
        let (expression, values) = update.values_for(fence);
        self.write_if(key, MINE, expression, values).await
    }

    /// Updates a row if it stands as `condition` says, which names its state `#state`. The update sets `attempt_id` to
    /// `:attempt`, so that a resend which meets its own first send is known from another's write.
    pub(super) async fn write_if(
        &self,
        key: &WorkKey,
        condition: &str,
        update: impl Into<String>,
        mut values: Item,
    ) -> Result<Fenced, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        values.insert(":attempt".to_owned(), attempt);
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(key)))
            .condition_expression(condition)
            .update_expression(update)
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match update_answer(answer)? {
            Write::Applied(_) => Ok(Fenced::Written),
            Write::Lost(item) => match item.as_ref().and_then(Record::of) {
                Some(record) if record.attempt_id == attempt_id => Ok(Fenced::Written),
                other => Ok(Fenced::Lost(other.map(Box::new))),
            },
        }
    }
}

/// The row has gone on without this attempt: come back when whoever has it is done.
pub(super) fn taken_over(key: WorkKey, record: Option<Box<Record>>, at_ms: Millis) -> StageError {
    let until_ms = record.map_or(at_ms, |record| record.lease_until);
    StageError::Busy { key, until_ms }
}
