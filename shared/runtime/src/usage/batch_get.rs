//! Rows by their keys, as many as there are.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::{StreamExt, TryStreamExt, stream};
use ratchet_guard::store::Item;

use super::UsageError;

/// Keys of one `BatchGetItem`. Source: DynamoDB's limit.
pub const KEYS_MAX: usize = 100;

/// Calls under way at once. Reason: what they answer is in memory, and a store far away answers each in milliseconds.
const CALLS_AT_ONCE: usize = 8;

/// How often keys that the store did not get to are asked for again, before it counts as not answering.
const UNPROCESSED_ROUNDS_MAX: usize = 10;

/// How fresh an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// As of now.
    Now,
    /// As of a moment ago, for half of the read units.
    Lately,
}

/// The rows of these keys that there are, in no order, with these attributes; with every one where none is named. No key
/// may be given twice.
///
/// # Errors
/// [`UsageError::Unread`].
pub async fn rows(
    client: &Client,
    table: &str,
    keys: &[Item],
    attributes: &[&str],
    fresh: Fresh,
) -> Result<Vec<Item>, UsageError> {
    let calls: Vec<_> = keys
        .chunks(KEYS_MAX)
        .map(|keys| call(client, table, keys, attributes, fresh))
        .collect();
    let answers: Vec<Vec<Item>> = stream::iter(calls).buffered(CALLS_AT_ONCE).try_collect().await?;
    Ok(answers.into_iter().flatten().collect())
}

/// [`rows`] of as many keys as one call takes.
async fn call(
    client: &Client,
    table: &str,
    keys: &[Item],
    attributes: &[&str],
    fresh: Fresh,
) -> Result<Vec<Item>, UsageError> {
    // Any name may be one of the store's own words.
    let names: Vec<String> = (0..attributes.len()).map(|at| format!("#a{at}")).collect();
    let named = attributes.iter().map(|attribute| (*attribute).to_owned());
    let named = names.iter().cloned().zip(named);
    let mut found = Vec::with_capacity(keys.len());
    let mut keys = keys.to_vec();
    for _ in 0..UNPROCESSED_ROUNDS_MAX {
        let mut wanted = KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .consistent_read(fresh == Fresh::Now);
        if !names.is_empty() {
            wanted = wanted
                .projection_expression(names.join(", "))
                .set_expression_attribute_names(Some(named.clone().collect()));
        }
        let wanted = wanted.build().map_err(|_| unread("ConstructionFailure"))?;
        let mut output = client
            .batch_get_item()
            .request_items(table, wanted)
            .send()
            .await
            .map_err(|error| UsageError::of("BatchGetItem", &error))?;
        let answered = output.responses.as_mut().and_then(|tables| tables.remove(table));
        found.extend(answered.into_iter().flatten());
        let rest = output.unprocessed_keys().and_then(|tables| tables.get(table));
        let Some(rest) = rest.filter(|rest| !rest.keys().is_empty()) else {
            return Ok(found);
        };
        keys = rest.keys().to_vec();
    }
    Err(unread("UnprocessedKeys"))
}

fn unread(code: &str) -> UsageError {
    UsageError::Unread {
        operation: "BatchGetItem",
        code: code.to_owned(),
    }
}
