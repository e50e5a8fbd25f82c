//! The Lambda Runtime API, version 2018-06-01: the process asks for work and posts what came of it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ratchet_guard::clock::Millis;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

const PREFIX: &str = "/2018-06-01/runtime/";

/// Largest response of a function, in bytes. Source: Lambda quotas, synchronous invocations.
const RESPONSE_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What a function answered.
#[derive(Debug)]
pub(super) enum Answer {
    Response(Bytes),
    Error(Bytes),
}

/// One event on its way to the process.
#[derive(Debug)]
pub(super) struct Invocation {
    pub(super) id: String,
    pub(super) function: String,
    pub(super) event: Bytes,
    pub(super) deadline_ms: Millis,
    pub(super) reply: Option<oneshot::Sender<Answer>>,
}

type Queue = Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>>;
type Open = Arc<Mutex<BTreeMap<String, oneshot::Sender<Answer>>>>;

/// Answers the process until the future is dropped.
pub(super) async fn serve(listener: TcpListener, queue: mpsc::UnboundedReceiver<Invocation>) {
    let queue = Arc::new(tokio::sync::Mutex::new(queue));
    let open = Open::default();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&queue), Arc::clone(&open)));
                }
                Err(_) => return,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, queue: Queue, open: Open) {
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| {
        let (queue, open) = (Arc::clone(&queue), Arc::clone(&open));
        async move { Ok::<_, Infallible>(respond(request, &queue, &open).await) }
    });
    // The process may go away at any time.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

async fn respond(request: Request<Incoming>, queue: &Queue, open: &Open) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let Some(path) = head.uri.path().strip_prefix(PREFIX) else {
        return answer(StatusCode::NOT_FOUND);
    };
    if (&head.method, path) == (&Method::GET, "invocation/next") {
        return next(queue, open).await;
    }
    let Ok(body) = Limited::new(body, RESPONSE_BYTES_MAX).collect().await else {
        return answer(StatusCode::PAYLOAD_TOO_LARGE);
    };
    let body = body.to_bytes();
    let parts: Vec<&str> = path.split('/').collect();
    match (&head.method, parts.as_slice()) {
        (&Method::POST, ["invocation", id, "response"]) => settle(open, id, Answer::Response(body)),
        (&Method::POST, ["invocation", id, "error"]) => settle(open, id, Answer::Error(body)),
        // The process says why it cannot start and then ends, which is seen.
        (&Method::POST, ["init", "error"]) => answer(StatusCode::ACCEPTED),
        _ => answer(StatusCode::NOT_FOUND),
    }
}

/// Waits for work. A process that goes away while it waits takes nothing with it.
async fn next(queue: &Queue, open: &Open) -> Response<Full<Bytes>> {
    let Some(mut invocation) = queue.lock().await.recv().await else {
        return answer(StatusCode::GONE);
    };
    if let Some(reply) = invocation.reply.take() {
        let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
        open.insert(invocation.id.clone(), reply);
    }
    let arn = format!(
        "arn:aws:lambda:eu-central-1:000000000000:function:{}",
        invocation.function
    );
    let response = Response::builder()
        .header("content-type", "application/json")
        .header("lambda-runtime-aws-request-id", &invocation.id)
        .header("lambda-runtime-deadline-ms", invocation.deadline_ms)
        .header("lambda-runtime-invoked-function-arn", arn)
        .header(
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000;Sampled=0",
        )
        .body(Full::new(invocation.event));
    response.unwrap_or_else(|_| answer(StatusCode::INTERNAL_SERVER_ERROR))
}

fn settle(open: &Open, id: &str, outcome: Answer) -> Response<Full<Bytes>> {
    let reply = open.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    match reply {
        // Whoever asked may have given up: a late answer is taken and dropped.
        Some(reply) => {
            drop(reply.send(outcome));
            answer(StatusCode::ACCEPTED)
        }
        None => answer(StatusCode::BAD_REQUEST),
    }
}

fn answer(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{}")));
    *response.status_mut() = status;
    response
}
