//! An AWS service at the other end of the SDK: it notes every call, and does not always answer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;

/// What goes wrong with calls of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The service answers 500 and does nothing.
    Refuses,
    /// The next call is done and its answer does not come.
    LosesOneReply,
    /// The service never answers.
    Hangs,
}

/// From operation target and body to HTTP status and body.
type Service = dyn Fn(&str, &[u8]) -> (u16, String) + Send + Sync;

struct Inner {
    service: Box<Service>,
    calls: Mutex<Vec<String>>,
    fault: Mutex<Option<(&'static str, Fault)>>,
}

/// The line to a service that speaks AWS's JSON protocol.
#[derive(Clone)]
pub(crate) struct Line(Arc<Inner>);

impl Line {
    pub(crate) fn to(service: impl Fn(&str, &[u8]) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            service: Box::new(service),
            calls: Mutex::default(),
            fault: Mutex::default(),
        }))
    }

    /// The SDK's way to it.
    pub(crate) fn client(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    /// The operations since the last look, in order; a resend is another one.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on calls of `operation` go wrong.
    pub(crate) fn breaks(&self, operation: &'static str, fault: Fault) {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some((operation, fault));
    }

    /// From now on nothing goes wrong.
    pub(crate) fn is_mended(&self) {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn fault_of(&self, operation: &str) -> Option<Fault> {
        let mut fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let (of, kind) = (*fault)?;
        if of != operation {
            return None;
        }
        if kind == Fault::LosesOneReply {
            *fault = None;
        }
        Some(kind)
    }

    async fn exchange(self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request
            .headers()
            .get("x-amz-target")
            .unwrap_or_default()
            .to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        self.0
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(operation.clone());
        // Other calls may overtake this one, on the way there and on the way back.
        tokio::task::yield_now().await;
        let body = request.body().bytes().unwrap_or_default();
        let (status, json) = match self.fault_of(&operation) {
            Some(Fault::Refuses) => (500, r#"{"__type":"InternalServerError"}"#.to_owned()),
            Some(Fault::Hangs) => std::future::pending().await,
            Some(Fault::LosesOneReply) => {
                let _done = (self.0.service)(&target, body);
                return Err(ConnectorError::io("connection reset".into()));
            }
            None => (self.0.service)(&target, body),
        };
        tokio::task::yield_now().await;
        let status = StatusCode::try_from(status).map_err(|error| ConnectorError::user(error.into()))?;
        Ok(HttpResponse::new(status, SdkBody::from(json)))
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new(self.clone().exchange(request))
    }
}

impl HttpClient for Line {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}
