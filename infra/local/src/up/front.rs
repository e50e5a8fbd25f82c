//! The HTTP front: what API Gateway does between a socket and the intake, Lambda's own door to the functions that an
//! operator calls, and CloudFormation's to the stack's outputs.

use std::convert::Infallible;

use anyhow::Result;
use aws_lambda_events::encodings::Body;
use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream::{FuturesUnordered, StreamExt as _};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ratchet_runtime::serve::Function;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Up, stack};
use crate::sandbox::webhook::Delivery;

/// Largest body that reaches a function, in bytes. Source: HTTP API quotas, 10 MB.
const BODY_BYTES_MAX: usize = 10_000_000;

/// Answers every connection until the future is dropped.
pub(super) async fn serve(listener: TcpListener, up: &Up) -> Result<Infallible> {
    let mut connections = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                let service = service_fn(move |request| converse(up, request));
                connections.push(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
            // The only error is a peer that went away.
            Some(_) = connections.next() => {}
        }
    }
}

async fn converse(up: &Up, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    Ok(match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => answer(up, Request::from_parts(head, body.to_bytes())).await,
        Err(_) => status(413),
    })
}

/// The answer to any request: Lambda's `Invoke`, and the intake's for everything else.
pub(super) async fn answer(up: &Up, request: Request<Bytes>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    if let Some(name) = invoked(head.uri.path()) {
        return invoke(up, name, &body).await;
    }
    if stack::is_asked_for(head.uri.path(), &body) {
        return stack::describe(up, &body);
    }
    let mut event = ApiGatewayV2httpRequest::default();
    event.raw_path = Some(head.uri.path().to_owned());
    event.raw_query_string = head.uri.query().map(str::to_owned);
    event.request_context.http.method = head.method;
    event.headers = head.headers;
    event.body = Some(STANDARD.encode(body));
    event.is_base64_encoded = true;
    let deadline_ms = up.clock.now_ms().saturating_add(up.cloud.timeout_ms("webhook"));
    match up.process.functions().webhook.call(event, deadline_ms).await {
        Ok(answer) => printed(answer),
        Err(error) => {
            tracing::error!("intake failed: {error}");
            status(500)
        }
    }
}

/// A webhook of the sandbox, as its vendor would send it.
pub(super) fn request(path: &str, delivery: &Delivery) -> Result<Request<Bytes>> {
    let mut request = Request::post(path).body(delivery.body.clone())?;
    for (name, value) in &delivery.headers {
        let headers = request.headers_mut();
        headers.insert(name.parse::<http::HeaderName>()?, value.parse()?);
    }
    Ok(request)
}

/// The function that a path of Lambda's `Invoke` names, by its name or its ARN.
fn invoked(path: &str) -> Option<&str> {
    path.strip_prefix("/2015-03-31/functions/")?
        .strip_suffix("/invocations")
}

/// `Invoke` of any function of the template: the payload is the event, the answer's body the result.
async fn invoke(up: &Up, name: &str, payload: &[u8]) -> Response<Full<Bytes>> {
    // The SDK escapes the colons of an ARN.
    let Some(binary) = up.cloud.binary_of(&name.replace("%3A", ":")) else {
        return status(404);
    };
    let Ok(event) = serde_json::from_slice::<Value>(payload) else {
        return status(400);
    };
    let answer = up.call(binary, event).await;
    let failed = answer.is_err();
    let body = answer.unwrap_or_else(|error| json!({ "errorMessage": format!("{error:#}") }));
    let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
    if failed {
        let handled = http::HeaderValue::from_static("Unhandled");
        response.headers_mut().insert("x-amz-function-error", handled);
    }
    response
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
