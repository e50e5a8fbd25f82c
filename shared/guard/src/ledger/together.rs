//! A fenced write and its companions in one transaction.

use aws_sdk_dynamodb::types::{
    AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};

use super::companion::unbuilt;
use super::fenced::{FencedUpdate, MINE};
use super::{Companion, Ledger};
use crate::error::StageError;
use crate::record::Record;
use crate::store::{CONDITION_FAILED, Item, Transaction, names, transaction_answer};
use crate::work::{WorkKey, hash};

/// How often a transaction is sent again because another write was under way on one of its items.
const CONFLICTS_MAX: usize = 8;

/// What a joint write came to.
#[derive(Debug)]
pub(super) enum Together {
    /// All of it is on record.
    Written,
    /// None of it is: the row has gone on without us.
    Lost(Option<Box<Record>>),
    /// None of it is: a companion's condition did not hold.
    Refused { companion: usize, found: Option<Item> },
    /// None of it is: other writes to its items were under way, time and again.
    Contended,
}

impl Ledger {
    pub(super) async fn write_together(
        &self,
        key: &WorkKey,
        fence: u64,
        update: FencedUpdate,
        companions: Vec<Companion>,
    ) -> Result<Together, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        let items = self.together(key, fence, update, attempt, companions)?;
        for _ in 0..CONFLICTS_MAX {
            let answer = self
                .shared
                .client
                .transact_write_items()
                .set_transact_items(Some(items.clone()))
                .client_request_token(token(&attempt_id))
                .send()
                .await;
            match transaction_answer(answer)? {
                Transaction::Applied => return Ok(Together::Written),
                Transaction::Lost(reasons) => return Ok(judged(&reasons, &attempt_id)),
                Transaction::Conflict => {}
            }
        }
        Ok(Together::Contended)
    }

    fn together(
        &self,
        key: &WorkKey,
        fence: u64,
        update: FencedUpdate,
        attempt: AttributeValue,
        companions: Vec<Companion>,
    ) -> Result<Vec<TransactWriteItem>, StageError> {
        let (expression, mut values) = update.values_for(fence);
        values.insert(":attempt".to_owned(), attempt);
        let own = Update::builder()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(key)))
            .condition_expression(MINE)
            .update_expression(expression)
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(Some(values))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| unbuilt(&error))?;
        let mut items = vec![TransactWriteItem::builder().update(own).build()];
        items.extend(companions.into_iter().map(|companion| companion.0));
        Ok(items)
    }
}

/// Reads the reasons in their order: our own row first, then the companions.
fn judged(reasons: &[CancellationReason], attempt_id: &str) -> Together {
    let mut failed = reasons
        .iter()
        .enumerate()
        .filter(|(_, reason)| reason.code() == Some(CONDITION_FAILED));
    match failed.next() {
        // Our own row: refused by somebody else's write, or by the first send of this very transaction.
        Some((0, own)) => match own.item().and_then(Record::of) {
            Some(record) if record.attempt_id == attempt_id => Together::Written,
            other => Together::Lost(other.map(Box::new)),
        },
        Some((index, reason)) => Together::Refused {
            companion: index - 1,
            found: reason.item().cloned(),
        },
        None => Together::Contended,
    }
}

/// The store's own token takes at most 36 characters.
fn token(attempt_id: &str) -> String {
    let mut token = hash(&["token", attempt_id]);
    token.truncate(36);
    token
}
