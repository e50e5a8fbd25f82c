//! The HTTP front: what API Gateway does between a socket and the intake, and Lambda's own door to the functions that an
//! operator calls.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use aws_lambda_events::encodings::Body;
use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::DateTime;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ratchet_guard::clock::{Clock, SystemClock};
use ratchet_runtime::serve::Function;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::process::Process;
use crate::sandbox::webhook::Delivery;

/// Largest body that reaches a function, in bytes. Source: HTTP API quotas, 10 MB.
const BODY_BYTES_MAX: usize = 10_000_000;

/// How long an operator's invocation runs at most, in ms. Reason: as long as Lambda lets one.
const INVOKED_MS: u64 = 15 * 60_000;

/// Answers every connection until the future is dropped.
pub(super) async fn serve(
    listener: TcpListener,
    process: Arc<Process>,
    timeout_ms: u64,
) -> Result<Infallible> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let process = Arc::clone(&process);
                let service = service_fn(move |request| answer(Arc::clone(&process), request, timeout_ms));
                connections.spawn(async move {
                    // The only error is a peer that went away.
                    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn answer(
    process: Arc<Process>,
    request: Request<Incoming>,
    timeout_ms: u64,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        return Ok(status(413));
    };
    if let Some(name) = invoked(head.uri.path()) {
        return Ok(invoke(&process, name, &body.to_bytes()).await);
    }
    let mut event = ApiGatewayV2httpRequest::default();
    event.raw_path = Some(head.uri.path().to_owned());
    event.raw_query_string = head.uri.query().map(str::to_owned);
    event.request_context.http.method = head.method;
    event.headers = head.headers;
    event.body = Some(STANDARD.encode(body.to_bytes()));
    event.is_base64_encoded = true;
    let deadline_ms = SystemClock.now_ms().saturating_add(timeout_ms);
    Ok(match process.functions().webhook.call(event, deadline_ms).await {
        Ok(answer) => printed(answer),
        Err(error) => {
            tracing::error!("intake failed: {error}");
            status(500)
        }
    })
}

/// The function that a path of Lambda's `Invoke` names, by its name or its ARN.
fn invoked(path: &str) -> Option<&str> {
    path.strip_prefix("/2015-03-31/functions/")?
        .strip_suffix("/invocations")
}

/// `Invoke` of `replay`, `reconcile` or `seal-bills`, as an operator does it: the payload is the event, the answer's body the result.
async fn invoke(process: &Process, name: &str, payload: &[u8]) -> Response<Full<Bytes>> {
    let Ok(event) = serde_json::from_slice::<Value>(payload) else {
        return status(400);
    };
    let deadline_ms = SystemClock.now_ms().saturating_add(INVOKED_MS);
    let functions = process.functions();
    let answer = if name.ends_with("replay") {
        let answer = functions.replay.call(event, deadline_ms).await;
        answer.map(|summary| json!(summary))
    } else if name.ends_with("reconcile") {
        let answer = functions.reconcile.call(event, deadline_ms).await;
        answer.map(|plan| json!(plan))
    } else if name.ends_with("seal-bills") {
        let Ok(call) = serde_json::from_value::<seal_bills::Call>(event) else {
            return status(400);
        };
        let answer = functions.seal_bills.call(call, deadline_ms).await;
        answer.map(|sealed| json!(sealed))
    } else {
        return status(404);
    };
    let failed = answer.is_err();
    let body = answer.unwrap_or_else(|error| json!({ "errorMessage": error.to_string() }));
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    if failed {
        let handled = http::HeaderValue::from_static("Unhandled");
        response.headers_mut().insert("x-amz-function-error", handled);
    }
    response
}

/// One tick of the sweep's schedule. One that fails is made good by the next.
pub(super) async fn sweep(process: &Process, now_ms: u64, timeout_ms: u64) {
    let at = i64::try_from(now_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    let time = at.unwrap_or_default().to_rfc3339();
    let event = json!({ "source": "schedule", "schedule": "sweep", "time": time });
    let deadline_ms = now_ms.saturating_add(timeout_ms);
    if let Err(error) = process.functions().replay.call(event, deadline_ms).await {
        tracing::warn!("sweep failed: {error}");
    }
}

/// One call of the sealer's schedule. One that fails is made good by the next.
pub(super) async fn seal(process: &Process, now_ms: u64, timeout_ms: u64) {
    let call = seal_bills::Call { org: None };
    let deadline_ms = now_ms.saturating_add(timeout_ms);
    match process.functions().seal_bills.call(call, deadline_ms).await {
        Ok(sealed) => {
            let added: u64 = sealed.periods.iter().map(|period| period.sealing.added).sum();
            tracing::info!(added, "bills are sealed");
        }
        Err(error) => tracing::warn!("sealing failed: {error}"),
    }
}

/// One delivery of a sandbox's webhook, handed to the intake without a socket; the status of its answer.
pub(super) async fn deliver(
    process: &Process,
    path: &str,
    delivery: &Delivery,
    timeout_ms: u64,
) -> Result<u16> {
    let mut event = ApiGatewayV2httpRequest::default();
    event.raw_path = Some(path.to_owned());
    event.request_context.http.method = http::Method::POST;
    for (name, value) in &delivery.headers {
        event
            .headers
            .insert(name.parse::<http::HeaderName>()?, value.parse()?);
    }
    event.body = Some(STANDARD.encode(&delivery.body));
    event.is_base64_encoded = true;
    let deadline_ms = SystemClock.now_ms().saturating_add(timeout_ms);
    let answer = process.functions().webhook.call(event, deadline_ms).await;
    let answer = answer.map_err(anyhow::Error::msg)?;
    Ok(u16::try_from(answer.status_code)?)
}

fn printed(answer: ApiGatewayV2httpResponse) -> Response<Full<Bytes>> {
    let body = match answer.body {
        Some(Body::Text(text)) => Bytes::from(text),
        Some(Body::Binary(bytes)) => Bytes::from(bytes),
        _ => Bytes::new(),
    };
    let mut response = Response::new(Full::new(body));
    if let Ok(code) = u16::try_from(answer.status_code) {
        *response.status_mut() =
            http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    }
    response.headers_mut().extend(answer.headers);
    response
}

fn status(code: u16) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() =
        http::StatusCode::from_u16(code).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    response
}
