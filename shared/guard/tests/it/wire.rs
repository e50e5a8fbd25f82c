//! The wire between the SDK and the embedded store: it counts what passes and breaks what it is told to.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use ratchet_guard::embedded::EmbeddedDynamo;
use serde_json::Value;

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is applied and the connection breaks before the reply.
    LoseReply,
    /// It is applied and the reply is a 500.
    Err500Applied,
    /// It is applied by a store that keeps no token of it, and the connection breaks before the reply.
    LoseReplyAndToken,
    /// It never arrives.
    Drop,
    /// A transaction is refused since another write is under way.
    Conflict,
    /// The service is too busy, and says so.
    Throttle,
    /// It arrives only when [`Wire::deliver_late`] says so; nobody hears of it.
    Delay,
}

/// One request that reached the wire.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// As `UpdateItem`.
    pub(crate) operation: String,
    /// HTTP status of the store's own answer; 0 where the request did not arrive.
    pub(crate) status: u16,
    /// The store's answer.
    pub(crate) answer: Value,
    /// What was asked.
    pub(crate) request: Value,
}

#[derive(Debug)]
pub(crate) struct Wire {
    dynamo: EmbeddedDynamo,
    plan: Mutex<VecDeque<(&'static str, Fault)>>,
    calls: Mutex<Vec<Call>>,
    late: Mutex<Vec<(String, Vec<u8>)>>,
}

impl Wire {
    pub(crate) fn new(dynamo: EmbeddedDynamo) -> Arc<Self> {
        Arc::new(Self {
            dynamo,
            plan: Mutex::default(),
            calls: Mutex::default(),
            late: Mutex::default(),
        })
    }

    /// The next request of that operation without a fault yet gets this one.
    pub(crate) fn next(&self, operation: &'static str, fault: Fault) {
        lock(&self.plan).push_back((operation, fault));
    }

    /// Forgets what passed so far.
    pub(crate) fn reset(&self) {
        lock(&self.calls).clear();
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    /// Operations and statuses since the last reset.
    pub(crate) fn seen(&self) -> Vec<(String, u16)> {
        self.calls()
            .into_iter()
            .map(|call| (call.operation, call.status))
            .collect()
    }

    /// All faults have happened.
    pub(crate) fn plan_is_done(&self) -> bool {
        lock(&self.plan).is_empty()
    }

    /// Applies what was delayed; says with which status.
    pub(crate) fn deliver_late(&self) -> Vec<u16> {
        let late = std::mem::take(&mut *lock(&self.late));
        late.iter()
            .map(|(target, body)| self.dynamo.answer(target, body).0)
            .collect()
    }

    fn fault_of(&self, operation: &str) -> Option<Fault> {
        let mut plan = lock(&self.plan);
        let at = plan.iter().position(|(planned, _)| *planned == operation)?;
        plan.remove(at).map(|(_, fault)| fault)
    }

    fn exchange(&self, target: &str, body: &[u8]) -> Result<HttpResponse, ConnectorError> {
        let operation = target.rsplit('.').next().unwrap_or_default();
        let fault = self.fault_of(operation);
        let (status, answer) = match fault {
            None | Some(Fault::LoseReply | Fault::Err500Applied) => self.dynamo.answer(target, body),
            Some(Fault::LoseReplyAndToken) => self.dynamo.answer(target, &without_token(body)),
            Some(Fault::Drop) => (0, String::new()),
            Some(Fault::Delay) => {
                lock(&self.late).push((target.to_owned(), body.to_vec()));
                (0, String::new())
            }
            Some(Fault::Conflict) => (400, conflict(body)),
            Some(Fault::Throttle) => (400, error("ThrottlingException")),
        };
        lock(&self.calls).push(Call {
            operation: operation.to_owned(),
            status,
            answer: serde_json::from_str(&answer).unwrap_or_default(),
            request: serde_json::from_slice(body).unwrap_or_default(),
        });
        match fault {
            Some(Fault::LoseReply | Fault::LoseReplyAndToken | Fault::Drop | Fault::Delay) => {
                Err(ConnectorError::io("connection reset".into()))
            }
            Some(Fault::Err500Applied) => Ok(response(500, error("InternalServerError"))),
            None | Some(Fault::Conflict | Fault::Throttle) => Ok(response(status, answer)),
        }
    }
}

fn without_token(body: &[u8]) -> Vec<u8> {
    let mut request: Value = serde_json::from_slice(body).unwrap();
    request
        .as_object_mut()
        .unwrap()
        .remove("ClientRequestToken")
        .unwrap();
    serde_json::to_vec(&request).unwrap()
}

fn error(kind: &str) -> String {
    format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{kind}","message":"by the test"}}"#)
}

/// Every item but the first is in conflict, as a counter that others write to.
fn conflict(body: &[u8]) -> String {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let items = request.get("TransactItems").and_then(Value::as_array).unwrap();
    let reasons: Vec<Value> = (0..items.len())
        .map(|index| {
            let code = if index == 0 { "None" } else { "TransactionConflict" };
            serde_json::json!({ "Code": code })
        })
        .collect();
    serde_json::json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "Message": "Transaction cancelled",
        "CancellationReasons": reasons,
    })
    .to_string()
}

fn response(status: u16, body: String) -> HttpResponse {
    HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::from(body))
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// The SDK's way to the wire.
#[derive(Debug, Clone)]
pub(crate) struct Plug(pub(crate) Arc<Wire>);

impl HttpClient for Plug {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Plug {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let wire = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            // Whoever else is ready goes first, so that concurrent attempts interleave at every request.
            tokio::task::yield_now().await;
            let target = request
                .headers()
                .get("x-amz-target")
                .unwrap_or_default()
                .to_owned();
            wire.exchange(&target, request.body().bytes().unwrap_or_default())
        })
    }
}
