//! The shop's clients: one HTTP exchange each, told apart by what it means for the effect.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Request, Response};
use ratchet_guard::effect::Act;
use ratchet_guard::{Outcome, StageError, Why};
use serde::de::DeserializeOwned;

use super::shop::{Customer, Invoice, Mark, Order, Page, Sent};

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unanswered {
    /// The request never left.
    NotSent,
    /// It left, and may have landed.
    Lost,
}

/// One exchange over HTTP. Nothing is sent twice in it.
#[async_trait]
pub trait Door: Send + Sync {
    /// Sends the request and waits for the answer.
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, Unanswered>;
}

/// Where the services are, as `http://127.0.0.1:8080`.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The store.
    pub store: String,
    /// Accounting.
    pub accounting: String,
    /// The mailer.
    pub mail: String,
}

/// The clients of the three services.
#[derive(Clone)]
pub struct Api {
    door: Arc<dyn Door>,
    at: Addresses,
}

impl Api {
    /// Clients that send through `door`.
    pub fn new(door: Arc<dyn Door>, at: Addresses) -> Self {
        Self { door, at }
    }

    /// Orders that were paid after that position.
    pub async fn paid_after(&self, position: u64, limit: u64) -> Result<Page, StageError> {
        self.read(format!(
            "{}/orders?paid_after={position}&limit={limit}",
            self.at.store
        ))
        .await
    }

    /// The order as it is now.
    pub async fn order(&self, id: &str) -> Result<Order, StageError> {
        self.read(format!("{}/orders/{id}", self.at.store)).await
    }

    /// The invoice's number that is noted on the order.
    pub async fn mark(&self, id: &str) -> Result<Option<Mark>, StageError> {
        self.read(format!("{}/orders/{id}/synced", self.at.store)).await
    }

    /// The customer as it is now.
    pub async fn customer(&self, id: &str) -> Result<Customer, StageError> {
        self.read(format!("{}/customers/{id}", self.at.store)).await
    }

    /// Every invoice, where accounting can list them.
    pub async fn invoices(&self) -> Result<Vec<Invoice>, StageError> {
        self.read(format!("{}/invoices", self.at.accounting)).await
    }

    /// Makes or changes the customer with that id; an older version than what is there changes nothing.
    pub async fn put_customer(&self, id: &str, act: Act) -> Outcome<Customer> {
        self.write(Method::PUT, format!("{}/customers/{id}", self.at.accounting), act)
            .await
    }

    /// Makes an invoice, once for a key where accounting knows keys.
    pub async fn post_invoice(&self, act: Act) -> Outcome<Invoice> {
        self.write(Method::POST, format!("{}/invoices", self.at.accounting), act)
            .await
    }

    /// Notes the invoice on the order.
    pub async fn put_mark(&self, id: &str, act: Act) -> Outcome<Mark> {
        self.write(Method::PUT, format!("{}/orders/{id}/synced", self.at.store), act)
            .await
    }

    /// Sends a mail.
    pub async fn post_mail(&self, act: Act) -> Outcome<Sent> {
        self.write(Method::POST, format!("{}/messages", self.at.mail), act)
            .await
    }

    /// Adds points to a customer's account: twice is twice.
    pub async fn add_points(&self, id: &str, act: Act) -> Outcome<u64> {
        self.write(Method::POST, format!("{}/points/{id}", self.at.accounting), act)
            .await
    }

    async fn write<T: DeserializeOwned>(&self, method: Method, url: String, act: Act) -> Outcome<T> {
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("idempotency-key", act.effect().as_str())
            .body(Bytes::from(act.bytes()));
        let Ok(request) = request else {
            return Outcome::Refused(Why::new("no_such_address", "a service's address is no URL"));
        };
        match self.door.send(request).await {
            Ok(answer) => {
                let retry_after_ms = answer
                    .headers()
                    .get("retry-after")
                    .and_then(|seconds| seconds.to_str().ok()?.parse::<u64>().ok())
                    .map(|seconds| seconds.saturating_mul(1000));
                Outcome::of_status(answer.status().as_u16(), retry_after_ms, || {
                    serde_json::from_slice(answer.body()).ok()
                })
            }
            Err(Unanswered::NotSent) => Outcome::NotDone(Why::new("unreachable", "no connection")),
            Err(Unanswered::Lost) => Outcome::no_answer(),
        }
    }

    async fn read<T: DeserializeOwned>(&self, url: String) -> Result<T, StageError> {
        let not_read = |why: &str| StageError::NotRead {
            why: why.to_owned(),
            retry_after_ms: None,
        };
        let request = Request::builder().uri(url).body(Bytes::new());
        let request = request.map_err(|_| not_read("no_such_address: a service's address is no URL"))?;
        let answer = self
            .door
            .send(request)
            .await
            .map_err(|_| not_read("answer_lost: no answer came"))?;
        if !answer.status().is_success() {
            return Err(not_read(&format!(
                "not_read: a service answered status=`{}`",
                answer.status().as_u16()
            )));
        }
        serde_json::from_slice(answer.body())
            .map_err(|_| not_read("answer_unreadable: the answer is no such JSON"))
    }
}
