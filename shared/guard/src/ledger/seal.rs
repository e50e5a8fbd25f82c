//! The fourth move: the result goes on record, alone or together with what must not be without it.

use aws_sdk_dynamodb::types::{
    AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;
use serde_json::Value;

use super::release::{Fenced, FencedUpdate, MINE, taken_over};
use super::{Acted, Ledger, Sealed};
use crate::error::StageError;
use crate::record::{Record, State, Unfinished, unfinished_partition};
use crate::store::{
    Item, StoreError, Transaction, Write, names, number, put_answer, text, transaction_answer, values,
};
use crate::work::WorkKey;

/// How often a transaction is sent again because another write was under way on one of its items.
const CONFLICTS_MAX: usize = 8;

/// A write that lands with the seal or not at all.
#[derive(Debug, Clone)]
pub struct Companion(TransactWriteItem);

impl Companion {
    /// A new item; refused when one with its key is there. `key_attribute` is the table's partition key.
    ///
    /// # Errors
    /// [`StoreError`] when the item cannot be built.
    pub fn entry(table: &str, key_attribute: &str, item: Item) -> Result<Self, StoreError> {
        Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#key)")
            .set_expression_attribute_names(names([("#key", key_attribute)]))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map(|put| Self(TransactWriteItem::builder().put(put).build()))
            .map_err(|error| unbuilt(&error))
    }

    /// Adds to the counters of an item; refused when `at_most` is given and its counter has reached it.
    ///
    /// # Errors
    /// [`StoreError`] when the update cannot be built.
    pub fn count(
        table: &str,
        key: Item,
        add: &[(&str, u64)],
        at_most: Option<(&str, u64)>,
    ) -> Result<Self, StoreError> {
        let mut update = Update::builder().table_name(table).set_key(Some(key));
        let mut parts = Vec::new();
        for (index, (attribute, by)) in add.iter().enumerate() {
            parts.push(format!("#a{index} :a{index}"));
            update = update
                .expression_attribute_names(format!("#a{index}"), *attribute)
                .expression_attribute_values(format!(":a{index}"), number(*by));
        }
        if let Some((attribute, limit)) = at_most {
            update = update
                .condition_expression(
                    "(attribute_not_exists(#limited) AND :limit > :none) OR #limited < :limit",
                )
                .expression_attribute_names("#limited", attribute)
                .expression_attribute_values(":none", number(0))
                .expression_attribute_values(":limit", number(limit));
        }
        update
            .update_expression(format!("ADD {}", parts.join(", ")))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map(|update| Self(TransactWriteItem::builder().update(update).build()))
            .map_err(|error| unbuilt(&error))
    }

    /// A record of another step, sealed by this very transaction; refused when that step is on record in any state.
    /// It is how a flag that many works compete for is raised by exactly one of them.
    ///
    /// # Errors
    /// [`StoreError`] when the item cannot be built.
    pub fn sealed_step<T: Serialize>(
        ledger: &Ledger,
        key: &WorkKey,
        content: &str,
        result: &T,
    ) -> Result<Self, StageError> {
        let now_ms = number(ledger.now_ms());
        let (_, attempt) = ledger.fresh_id();
        let mut item = Ledger::row_key(key);
        item.extend([
            ("state".to_owned(), text(State::Sealed.as_str())),
            ("fence".to_owned(), number(1)),
            ("attempt_id".to_owned(), attempt),
            ("attempts".to_owned(), number(1)),
            ("content".to_owned(), text(content)),
            ("body".to_owned(), text(body_of(key, result)?)),
            ("first_claimed_at".to_owned(), now_ms.clone()),
            ("claimed_at".to_owned(), now_ms.clone()),
            ("settled_at".to_owned(), now_ms),
        ]);
        Ok(Self::entry(&ledger.table, "subject", item)?)
    }
}

fn unbuilt(error: &impl std::fmt::Display) -> StoreError {
    StoreError {
        operation: "TransactWriteItems",
        code: "ConstructionFailure".to_owned(),
        detail: error.to_string(),
    }
}

/// What a settlement with companions came to.
#[derive(Debug)]
pub enum Joint<T, S> {
    /// All of it is on record.
    OnRecord(S),
    /// None of it is: a companion was refused. The effect is handed back, to be settled in another way.
    Refused {
        /// The effect, unsettled, still under its claim.
        acted: Acted<T>,
        /// Which companion, from 0.
        companion: usize,
        /// The item that stood in its way.
        found: Option<Item>,
    },
}

impl<T: Serialize> Acted<T> {
    /// Puts the result on record: one conditional write on the fence.
    ///
    /// # Errors
    /// [`StageError::Busy`] when another attempt has taken over (this result is kept as a late receipt);
    /// [`StageError::Store`].
    pub async fn seal(self) -> Result<Sealed, StageError> {
        match self.seal_with(Vec::new()).await? {
            Joint::OnRecord(sealed) => Ok(sealed),
            Joint::Refused { acted, .. } => Err(StageError::Conflict { key: acted.claim.key }),
        }
    }

    /// Puts the result on record together with its companions: one transaction, all or nothing.
    ///
    /// # Errors
    /// As [`Acted::seal`].
    pub async fn seal_with(self, companions: Vec<Companion>) -> Result<Joint<T, Sealed>, StageError> {
        let now_ms = self.claim.ledger.now_ms();
        let body = body_of(&self.claim.key, &self.receipt)?;
        let mut set =
            "SET #state = :sealed, body = :body, settled_at = :now, attempt_id = :attempt".to_owned();
        let mut all = values([
            (":sealed", text(State::Sealed.as_str())),
            (":body", text(&body)),
            (":now", number(now_ms)),
        ])
        .unwrap_or_default();
        if let Some(external_id) = &self.external_id {
            set.push_str(", external_id = :external");
            all.insert(":external".to_owned(), text(external_id));
        }
        set.push_str(" REMOVE unfinished, due_at, lease_until, detail");
        let sealed = Sealed {
            key: self.claim.key.clone(),
            body,
            external_id: self.external_id.clone(),
            first_claimed_at: self.claim.first_claimed_at,
        };
        self.settle(
            FencedUpdate::new(&set, all),
            companions,
            sealed,
            |record| match record.state {
                State::Sealed => Some(Sealed::of(record)),
                State::Claimed | State::Parked | State::Receipt => None,
            },
        )
        .await
    }

    /// Writes the settlement, alone or with its companions, and says what is on record then.
    pub(super) async fn settle<S>(
        self,
        update: FencedUpdate,
        companions: Vec<Companion>,
        settled: S,
        settled_by_other: impl FnOnce(Record) -> Option<S>,
    ) -> Result<Joint<T, S>, StageError> {
        let claim = &self.claim;
        let lost = if companions.is_empty() {
            match claim.ledger.write_fenced(&claim.key, claim.fence, update).await? {
                Fenced::Written => return Ok(Joint::OnRecord(settled)),
                Fenced::Lost(record) => record,
            }
        } else {
            match claim
                .ledger
                .write_together(&claim.key, claim.fence, update, companions)
                .await?
            {
                Together::Written => return Ok(Joint::OnRecord(settled)),
                Together::Lost(record) => record,
                Together::Refused { companion, found } => {
                    return Ok(Joint::Refused {
                        acted: self,
                        companion,
                        found,
                    });
                }
            }
        };
        // The first result on record wins. This one is kept beside it, so that a second effect does not go unseen.
        self.keep_receipt().await?;
        let at_ms = self.claim.ledger.now_ms();
        match lost.clone().and_then(settled_by_other) {
            Some(other) => Ok(Joint::OnRecord(other)),
            None => Err(taken_over(self.claim.key, lost, at_ms)),
        }
    }

    /// Keeps a late result as a row of its own, for the reconciliation.
    ///
    /// **Shape**: step `<step>#receipt#<fence>`, state `receipt`, the late body. **Lifetime**: for ever.
    async fn keep_receipt(&self) -> Result<(), StageError> {
        let claim = &self.claim;
        let ledger = &claim.ledger;
        let key = WorkKey::new(
            claim.key.subject(),
            format!("{}#receipt#{}", claim.key.step(), claim.fence),
        );
        let now_ms = number(ledger.now_ms());
        let (_, attempt) = ledger.fresh_id();
        let mut item = Ledger::row_key(&key);
        item.extend([
            ("state".to_owned(), text(State::Receipt.as_str())),
            ("fence".to_owned(), number(claim.fence)),
            ("attempt_id".to_owned(), attempt),
            ("body".to_owned(), text(body_of(&claim.key, &self.receipt)?)),
            ("settled_at".to_owned(), now_ms.clone()),
            ("due_at".to_owned(), now_ms),
            (
                "unfinished".to_owned(),
                text(unfinished_partition(Unfinished::Receipt, key.subject())),
            ),
        ]);
        if let Some(external_id) = &self.external_id {
            item.insert("external_id".to_owned(), text(external_id));
        }
        let answer = ledger
            .client
            .put_item()
            .table_name(&*ledger.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(subject)")
            .send()
            .await;
        match put_answer(answer)? {
            // A receipt of this fence that is there already is this one.
            Write::Applied(_) | Write::Lost(_) => Ok(()),
        }
    }
}

/// What a joint write came to.
enum Together {
    Written,
    Lost(Option<Record>),
    Refused { companion: usize, found: Option<Item> },
}

impl Ledger {
    async fn write_together(
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
        Err(StageError::Store(StoreError {
            operation: "TransactWriteItems",
            code: "TransactionConflict".to_owned(),
            detail: format!("another write was under way {CONFLICTS_MAX} times"),
        }))
    }

    fn together(
        &self,
        key: &WorkKey,
        fence: u64,
        update: FencedUpdate,
        attempt: AttributeValue,
        companions: Vec<Companion>,
    ) -> Result<Vec<TransactWriteItem>, StageError> {
        let mut all = update.values;
        all.insert(":mine".to_owned(), number(fence));
        all.insert(":claimed".to_owned(), text(State::Claimed.as_str()));
        all.insert(":attempt".to_owned(), attempt);
        let own = Update::builder()
            .table_name(&*self.table)
            .set_key(Some(Self::row_key(key)))
            .condition_expression(MINE)
            .update_expression(update.expression)
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(Some(all))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .map_err(|error| unbuilt(&error))?;
        let mut items = vec![TransactWriteItem::builder().update(own).build()];
        items.extend(companions.into_iter().map(|companion| companion.0));
        Ok(items)
    }
}

/// Reads the reasons in their order: our own row first, then the companions.
fn judged(reasons: &[aws_sdk_dynamodb::types::CancellationReason], attempt_id: &str) -> Together {
    let failed = |reason: &aws_sdk_dynamodb::types::CancellationReason| {
        reason.code() == Some("ConditionalCheckFailed")
    };
    if let Some(own) = reasons.first().filter(|reason| failed(reason)) {
        return match own.item().and_then(Record::of) {
            Some(record) if record.attempt_id == attempt_id => Together::Written,
            other => Together::Lost(other),
        };
    }
    let refused = reasons
        .iter()
        .enumerate()
        .skip(1)
        .find(|(_, reason)| failed(reason));
    match refused {
        Some((index, reason)) => Together::Refused {
            companion: index - 1,
            found: reason.item().cloned(),
        },
        None => Together::Lost(None),
    }
}

/// The store's own token takes at most 36 characters.
fn token(attempt_id: &str) -> String {
    crate::work::hash(&["token", attempt_id])
        .chars()
        .take(36)
        .collect()
}

/// Most bytes of a record's body. Source: the store's item limit of 400 KB, less room for keys, intent and message.
const BODY_BYTES_MAX: usize = 350 * 1024;

pub(super) fn body_of<T: Serialize>(key: &WorkKey, result: &T) -> Result<String, StageError> {
    let body = serde_json::to_value(result)
        .map(|value| {
            if value == Value::Null {
                String::new()
            } else {
                value.to_string()
            }
        })
        .unwrap_or_default();
    if body.len() > BODY_BYTES_MAX {
        return Err(StageError::Poison {
            code: "result_too_large",
            detail: format!(
                "result exceeds {BODY_BYTES_MAX} bytes key=`{key}` bytes=`{}`",
                body.len()
            ),
        });
    }
    Ok(body)
}
