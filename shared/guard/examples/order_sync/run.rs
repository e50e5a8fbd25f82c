//! What drives the workflow: a schedule, a webhook, a person. None of them needs to know of the others.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_guard::effect::{call, keyed};
use ratchet_guard::store::StoreError;
use ratchet_guard::{Disposition, StageError, Subject, Unfinished, Work};

use super::orders::Orders;
use super::shop::{Customer, Order};

/// Orders a page.
const PAGE: u64 = 100;

/// Unfinished records that one run looks at.
const DUE_MAX: usize = 1_000;

/// What became of the orders of one run, by their ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In the books, now or before.
    pub synced: Vec<String>,
    /// On record as unfinished; a later run brings them on.
    pub retryable: Vec<String>,
    /// On record for a person.
    pub needs_review: Vec<String>,
    /// Not on record: the cursor stays before them.
    pub unrecorded: Vec<String>,
}

impl Orders {
    /// One run of the schedule: what earlier runs left, then what was paid since the cursor.
    pub async fn run(&self, cursor: &Cursor) -> Result<Report, StageError> {
        let mut report = Report::default();
        let kinds = [Unfinished::Claimed, Unfinished::Waiting];
        let due = self.ledger.due(&kinds, DUE_MAX).await?;
        // Nobody works on a row that does not read: it is said, in every run, until somebody has looked.
        let unreadable = due.unreadable.iter().map(|row| row.key.to_string());
        report.needs_review.extend(unreadable);
        for record in due.records {
            // Only the row of a whole order carries a message; a step's row is brought on by its order.
            if let Some(order) = Order::of(&record.message) {
                self.one(&order, &mut report).await?;
            }
        }
        loop {
            let page = self.api.paid_after(cursor.read().await?, PAGE).await?;
            for order in &page.orders {
                self.one(order, &mut report).await?;
            }
            if page.orders.is_empty() || !report.unrecorded.is_empty() {
                return Ok(report);
            }
            cursor.advance(page.next).await?;
        }
    }

    /// One order, and where it belongs in the report.
    pub async fn one(&self, order: &Order, report: &mut Report) -> Result<(), StageError> {
        let list = match self.sync(order).await {
            Ok(()) => &mut report.synced,
            Err(StageError::Parked(parked)) if parked.resume_at().is_some() => &mut report.retryable,
            Err(StageError::Store(_)) => &mut report.unrecorded,
            Err(error) => match error.disposition() {
                Disposition::Busy { .. } | Disposition::Retry { .. } => &mut report.retryable,
                Disposition::Settled => &mut report.needs_review,
                Disposition::ParkMessage { code } => {
                    let (message, detail) = (order.message(), error.to_string());
                    self.ledger
                        .park_message("orders", &message, code, &detail)
                        .await?;
                    &mut report.needs_review
                }
            },
        };
        list.push(order.id.clone());
        Ok(())
    }

    /// A webhook says that an order was paid. What it says else may be old: the store is asked.
    pub async fn paid(&self, order: &str) -> Result<(), StageError> {
        let order = self.api.order(order).await?;
        self.sync(&order).await
    }

    /// A webhook says that a customer changed. What it says else may be old: the store is asked.
    pub async fn customer_changed(&self, customer: &str) -> Result<(), StageError> {
        let customer = self.api.customer(customer).await?;
        let key = Subject::new("customer", &customer.id).step_of_version("upsert", customer.version);
        let effect = call(|act| self.api.put_customer(&customer.id, act))
            .known_as(|customer: &Customer| customer.id.clone())
            .key_is_permanent();
        self.ledger
            .once(&Work::sending(key, &customer)?, keyed(effect))
            .await
            .map(drop)
    }
}

/// Up to which position every order is on record. It moves forward only.
#[derive(Clone)]
pub struct Cursor {
    client: Client,
    table: String,
}

impl Cursor {
    /// The cursor in `table`, whose key is `cursor`.
    pub fn new(client: Client, table: &str) -> Self {
        Self {
            client,
            table: table.to_owned(),
        }
    }

    /// Where it stands.
    pub async fn read(&self) -> Result<u64, StageError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .key("cursor", AttributeValue::S("paid".to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of("GetItem", &error))?;
        let position = answer.item.as_ref().and_then(|item| item.get("position"));
        Ok(position
            .and_then(|value| value.as_n().ok()?.parse().ok())
            .unwrap_or(0))
    }

    /// Moves it to `position`, unless it is there already or beyond.
    pub async fn advance(&self, position: u64) -> Result<(), StageError> {
        let answer = self
            .client
            .update_item()
            .table_name(&self.table)
            .key("cursor", AttributeValue::S("paid".to_owned()))
            .condition_expression("attribute_not_exists(#position) OR #position < :position")
            .update_expression("SET #position = :position")
            .expression_attribute_names("#position", "position")
            .expression_attribute_values(":position", AttributeValue::N(position.to_string()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Ok(())
            }
            Err(error) => Err(StoreError::of("UpdateItem", &error).into()),
        }
    }
}
