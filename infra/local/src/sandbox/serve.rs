//! The sandbox over HTTP: `http://127.0.0.1:PORT/zendesk`, `/github`, `/slack`, `/anthropic`; and
//! `/people` for what is done by hand.

use std::convert::Infallible;
use std::io;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::{Exchange, Sandbox, reply};

/// Largest request that is read, in bytes; the real ones carry blobs of less.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Answers every connection of the listener until the future is dropped; its connections end with it.
/// A request whose fault loses the answer gets its connection closed instead, as from a provider that died.
///
/// # Errors
/// Where the listener itself fails.
pub async fn serve(listener: TcpListener, sandbox: Sandbox) -> io::Result<Infallible> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted?;
                connections.spawn(converse(stream, sandbox.clone()));
            }
            // Finished ones are taken out, so that the set does not grow.
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, sandbox: Sandbox) {
    let service = service_fn(|request| respond(request, &sandbox));
    // The only errors are a peer that went away and an answer that was lost on purpose.
    drop(
        http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service)
            .await,
    );
}

/// An answer that does not come.
#[derive(Debug, thiserror::Error)]
#[error("the answer is lost on purpose")]
struct Silence;

async fn respond(
    request: http::Request<Incoming>,
    sandbox: &Sandbox,
) -> Result<http::Response<Full<Bytes>>, Silence> {
    let (head, body) = request.into_parts();
    let response = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Err(_) => reply::text(413, "the body is too large or was not sent whole").into_response(),
        Ok(body) => {
            let request = http::Request::from_parts(head, body.to_bytes());
            match sandbox.by_hand(&request) {
                Some(response) => response,
                None => match sandbox.exchange(&request) {
                    Exchange::Answered(response) => response,
                    Exchange::Refused | Exchange::Lost => return Err(Silence),
                },
            }
        }
    };
    Ok(response.map(Full::new))
}
