//! Writes that land with a settlement or not at all.

use aws_sdk_dynamodb::types::{Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update};
use serde::Serialize;

use super::Ledger;
use super::size::{ROW_BYTES_MAX, body_of};
use crate::error::StageError;
use crate::record::State;
use crate::store::{Item, StoreError, names, number, text};
use crate::work::WorkKey;

/// A write that lands with the seal or not at all.
#[derive(Debug, Clone)]
pub struct Companion(pub(super) TransactWriteItem);

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

    /// An item, whatever stands there: for what nobody but the holder of this claim knows, and knows better each time. It
    /// is not written without a condition: it lands with the claim's own row or not at all, and that holds the fence.
    ///
    /// # Errors
    /// [`StoreError`] when the item cannot be built.
    pub fn put(table: &str, item: Item) -> Result<Self, StoreError> {
        Put::builder()
            .table_name(table)
            .set_item(Some(item))
            .build()
            .map(|put| Self(TransactWriteItem::builder().put(put).build()))
            .map_err(|error| unbuilt(&error))
    }

    /// Adds to the counters of an item. With `at_most`, it is refused when that counter has reached its limit or the
    /// sum would exceed it; a limit of 0 refuses everything.
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
            let by = add.iter().find(|(name, _)| *name == attribute);
            let by = by.map_or(1, |(_, by)| (*by).max(1));
            update = update.expression_attribute_names("#limited", attribute);
            // The store cannot compare two constants, so a limit without room becomes a condition that never holds.
            update = match limit.checked_sub(by) {
                Some(room) => update
                    .condition_expression("attribute_not_exists(#limited) OR #limited <= :room")
                    .expression_attribute_values(":room", number(room)),
                None => update
                    .condition_expression("attribute_not_exists(#limited) AND attribute_exists(#limited)"),
            };
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
    /// [`StageError::Poison`] when the result does not fit into a row; [`StageError::Store`] when the item cannot be
    /// built.
    pub fn sealed_step<T: Serialize>(
        ledger: &Ledger,
        key: &WorkKey,
        content: &str,
        result: &T,
    ) -> Result<Self, StageError> {
        let body = body_of(result, ROW_BYTES_MAX).map_err(|why| StageError::Poison {
            code: why.code,
            detail: why.detail,
        })?;
        let now_ms = number(ledger.now_ms());
        let (_, attempt) = ledger.fresh_id();
        let mut item = Ledger::row_key(key);
        item.extend([
            ("state".to_owned(), text(State::Sealed.as_str())),
            ("fence".to_owned(), number(1)),
            ("attempt_id".to_owned(), attempt),
            ("attempts".to_owned(), number(1)),
            ("content".to_owned(), text(content)),
            ("body".to_owned(), text(body)),
            ("first_claimed_at".to_owned(), now_ms.clone()),
            ("claimed_at".to_owned(), now_ms.clone()),
            ("settled_at".to_owned(), now_ms),
        ]);
        Ok(Self::entry(&ledger.shared.table, "subject", item)?)
    }
}

pub(super) fn unbuilt(error: &impl std::fmt::Display) -> StoreError {
    StoreError {
        operation: "TransactWriteItems",
        code: "ConstructionFailure".to_owned(),
        detail: error.to_string(),
    }
}
