//! One address for everything: the SDK names its service in a header, the providers have a path each.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use local::sandbox::Exchange;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Outside;
use super::gate::Dropped;

/// Largest request that is read, in bytes; a repository's blobs are the largest.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Answers every connection until the future is dropped.
pub(super) async fn serve(listener: TcpListener, outside: Arc<Outside>) -> Result<Infallible> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                connections.spawn(converse(stream, Arc::clone(&outside)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, outside: Arc<Outside>) {
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| respond(&outside, request));
    // The only errors are a peer that went away and a call that was dropped on purpose.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn respond(outside: &Outside, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Dropped> {
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
        let mut response = Response::new(Full::new(Bytes::new()));
        *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
        return Ok(response);
    };
    let request = Request::from_parts(head, body.to_bytes());
    let target = request
        .headers()
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    let name = target.map_or_else(
        || format!("{} {}", request.method(), request.uri().path()),
        str::to_owned,
    );
    let response = outside
        .gate
        .pass(&name, || answer(outside, target, &request))
        .await?;
    response.map(|response| response.map(Full::new)).ok_or(Dropped)
}

fn answer(outside: &Outside, target: Option<&str>, request: &Request<Bytes>) -> Option<Response<Bytes>> {
    if let Some(target) = target {
        let reply = outside
            .cloud
            .aws
            .answer_at(&outside.address, target, request.body());
        let mut response = Response::builder()
            .status(reply.status)
            .header("content-type", "application/x-amz-json-1.0");
        if let Some(code) = reply.query_error {
            response = response.header("x-amzn-query-error", code);
        }
        return response.body(Bytes::from(reply.body)).ok();
    }
    if let Some(key) = request.uri().path().strip_prefix("/effects/") {
        return Some(outside.effects.answer(request.method(), key));
    }
    match outside.sandbox.exchange(request) {
        Exchange::Answered(response) => Some(response),
        Exchange::Refused | Exchange::Lost => None,
    }
}
