//! What sees every call to AWS: it counts, and ends the process before a call of the test's choice.

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
    crash: Mutex<Option<Chosen>>,
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

    fn is_the_crash(&self, call: &Call) -> bool {
        let mut crash = self.crash.lock().unwrap_or_else(PoisonError::into_inner);
        let chosen = crash.as_ref().is_some_and(|chosen| chosen(call));
        if chosen {
            *crash = None;
        }
        chosen
    }

    fn count(&self, name: &str, by: u64) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(name.to_owned()).or_default() += by;
    }
}

#[async_trait]
impl Choke for Tap {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        if self.is_the_crash(call) {
            self.crashed.notify_one();
            std::future::pending::<()>().await;
        }
        self.count(&call.operation, 1);
        // Two invocations at once take turns at every call.
        tokio::task::yield_now().await;
        let reply = next.apply();
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
