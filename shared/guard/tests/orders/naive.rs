//! The workflow as it is usually written: the same calls in the same order, and one mistake at a time. What it writes
//! down outlives a crash, as a file or a table would.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request};
use ratchet_guard::clock::{Clock as _, ManualClock};
use serde_json::{Value, json};

use super::workflow::api::{Api, Door};
use super::workflow::backend::in_process;
use super::workflow::shop::{Customer, Order};

/// A mistake of the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// The time is part of the idempotency key.
    TimestampInKey,
    /// The work is logged as done before it is.
    LoggedAsDone,
    /// An order is marked as done when all of its steps are, and only then.
    DoneAtTheEnd,
    /// One marker stands for a whole batch.
    MarkerForABatch,
    /// The ledger takes two rows for one order, and each is worked off.
    DuplicateRows,
    /// Each attempt makes its own idempotency key.
    KeyPerAttempt,
    /// A webhook's content is applied, whenever it comes.
    WebhooksOutOfOrder,
    /// A person presses "run" again.
    RunAgain,
    /// The schedule starts while its last run is not over: the look at the marker and the marker are two moments.
    Overlap,
    /// An action that adds is sent again after a lost answer.
    AdditiveRetried,
    /// What nobody can guard comes first, and again with every retry of what follows.
    UnguardedFirst,
}

impl Mistake {
    pub(crate) const ALL: [Self; 11] = [
        Self::TimestampInKey,
        Self::LoggedAsDone,
        Self::DoneAtTheEnd,
        Self::MarkerForABatch,
        Self::DuplicateRows,
        Self::KeyPerAttempt,
        Self::WebhooksOutOfOrder,
        Self::RunAgain,
        Self::Overlap,
        Self::AdditiveRetried,
        Self::UnguardedFirst,
    ];
}

/// What it writes down: a file of markers or a table of rows, and how often it has tried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    pub(crate) markers: Vec<String>,
    pub(crate) attempts: u64,
}

/// A call that did not succeed, for whatever reason: the naive version does not ask.
pub(crate) struct Failed;

pub(crate) struct Naive {
    mistake: Mistake,
    door: Arc<dyn Door>,
    api: Api,
    clock: Arc<ManualClock>,
    memory: Arc<Mutex<Memory>>,
}

impl Naive {
    pub(crate) fn new(
        mistake: Mistake,
        door: Arc<dyn Door>,
        clock: Arc<ManualClock>,
        memory: Arc<Mutex<Memory>>,
    ) -> Self {
        let api = Api::new(door.clone(), in_process());
        Self {
            mistake,
            door,
            api,
            clock,
            memory,
        }
    }

    /// One run of the schedule; a failure ends it.
    pub(crate) async fn run(&self) -> Result<(), Failed> {
        if self.mistake == Mistake::MarkerForABatch && self.is_marked("batch") {
            return Ok(());
        }
        let page = self.api.paid_after(0, 1_000).await.map_err(|_| Failed)?;
        for order in &page.orders {
            match self.mistake {
                Mistake::RunAgain | Mistake::MarkerForABatch => self.order(order).await?,
                Mistake::DuplicateRows => {
                    if !self.is_marked(&order.id) {
                        tokio::task::yield_now().await;
                        self.mark(&order.id);
                    }
                }
                Mistake::LoggedAsDone => {
                    if !self.is_marked(&order.id) {
                        self.mark(&order.id);
                        self.order(order).await?;
                    }
                }
                Mistake::TimestampInKey
                | Mistake::DoneAtTheEnd
                | Mistake::KeyPerAttempt
                | Mistake::WebhooksOutOfOrder
                | Mistake::Overlap
                | Mistake::AdditiveRetried
                | Mistake::UnguardedFirst => {
                    if !self.is_marked(&order.id) {
                        self.order(order).await?;
                        self.mark(&order.id);
                    }
                }
            }
        }
        if self.mistake == Mistake::MarkerForABatch {
            self.mark("batch");
        }
        Ok(())
    }

    /// Works off every row of its ledger.
    pub(crate) async fn work_off(&self) -> Result<(), Failed> {
        let rows = std::mem::take(&mut self.memory.lock().unwrap().markers);
        for id in rows {
            let order = self.api.order(&id).await.map_err(|_| Failed)?;
            self.order(&order).await?;
        }
        Ok(())
    }

    /// A webhook came with this content.
    pub(crate) async fn customer_changed(&self, content: &Customer) -> Result<(), Failed> {
        // It counts its own versions, since the newest is what came last.
        let version = self.clock.now_ms();
        let body = json!({ "id": content.id, "version": version, "name": content.name });
        self.send(
            Method::PUT,
            format!("accounting/customers/{}", content.id),
            "",
            body,
        )
        .await
        .map(drop)
    }

    /// Ten points for the customer, with a second try.
    pub(crate) async fn add_points(&self, customer: &str) -> Result<(), Failed> {
        for _ in 0..2 {
            let path = format!("accounting/points/{customer}");
            if self.send(Method::POST, path, "", json!(10)).await.is_ok() {
                return Ok(());
            }
        }
        Err(Failed)
    }

    async fn order(&self, order: &Order) -> Result<(), Failed> {
        if self.mistake == Mistake::UnguardedFirst {
            self.mail(order, "soon").await?;
        }
        let customer = self.api.customer(&order.customer).await.map_err(|_| Failed)?;
        let path = format!("accounting/customers/{}", customer.id);
        self.send(Method::PUT, path, "", json!(customer)).await?;
        let wanted =
            json!({ "order": order.id, "customer": order.customer, "total_cents": order.total_cents });
        let key = self.key(order);
        let invoice = self
            .send(Method::POST, "accounting/invoices".to_owned(), &key, wanted)
            .await?;
        let number = invoice.get("number").and_then(Value::as_str).ok_or(Failed)?;
        let path = format!("store/orders/{}/synced", order.id);
        self.send(Method::PUT, path, "", json!({ "invoice": number }))
            .await?;
        if self.mistake != Mistake::UnguardedFirst {
            self.mail(order, number).await?;
        }
        Ok(())
    }

    async fn mail(&self, order: &Order, invoice: &str) -> Result<(), Failed> {
        let mail = json!({ "to": order.email, "order": order.id, "invoice": invoice });
        self.send(Method::POST, "mail/messages".to_owned(), "", mail)
            .await
            .map(drop)
    }

    /// Two of the mistakes have a key at all; the others have no key, which is a new one each time to the provider.
    fn key(&self, order: &Order) -> String {
        let attempts = {
            let mut memory = self.memory.lock().unwrap();
            memory.attempts += 1;
            memory.attempts
        };
        match self.mistake {
            Mistake::TimestampInKey => format!("{}-{}", order.id, self.clock.now_ms()),
            // Its key would do; its mistake is another.
            Mistake::UnguardedFirst | Mistake::LoggedAsDone => format!("invoice-{}", order.id),
            Mistake::DoneAtTheEnd
            | Mistake::MarkerForABatch
            | Mistake::DuplicateRows
            | Mistake::KeyPerAttempt
            | Mistake::WebhooksOutOfOrder
            | Mistake::RunAgain
            | Mistake::Overlap
            | Mistake::AdditiveRetried => format!("attempt-{attempts}"),
        }
    }

    async fn send(&self, method: Method, path: String, key: &str, body: Value) -> Result<Value, Failed> {
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{path}"))
            .header("idempotency-key", key)
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = self.door.send(request).await.map_err(|_| Failed)?;
        if !answer.status().is_success() {
            return Err(Failed);
        }
        serde_json::from_slice(answer.body()).map_err(|_| Failed)
    }

    fn is_marked(&self, what: &str) -> bool {
        self.memory
            .lock()
            .unwrap()
            .markers
            .iter()
            .any(|marked| marked == what)
    }

    fn mark(&self, what: &str) {
        self.memory.lock().unwrap().markers.push(what.to_owned());
    }
}
