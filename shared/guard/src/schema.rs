//! The tables, as code: what a template declares, for those who make them by hand.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection,
    ProjectionType, ScalarAttributeType,
};

use crate::record::UNFINISHED_INDEX;
use crate::store::StoreError;

/// Makes a ledger table: `subject`, `step`, and the sparse index.
///
/// # Errors
/// [`StoreError`], also when the table is there.
pub async fn create_ledger_table(client: &Client, name: &str) -> Result<(), StoreError> {
    create(
        client,
        name,
        &[("subject", KeyType::Hash), ("step", KeyType::Range)],
        true,
    )
    .await
}

/// Makes an events table: `event`, and the sparse index.
///
/// # Errors
/// [`StoreError`], also when the table is there.
pub async fn create_events_table(client: &Client, name: &str) -> Result<(), StoreError> {
    create(client, name, &[("event", KeyType::Hash)], true).await
}

/// Makes a table of text keys, with or without the sparse index.
///
/// # Errors
/// [`StoreError`], also when the table is there.
pub async fn create(
    client: &Client,
    name: &str,
    keys: &[(&str, KeyType)],
    unfinished: bool,
) -> Result<(), StoreError> {
    let unbuilt = |error: aws_sdk_dynamodb::error::BuildError| StoreError {
        operation: "CreateTable",
        code: "ConstructionFailure".to_owned(),
        detail: error.to_string(),
    };
    let attribute = |name: &str, kind: ScalarAttributeType| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind)
            .build()
            .map_err(unbuilt)
    };
    let key = |name: &str, kind: KeyType| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
            .map_err(unbuilt)
    };
    let mut request = client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest);
    for (attribute_name, kind) in keys {
        request = request
            .attribute_definitions(attribute(attribute_name, ScalarAttributeType::S)?)
            .key_schema(key(attribute_name, kind.clone())?);
    }
    if unfinished {
        let index = GlobalSecondaryIndex::builder()
            .index_name(UNFINISHED_INDEX)
            .key_schema(key("unfinished", KeyType::Hash)?)
            .key_schema(key("due_at", KeyType::Range)?)
            .projection(Projection::builder().projection_type(ProjectionType::All).build())
            .build()
            .map_err(unbuilt)?;
        request = request
            .attribute_definitions(attribute("unfinished", ScalarAttributeType::S)?)
            .attribute_definitions(attribute("due_at", ScalarAttributeType::N)?)
            .global_secondary_indexes(index);
    }
    request
        .send()
        .await
        .map(|_| ())
        .map_err(|error| StoreError::of("CreateTable", &error))
}
