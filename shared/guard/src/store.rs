//! DynamoDB's answers, told apart once: a lost condition is an answer, everything else is an error.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use thiserror::Error;

/// An item as the SDK has it; the map's order never leaves this crate.
#[expect(
    clippy::disallowed_types,
    reason = "the SDK's own type; nothing iterates over it"
)]
pub type Item = std::collections::HashMap<String, AttributeValue>;

/// The store did not answer as it should. The write may or may not have landed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("store did not answer operation=`{operation}` code=`{code}`: {detail}")]
pub struct StoreError {
    /// The operation, as `UpdateItem`.
    pub operation: &'static str,
    /// The service's error code, or the kind of the transport's failure.
    pub code: String,
    /// The service's message; it names no value of the row.
    pub detail: String,
}

impl StoreError {
    /// Classifies what the SDK gave up on; also for calls of one's own to the same store.
    pub fn of<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let kind = match error {
            SdkError::ConstructionFailure(_) => "ConstructionFailure",
            SdkError::TimeoutError(_) => "Timeout",
            SdkError::DispatchFailure(_) => "DispatchFailure",
            SdkError::ResponseError(_) => "ResponseError",
            SdkError::ServiceError(_) | _ => "ServiceError",
        };
        let service = error.as_service_error();
        Self {
            operation,
            code: service
                .and_then(ProvideErrorMetadata::code)
                .unwrap_or(kind)
                .to_owned(),
            detail: service
                .and_then(ProvideErrorMetadata::message)
                .unwrap_or("no answer")
                .to_owned(),
        }
    }
}

/// What a conditional write came to.
#[derive(Debug)]
pub(crate) enum Write {
    /// It was applied; the item as asked for.
    Applied(Item),
    /// The condition did not hold; the item as it stands, or nothing where there is none.
    Lost(Option<Item>),
}

pub(crate) fn update_answer<R>(
    result: Result<aws_sdk_dynamodb::operation::update_item::UpdateItemOutput, SdkError<UpdateItemError, R>>,
) -> Result<Write, StoreError> {
    match result {
        Ok(output) => Ok(Write::Applied(output.attributes.unwrap_or_default())),
        Err(error) => match error.as_service_error() {
            Some(UpdateItemError::ConditionalCheckFailedException(lost)) => {
                Ok(Write::Lost(lost.item.clone()))
            }
            _ => Err(StoreError::of("UpdateItem", &error)),
        },
    }
}

pub(crate) fn put_answer<R>(
    result: Result<aws_sdk_dynamodb::operation::put_item::PutItemOutput, SdkError<PutItemError, R>>,
) -> Result<Write, StoreError> {
    match result {
        Ok(_) => Ok(Write::Applied(Item::default())),
        Err(error) => match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(lost)) => Ok(Write::Lost(lost.item.clone())),
            _ => Err(StoreError::of("PutItem", &error)),
        },
    }
}

/// How a transaction's reason says that a condition did not hold.
pub(crate) const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// What a transaction came to.
#[derive(Debug)]
pub(crate) enum Transaction {
    /// All of it was applied.
    Applied,
    /// None of it was applied: a condition did not hold. One reason a part, in order.
    Lost(Vec<CancellationReason>),
    /// None of it was applied: another write was under way on one of its items.
    Conflict,
}

pub(crate) fn transaction_answer<O, R>(
    result: Result<O, SdkError<TransactWriteItemsError, R>>,
) -> Result<Transaction, StoreError> {
    let error = match result {
        Ok(_) => return Ok(Transaction::Applied),
        Err(error) => error,
    };
    let Some(TransactWriteItemsError::TransactionCanceledException(canceled)) = error.as_service_error()
    else {
        return Err(StoreError::of("TransactWriteItems", &error));
    };
    let reasons = canceled.cancellation_reasons();
    if reasons
        .iter()
        .any(|reason| reason.code() == Some(CONDITION_FAILED))
    {
        return Ok(Transaction::Lost(reasons.to_vec()));
    }
    if reasons
        .iter()
        .any(|reason| reason.code() == Some("TransactionConflict"))
    {
        return Ok(Transaction::Conflict);
    }
    Err(StoreError::of("TransactWriteItems", &error))
}

/// A string attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number attribute.
pub(crate) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn get_text<'i>(item: &'i Item, name: &str) -> Option<&'i str> {
    item.get(name)
        .and_then(|value| value.as_s().ok())
        .map(String::as_str)
}

pub(crate) fn get_number(item: &Item, name: &str) -> Option<u64> {
    item.get(name)
        .and_then(|value| value.as_n().ok())
        .and_then(|digits| digits.parse().ok())
}

/// The expression's values, in one call.
pub(crate) fn values<const N: usize>(pairs: [(&str, AttributeValue); N]) -> Item {
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Names that are reserved words of the store, in one call.
#[expect(
    clippy::disallowed_types,
    reason = "the SDK's own type; nothing iterates over it"
)]
pub(crate) fn names<const N: usize>(
    pairs: [(&str, &str); N],
) -> Option<std::collections::HashMap<String, String>> {
    Some(
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

/// An item's attributes in a fixed order, for reports and hashes.
#[must_use]
pub fn ordered(item: &Item) -> BTreeMap<&str, &AttributeValue> {
    item.iter().map(|(name, value)| (name.as_str(), value)).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::error::TransactionCanceledException;

    use super::*;

    fn canceled<const N: usize>(codes: [&str; N]) -> Result<Transaction, StoreError> {
        let reasons = codes.map(|code| CancellationReason::builder().code(code).build());
        let canceled =
            TransactionCanceledException::builder().set_cancellation_reasons(Some(reasons.to_vec()));
        let error = TransactWriteItemsError::TransactionCanceledException(canceled.build());
        transaction_answer::<(), ()>(Err(SdkError::service_error(error, ())))
    }

    #[test]
    fn canceled_transaction_is_told_by_its_reasons() {
        let lost = canceled(["None", CONDITION_FAILED, "TransactionConflict"]);
        assert!(matches!(lost, Ok(Transaction::Lost(reasons)) if reasons.len() == 3));
        let conflict = canceled(["None", "TransactionConflict"]);
        assert!(matches!(conflict, Ok(Transaction::Conflict)));
        for code in [
            "ThrottlingError",
            "ValidationError",
            "ItemCollectionSizeLimitExceeded",
        ] {
            assert!(canceled(["None", code]).is_err(), "{code}");
        }
    }

    #[test]
    fn attributes_of_an_item_come_in_the_order_of_their_names() {
        let item = Item::from(["c", "a", "b"].map(|name| (name.to_owned(), text(name))));
        let told: Vec<_> = ordered(&item).into_iter().collect();
        assert_eq!(told, [("a", &text("a")), ("b", &text("b")), ("c", &text("c"))]);
    }
}
