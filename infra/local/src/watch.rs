//! What a run of the demo sees at the door to AWS: counts by kind, and one crash at a chosen write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use crate::aws::{Broken, Call, Choke, Next, Reply, Service};

/// The operations that write to a table.
pub const WRITES: [&str; 3] = ["PutItem", "UpdateItem", "TransactWriteItems"];

/// The first ticket's subject that a request's body names.
fn subject_of(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("\"ticket#")?;
    let (id, _) = rest.split_once('"')?;
    Some(format!("ticket#{id}"))
}

/// Counts the calls of a process, and ends it at the write that [`Watch::crash_at`] chose.
#[derive(Debug, Default)]
pub struct Watch {
    counts: Mutex<BTreeMap<String, u64>>,
    writes: Mutex<BTreeMap<String, u64>>,
    crash: Mutex<Option<String>>,
    crashed: Notify,
}

impl Watch {
    /// Calls so far, by `<service> <operation>`.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, u64> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Writes to the tables so far, by the ticket whose subject they name first, as `ticket#<org>#<provider>#<id>`.
    #[must_use]
    pub fn writes(&self) -> BTreeMap<String, u64> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The process ends before the next write to the tables whose body holds all of `texts`.
    pub fn crash_at(&self, text: &str) {
        *self.crash.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
    }

    /// The process ends now: whoever calls this never goes on.
    pub async fn crash(&self) {
        self.crashed.notify_one();
        std::future::pending::<()>().await;
    }

    /// Ends when the process has crashed.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    fn is_the_crash(&self, call: &Call) -> bool {
        let mut crash = self.crash.lock().unwrap_or_else(PoisonError::into_inner);
        let body = call.json().to_string();
        let due = call.service == Service::DynamoDb
            && crash
                .as_ref()
                .is_some_and(|text| body.contains(":sealed") && body.contains(text));
        if due {
            *crash = None;
        }
        due
    }
}

#[async_trait]
impl Choke for Watch {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        if self.is_the_crash(call) {
            self.crash().await;
        }
        if WRITES.contains(&call.operation.as_str())
            && let Some(subject) = subject_of(&call.json().to_string())
        {
            let mut writes = self.writes.lock().unwrap_or_else(PoisonError::into_inner);
            *writes.entry(subject).or_default() += 1;
        }
        let service = match call.service {
            Service::DynamoDb => "dynamodb",
            Service::Sqs => "sqs",
        };
        let name = format!("{service} {}", call.operation);
        *self
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(name)
            .or_default() += 1;
        Ok(next.apply())
    }
}

/// One watch for every caller, shared.
pub type SharedWatch = Arc<Watch>;
