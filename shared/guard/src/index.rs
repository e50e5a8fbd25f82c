//! The sparse index that both tables have: what is unfinished, by the time it is due.

use aws_sdk_dynamodb::Client;

use crate::clock::Millis;
use crate::record::UNFINISHED_INDEX;
use crate::store::{Item, StoreError, number, text, values};

/// Rows of one page.
const ROWS_A_PAGE: i32 = 100;

/// A page of a partition's rows that are due until then, the longest due first; and where the next page begins.
pub(crate) async fn due(
    client: &Client,
    table: &str,
    partition: String,
    due_until: Millis,
    start: Option<Item>,
) -> Result<(Vec<Item>, Option<Item>), StoreError> {
    let output = client
        .query()
        .table_name(table)
        .index_name(UNFINISHED_INDEX)
        .key_condition_expression("unfinished = :partition AND due_at <= :due")
        .set_expression_attribute_values(Some(values([
            (":partition", text(partition)),
            (":due", number(due_until)),
        ])))
        .set_exclusive_start_key(start)
        .limit(ROWS_A_PAGE)
        .send()
        .await
        .map_err(|error| StoreError::of("Query", &error))?;
    Ok((output.items.unwrap_or_default(), output.last_evaluated_key))
}
