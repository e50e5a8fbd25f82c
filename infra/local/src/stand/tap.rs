//! What sees every call to AWS: it counts, keeps transactions, and at a call of the test's choice ends the process before it
//! or loses its reply.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::aws::{Broken, Call, Choke, Next, Reply};
use async_trait::async_trait;
use serde_json::Value;
use tokio::sync::Notify;

type Chosen = Box<dyn Fn(&Call) -> bool + Send + Sync>;

/// Counts calls, and crashes on demand.
#[derive(Default)]
pub struct Tap {
    counts: Mutex<BTreeMap<String, u64>>,
    transactions: Mutex<Vec<Value>>,
    crash: Mutex<Option<Chosen>>,
    loss: Mutex<Option<Chosen>>,
    /// Told when the process has crashed.
    pub crashed: Notify,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tap")
    }
}

impl Tap {
    /// Calls by operation, and the items that queries read under `items`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts anew.
    pub fn forget(&self) {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The process ends before the next call that is chosen.
    pub fn crash_before(&self, chosen: impl Fn(&Call) -> bool + Send + Sync + 'static) {
        *self.crash.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(chosen));
    }

    /// The next call that is chosen is applied, and its reply lost.
    pub fn lose_reply(&self, chosen: impl Fn(&Call) -> bool + Send + Sync + 'static) {
        *self.loss.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(chosen));
    }

    /// Every transaction that was sent, resends included.
    #[must_use]
    pub fn transactions(&self) -> Vec<Value> {
        let sent = self.transactions.lock();
        sent.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, name: &str, by: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name.to_owned()).or_default() += by;
    }
}

#[async_trait]
impl Choke for Tap {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        if is_it(&self.crash, call) {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
        self.count(&call.operation, 1);
        if call.operation == "TransactWriteItems" {
            let sent = self.transactions.lock();
            sent.unwrap_or_else(PoisonError::into_inner).push(call.json());
        }
        // Two invocations at once take turns at every call.
        tokio::task::yield_now().await;
        let reply = next.apply();
        if is_it(&self.loss, call) {
            return Err(Broken::Reset);
        }
        if call.operation == "Query" {
            let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            self.count(
                "items",
                body.get("ScannedCount").and_then(Value::as_u64).unwrap_or(0),
            );
        }
        Ok(reply)
    }
}

/// Whether it is the one that is waited for; it comes once.
fn is_it(waited: &Mutex<Option<Chosen>>, call: &Call) -> bool {
    let mut waited = waited.lock().unwrap_or_else(PoisonError::into_inner);
    let is_it = waited.as_ref().is_some_and(|chosen| chosen(call));
    if is_it {
        *waited = None;
    }
    is_it
}
