//! Both AWS services behind one door: what the SDK sends arrives here, is looked at, and is answered in process.
//!
//! [`Aws`] is the account: tables and queues. A [`Link`] is one caller's way to it; what hangs on the link, a
//! [`Choke`], sees every request of that caller and decides what becomes of it: applied, refused, applied and the
//! answer lost, applied later, answered by something else, or left waiting for ever.

mod call;
mod connector;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use ratchet_guard::clock::Clock;
use ratchet_guard::embedded::{EmbeddedDynamo, EmbeddedError, Snapshot};

use crate::sqs::{BASE_URL, Sqs, State};

pub use call::{Call, Service};
pub use connector::Link;

/// What a service answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The value of `x-amzn-query-error`, by which SQS names its errors.
    pub query_error: Option<String>,
    /// JSON.
    pub body: String,
}

impl Reply {
    /// A success.
    #[must_use]
    pub fn ok(body: String) -> Self {
        Self {
            status: 200,
            query_error: None,
            body,
        }
    }

    /// Too many requests: the service did nothing and the SDK tries again.
    #[must_use]
    pub fn throttled(service: Service) -> Self {
        let (shape, query_error) = match service {
            Service::DynamoDb => ("com.amazon.coral.availability#ThrottlingException", None),
            Service::Sqs => (
                "com.amazonaws.sqs#RequestThrottled",
                Some("RequestThrottled;Sender".to_owned()),
            ),
        };
        let body = format!(r#"{{"__type":"{shape}","message":"Rate exceeded"}}"#);
        Self {
            status: 400,
            query_error,
            body,
        }
    }

    /// A failure inside the service, after which it may have done what was asked, or not.
    #[must_use]
    pub fn internal_error() -> Self {
        let body =
            r#"{"__type":"com.amazon.coral.service#InternalServerError","message":"Internal server error"}"#;
        Self {
            status: 500,
            query_error: None,
            body: body.to_owned(),
        }
    }

    /// The service is away: it did nothing, and the SDK tries again.
    #[must_use]
    pub fn unavailable() -> Self {
        let body =
            r#"{"__type":"com.amazon.coral.service#ServiceUnavailableException","message":"Unavailable"}"#;
        Self {
            status: 503,
            query_error: None,
            body: body.to_owned(),
        }
    }
}

/// No answer came. The SDK tries again after each of them; only what had happened at the service differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The connection was refused.
    #[error("connection was refused")]
    Refused,
    /// The connection broke after the request had left.
    #[error("connection was reset")]
    Reset,
    /// The caller gave up waiting.
    #[error("no answer in time")]
    TimedOut,
}

/// Decides what becomes of each request of a link.
///
/// It may call [`Next::apply`] once, never, or more often, before or after it answers; keep a clone of [`Next`] and
/// apply it when the caller is long gone; and answer late or not at all. A future that never ends is a call that
/// hangs: dropping the caller drops it.
#[async_trait]
pub trait Choke: Send + Sync + std::fmt::Debug {
    /// One request, each resend anew; what is returned is what the SDK gets.
    ///
    /// # Errors
    /// [`Broken`] stands for an exchange without an answer, and may be returned whatever was applied.
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken>;
}

/// The service, ready to be asked. It outlives the call.
#[derive(Debug, Clone)]
pub struct Next {
    aws: Aws,
    /// What queue URLs in the answer begin with.
    base_url: Arc<str>,
    target: Arc<str>,
    body: Bytes,
}

impl Next {
    /// Has the service do it now.
    #[must_use]
    pub fn apply(&self) -> Reply {
        self.aws.answer_at(&self.base_url, &self.target, &self.body)
    }

    /// Has the service do something else in its place: another operation of the same service, another body.
    #[must_use]
    pub fn apply_as(&self, operation: &str, body: &[u8]) -> Reply {
        let (prefix, _) = self.target.rsplit_once('.').unwrap_or_default();
        self.aws
            .answer_at(&self.base_url, &format!("{prefix}.{operation}"), body)
    }

    /// The request as a choke sees it, if it is for a service here; `sdk_request` is the SDK's header of that name.
    pub(crate) fn call(&self, sdk_request: Option<&str>) -> Option<Call> {
        let service = Service::of_target(&self.target)?;
        let (_, operation) = self.target.split_once('.')?;
        let body = self.body.clone();
        Some(Call {
            service,
            operation: operation.to_owned(),
            attempt: call::attempt(sdk_request),
            body,
        })
    }
}

/// Tables and queues. Clones are handles to the same account; [`Aws::fork_at`] is another account.
#[derive(Debug, Clone)]
pub struct Aws {
    /// The tables.
    pub dynamo: EmbeddedDynamo,
    /// The queues.
    pub sqs: Sqs,
}

/// The content of an account at one instant. Clones of the tables share their bytes.
#[derive(Debug, Clone)]
pub struct AwsSnapshot {
    dynamo: Snapshot,
    sqs: State,
}

impl AwsSnapshot {
    /// A new account with this content, on `clock`.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the tables cannot be copied.
    pub fn start(&self, clock: Arc<dyn Clock>) -> Result<Aws, EmbeddedError> {
        Ok(Aws {
            dynamo: self.dynamo.start(Arc::clone(&clock))?,
            sqs: Sqs::with_state(clock, self.sqs.clone()),
        })
    }
}

impl Aws {
    /// An empty account in memory, on `clock`.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the tables' store cannot be made.
    pub fn memory(clock: Arc<dyn Clock>) -> Result<Self, EmbeddedError> {
        Ok(Self {
            dynamo: EmbeddedDynamo::memory_at(Arc::clone(&clock))?,
            sqs: Sqs::new(clock),
        })
    }

    /// The content now; later changes do not touch it.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the tables cannot be copied.
    pub fn snapshot(&self) -> Result<AwsSnapshot, EmbeddedError> {
        Ok(AwsSnapshot {
            dynamo: self.dynamo.snapshot()?,
            sqs: self.sqs.snapshot(),
        })
    }

    /// A second account that starts as this one and goes its own way, on `clock`.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the tables cannot be copied.
    pub fn fork_at(&self, clock: Arc<dyn Clock>) -> Result<Self, EmbeddedError> {
        self.snapshot()?.start(clock)
    }

    /// Replaces the whole content by the snapshot's; links go on with it.
    ///
    /// # Errors
    /// [`EmbeddedError`] when the tables cannot be replaced, as those in a file cannot.
    pub fn restore(&self, snapshot: &AwsSnapshot) -> Result<(), EmbeddedError> {
        self.dynamo.restore(&snapshot.dynamo)?;
        self.sqs.restore(snapshot.sqs.clone());
        Ok(())
    }

    /// Answers one request of the wire protocol, by the service that `target` names.
    #[must_use]
    pub fn answer(&self, target: &str, body: &[u8]) -> Reply {
        self.answer_at(BASE_URL, target, body)
    }

    /// As [`Self::answer`], with queue URLs that begin with `base_url`.
    #[must_use]
    pub fn answer_at(&self, base_url: &str, target: &str, body: &[u8]) -> Reply {
        match Service::of_target(target) {
            Some(Service::Sqs) => self.sqs.answer_at(base_url, target, body),
            Some(Service::DynamoDb) => {
                let (status, body) = self.dynamo.answer(target, body);
                Reply {
                    status,
                    query_error: None,
                    body,
                }
            }
            None => Reply {
                status: 400,
                query_error: None,
                body: r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#.to_owned(),
            },
        }
    }

    pub(crate) fn next(&self, base_url: &str, target: &str, body: Bytes) -> Next {
        Next {
            aws: self.clone(),
            base_url: base_url.into(),
            target: target.into(),
            body,
        }
    }

    /// A caller's way in, with nothing on it.
    #[must_use]
    pub fn link(&self) -> Link {
        Link::new(self.clone(), None)
    }

    /// A caller's way in, with `choke` on it.
    #[must_use]
    pub fn choked(&self, choke: Arc<dyn Choke>) -> Link {
        Link::new(self.clone(), Some(choke))
    }
}
