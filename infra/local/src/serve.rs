//! Both services over HTTP, for functions that run as processes and for tools.
//!
//! One port speaks for both: the SDK names the service in each request. A choke hangs on a listener, not on a
//! request, so that each process that is to be told apart gets its own port.

#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ratchet_guard::clock::{Clock, SystemClock};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::aws::{Aws, Broken, Call, Choke, Next, Reply};

/// Largest request that is read, in bytes. Source: DynamoDB quotas, the larger of the two.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The account behind a listener.
#[derive(Debug, Clone)]
struct Front {
    aws: Aws,
    choke: Option<Arc<dyn Choke>>,
    requests: Arc<AtomicU64>,
}

/// The answer does not come; the connection closes in its place.
#[derive(Debug, Error)]
#[error("the answer is withheld: {0}")]
struct Withheld(Broken);

/// Answers every connection of the listener until the future is dropped; its connections end with it.
///
/// # Errors
/// Where the listener itself fails.
pub async fn serve(listener: TcpListener, aws: Aws, choke: Option<Arc<dyn Choke>>) -> io::Result<Infallible> {
    let front = Front {
        aws,
        choke,
        requests: Arc::default(),
    };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                connections.spawn(converse(stream, front.clone()));
            }
            // Finished ones are taken out, so that the set does not grow.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, front: Front) {
    // Small answers in two segments would wait for each other.
    drop(stream.set_nodelay(true));
    let service = service_fn(|request| front.respond(request));
    // The only errors are a peer that went away and an answer that was withheld.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

impl Front {
    async fn respond(&self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Withheld> {
        let (head, body) = request.into_parts();
        if head.method == Method::GET {
            return Ok(plain(StatusCode::OK, "healthy"));
        }
        let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
        let (&Method::POST, Some(target)) = (&head.method, header("x-amz-target")) else {
            return Ok(plain(StatusCode::NOT_FOUND, "POST a request of AWS JSON 1.0"));
        };
        let base_url = format!("http://{}", header("host").unwrap_or("127.0.0.1"));
        let Ok(body) = Limited::new(body, BODY_BYTES_MAX).collect().await else {
            return Ok(plain(
                StatusCode::PAYLOAD_TOO_LARGE,
                "the body is too large or was not sent whole",
            ));
        };
        let next = self.aws.next(&base_url, target, body.to_bytes());
        let reply = match (&self.choke, next.call(header("amz-sdk-request"))) {
            (Some(choke), Some(call)) => choke.around(&call, next).await.map_err(Withheld)?,
            (None, Some(call)) if call.operation == "ReceiveMessage" => self.receive(&call, &next).await,
            _ => next.apply(),
        };
        Ok(self.printed(reply))
    }

    /// Waits for a message as long as the request asks.
    async fn receive(&self, call: &Call, next: &Next) -> Reply {
        let wait = Duration::from_secs(self.aws.sqs.wait_seconds(&call.body).into());
        let queue = call.resources();
        let arrival = async {
            loop {
                let changed = self.aws.sqs.changed();
                let reply = next.apply();
                if reply.body != "{}" {
                    return reply;
                }
                let due_ms = self.aws.sqs.next_due_ms(queue.iter().map(String::as_str));
                let until_due = due_ms.map_or(wait, |due_ms| {
                    Duration::from_millis(due_ms.saturating_sub(SystemClock.now_ms()).max(1))
                });
                // Whichever comes first, the next look tells.
                drop(tokio::time::timeout(until_due, changed).await);
            }
        };
        let none = || Reply::ok("{}".to_owned());
        tokio::time::timeout(wait, arrival)
            .await
            .unwrap_or_else(|_| none())
    }

    fn printed(&self, reply: Reply) -> Response<Full<Bytes>> {
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::builder()
            .status(reply.status)
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "x-amzn-requestid",
                format!("00000000-0000-4000-8000-{number:012x}"),
            );
        if let Some(code) = reply.query_error {
            response = response.header("x-amzn-query-error", code);
        }
        let body = Full::new(Bytes::from(reply.body));
        response
            .body(body)
            .unwrap_or_else(|_| plain(StatusCode::INTERNAL_SERVER_ERROR, "unprintable answer"))
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
