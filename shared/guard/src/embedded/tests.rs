//! What the guard relies on, asked through the SDK's own client.

mod copies;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType,
    Projection, ProjectionType, Put, ReturnValuesOnConditionCheckFailure, ScalarAttributeType,
    TransactWriteItem, Update,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;

use super::EmbeddedDynamo;
use crate::clock::ManualClock;

type Tried<T> = Result<T, Box<dyn std::error::Error>>;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

async fn create(client: &Client, table: &str) -> Tried<()> {
    let define = |name: &str, kind| {
        AttributeDefinition::builder()
            .attribute_name(name)
            .attribute_type(kind)
            .build()
    };
    let key = |name: &str, kind| {
        KeySchemaElement::builder()
            .attribute_name(name)
            .key_type(kind)
            .build()
    };
    let index = GlobalSecondaryIndex::builder()
        .index_name("unfinished")
        .key_schema(key("unfinished", KeyType::Hash)?)
        .key_schema(key("due_at", KeyType::Range)?)
        .projection(Projection::builder().projection_type(ProjectionType::All).build())
        .build()?;
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(define("subject", ScalarAttributeType::S)?)
        .attribute_definitions(define("step", ScalarAttributeType::S)?)
        .attribute_definitions(define("unfinished", ScalarAttributeType::S)?)
        .attribute_definitions(define("due_at", ScalarAttributeType::N)?)
        .key_schema(key("subject", KeyType::Hash)?)
        .key_schema(key("step", KeyType::Range)?)
        .global_secondary_indexes(index)
        .send()
        .await?;
    Ok(())
}

async fn world() -> Tried<(EmbeddedDynamo, Client)> {
    let dynamo = EmbeddedDynamo::memory()?;
    let client = dynamo.client();
    create(&client, "ledger").await?;
    Ok((dynamo, client))
}

fn claim(subject: &str, attempt: &str) -> Tried<Put> {
    Ok(Put::builder()
        .table_name("ledger")
        .item("subject", text(subject))
        .item("step", text("bill"))
        .item("attempt_id", text(attempt))
        .item("fence", number(1))
        .item("unfinished", text("ledger"))
        .item("due_at", number(10))
        .condition_expression("attribute_not_exists(subject)")
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?)
}

async fn put(client: &Client, put: Put) -> Result<(), aws_sdk_dynamodb::operation::put_item::PutItemError> {
    client
        .put_item()
        .table_name(put.table_name)
        .set_item(Some(put.item))
        .set_condition_expression(put.condition_expression)
        .set_return_values_on_condition_check_failure(put.return_values_on_condition_check_failure)
        .send()
        .await
        .map(|_| ())
        .map_err(aws_sdk_dynamodb::error::SdkError::into_service_error)
}

async fn attempt_on_record(client: &Client, subject: &str) -> Tried<Option<String>> {
    let row = client
        .get_item()
        .table_name("ledger")
        .key("subject", text(subject))
        .key("step", text("bill"))
        .consistent_read(true)
        .send()
        .await?
        .item;
    Ok(row.and_then(|row| row.get("attempt_id").and_then(|value| value.as_s().ok().cloned())))
}

#[tokio::test]
async fn lost_put_returns_the_winning_row() {
    let (_, client) = world().await.unwrap();
    put(&client, claim("t", "first").unwrap()).await.unwrap();

    let error = put(&client, claim("t", "second").unwrap()).await.unwrap_err();

    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(failed) = error
    else {
        panic!("{error:?}")
    };
    let row = failed.item.unwrap();
    assert_eq!(row["attempt_id"], text("first"));
    assert_eq!(row["fence"], number(1));
}

#[tokio::test]
async fn update_under_an_old_fence_changes_nothing_and_returns_the_row() {
    let (_, client) = world().await.unwrap();
    put(&client, claim("t", "first").unwrap()).await.unwrap();
    let seal = |fence| {
        client
            .update_item()
            .table_name("ledger")
            .key("subject", text("t"))
            .key("step", text("bill"))
            .update_expression("SET #state = :sealed REMOVE unfinished, due_at")
            .condition_expression("fence = :mine")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":sealed", text("sealed"))
            .expression_attribute_values(":mine", number(fence))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
    };

    let error = seal(7).await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::update_item::UpdateItemError::ConditionalCheckFailedException(failed) =
        error
    else {
        panic!("{error:?}")
    };
    assert_eq!(failed.item.unwrap().get("state"), None);
    let index = || {
        client
            .query()
            .table_name("ledger")
            .index_name("unfinished")
            .key_condition_expression("unfinished = :u AND due_at <= :now")
            .expression_attribute_values(":u", text("ledger"))
            .expression_attribute_values(":now", number(10))
            .send()
    };
    assert_eq!(index().await.unwrap().count(), 1);

    seal(1).await.unwrap();
    assert_eq!(
        index().await.unwrap().count(),
        0,
        "a finished row leaves the sparse index"
    );
}

fn bill(cap: u64, subject: &str, attempt: &str) -> Tried<Vec<TransactWriteItem>> {
    let total = Update::builder()
        .table_name("ledger")
        .key("subject", text("total"))
        .key("step", text("total"))
        .update_expression("ADD bugs :one")
        .condition_expression("attribute_not_exists(bugs) OR bugs < :cap")
        .expression_attribute_values(":one", number(1))
        .expression_attribute_values(":cap", number(cap))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .build()?;
    Ok(vec![
        TransactWriteItem::builder().put(claim(subject, attempt)?).build(),
        TransactWriteItem::builder().update(total).build(),
    ])
}

#[tokio::test]
async fn cancelled_transaction_names_each_reason_and_writes_nothing() {
    let (_, client) = world().await.unwrap();
    let transact = |items: Vec<TransactWriteItem>| {
        client
            .transact_write_items()
            .set_transact_items(Some(items))
            .send()
    };
    transact(bill(1, "a", "first").unwrap()).await.unwrap();

    let cases = [
        (
            "another's claim, and the cap",
            "a",
            1,
            vec!["ConditionalCheckFailed", "ConditionalCheckFailed"],
        ),
        ("another's claim", "a", 2, vec!["ConditionalCheckFailed", "None"]),
        ("the cap", "b", 1, vec!["None", "ConditionalCheckFailed"]),
    ];
    for (case, subject, cap, codes) in cases {
        let error = transact(bill(cap, subject, "second").unwrap())
            .await
            .unwrap_err()
            .into_service_error();
        let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
            cancelled,
        ) = error
        else {
            panic!("{case}: {error:?}")
        };
        let reasons = cancelled.cancellation_reasons();
        let found: Vec<_> = reasons.iter().map(|reason| reason.code().unwrap()).collect();
        assert_eq!(found, codes, "{case}");
        if subject == "a" {
            assert_eq!(reasons[0].item().unwrap()["attempt_id"], text("first"), "{case}");
        }
    }
    assert_eq!(attempt_on_record(&client, "b").await.unwrap(), None);
}

#[tokio::test]
async fn repeated_transaction_token_answers_again_until_it_expires() {
    let clock = Arc::new(ManualClock::at(1_000));
    let client = EmbeddedDynamo::memory_at(Arc::<ManualClock>::clone(&clock))
        .unwrap()
        .client();
    create(&client, "ledger").await.unwrap();
    let transact = |subject: &str| {
        client
            .transact_write_items()
            .client_request_token("token-1")
            .set_transact_items(Some(bill(9, subject, "first").unwrap()))
            .send()
    };
    transact("a").await.unwrap();
    transact("a").await.unwrap();

    let other = transact("b").await.unwrap_err().into_service_error();
    assert!(other.is_idempotent_parameter_mismatch_exception(), "{other:?}");

    clock.advance(10 * 60 * 1000 + 1);
    let late = transact("a").await.unwrap_err().into_service_error();
    assert!(late.is_transaction_canceled_exception(), "{late:?}");
}

/// Applies every request and loses the replies to the first few.
#[derive(Debug, Clone)]
struct Forgetful {
    inner: SharedHttpClient,
    lose: Arc<AtomicUsize>,
    seen: Arc<AtomicUsize>,
    connector: Option<SharedHttpConnector>,
}

impl HttpClient for Forgetful {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = Some(self.inner.http_connector(settings, components));
        SharedHttpConnector::new(Self {
            connector,
            ..self.clone()
        })
    }
}

impl HttpConnector for Forgetful {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let reply = self.connector.as_ref().unwrap().call(request);
        self.seen.fetch_add(1, Ordering::SeqCst);
        let lost = self
            .lose
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        if lost.is_ok() {
            return HttpConnectorFuture::ready(Err(ConnectorError::io("connection reset".into())));
        }
        reply
    }
}

#[tokio::test]
async fn lost_reply_is_resent_at_once_and_meets_its_own_write() {
    let (dynamo, plain) = world().await.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let forgetful = Forgetful {
        inner: dynamo.http_client(),
        lose: Arc::new(AtomicUsize::new(1)),
        seen: Arc::clone(&seen),
        connector: None,
    };
    let client = Client::from_conf(dynamo.config().http_client(forgetful).build());

    let error = put(&client, claim("t", "mine").unwrap()).await.unwrap_err();

    assert_eq!(seen.load(Ordering::SeqCst), 2);
    assert_eq!(error.code(), Some("ConditionalCheckFailedException"));
    assert_eq!(
        attempt_on_record(&plain, "t").await.unwrap().as_deref(),
        Some("mine")
    );
}

#[tokio::test]
async fn client_without_resends_reports_the_loss() {
    let (dynamo, _) = world().await.unwrap();
    let seen = Arc::new(AtomicUsize::new(0));
    let forgetful = Forgetful {
        inner: dynamo.http_client(),
        lose: Arc::new(AtomicUsize::new(1)),
        seen: Arc::clone(&seen),
        connector: None,
    };
    let config = dynamo
        .config()
        .http_client(forgetful)
        .retry_config(RetryConfig::disabled());
    let client = Client::from_conf(config.build());

    let lost = client.list_tables().send().await.unwrap_err();

    assert!(
        matches!(lost, aws_sdk_dynamodb::error::SdkError::DispatchFailure(_)),
        "{lost:?}"
    );
    assert_eq!(seen.load(Ordering::SeqCst), 1);
}

#[test]
fn unreadable_requests_are_refused_by_kind() {
    let dynamo = EmbeddedDynamo::memory().unwrap();
    for (target, body, expected) in [
        ("DynamoDB_20120810.Nothing", "{}", "UnknownOperationException"),
        ("DynamoDB_20120810.PutItem", "", "SerializationException"),
        ("DynamoDB_20120810.PutItem", "{", "SerializationException"),
        ("DynamoDB_20120810.PutItem", "{}", "ValidationException"),
        (
            "DynamoDB_20120810.PutItem",
            r#"{"TableName":7}"#,
            "SerializationException",
        ),
        (
            "DynamoDB_20120810.PutItem",
            r#"{"TableName":"none","Item":{"a":{"S":"b"}}}"#,
            "ResourceNotFoundException",
        ),
    ] {
        let (status, answer) = dynamo.answer(target, body.as_bytes());
        assert_eq!(status, 400, "{target} {body}");
        assert!(answer.contains(expected), "{target} {body}: {answer}");
    }
}
