//! The providers' door: one HTTP client, bounded by its own timeout and by the invocation's deadline.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use ratchet_guard::clock::{Clock, Millis};
use ratchet_providers::transport::{AnswerBytesMax, Transport, TransportError};

/// Largest answer that is read, in bytes. Reason: the function's memory; a repository's archive is the largest.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A request's time limit, among its extensions: from [`Deadlined`] to [`HttpTransport`].
#[derive(Debug, Clone, Copy)]
struct TimeLimit(Duration);

/// The part of an invocation's remaining time that no request may use: room for the seal and the pass.
const RESERVE_PART: u64 = 8;

/// The process's one HTTP client: rustls with ring, no redirects, no retries of its own, the system's certificates.
#[must_use]
pub(crate) fn client() -> reqwest::Client {
    // A second process-wide installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .build()
        .unwrap_or_default()
}

/// The providers over HTTP.
#[derive(Debug, Clone)]
pub struct HttpTransport(reqwest::Client);

impl HttpTransport {
    /// A transport with a client of its own.
    #[must_use]
    pub fn new() -> Self {
        Self(client())
    }
}

impl Default for HttpTransport {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Transport for HttpTransport {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let (parts, body) = request.into_parts();
        let bytes_max = parts
            .extensions
            .get::<AnswerBytesMax>()
            .map_or(ANSWER_BYTES_MAX, |limit| limit.0);
        let mut request = self
            .0
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(body);
        if let Some(TimeLimit(limit)) = parts.extensions.get::<TimeLimit>() {
            request = request.timeout(*limit);
        }
        let mut answer = request.send().await.map_err(|error| told(&error))?;
        let mut out = http::Response::builder().status(answer.status());
        if let Some(headers) = out.headers_mut() {
            headers.extend(answer.headers().clone());
        }
        let mut collected = BytesMut::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| told(&error))? {
            if collected.len() + chunk.len() > bytes_max {
                return Err(TransportError::TooLarge(bytes_max));
            }
            collected.extend_from_slice(&chunk);
        }
        out.body(collected.freeze())
            .map_err(|_| TransportError::Lost("answer is not HTTP".to_owned()))
    }
}

/// A refused connection and an address that does not resolve surely sent nothing; everything else may have.
fn told(error: &reqwest::Error) -> TransportError {
    if error.is_connect() || error.is_builder() {
        return TransportError::NotSent("no connection".to_owned());
    }
    TransportError::Lost(
        if error.is_timeout() {
            "timeout"
        } else {
            "connection broke"
        }
        .to_owned(),
    )
}

/// A transport within one invocation: it sends nothing that could not be answered before the invocation ends.
///
/// The check stands as close to the socket as it can: an attempt that was paused past its deadline and wakes up sends
/// nothing more.
#[derive(Clone)]
pub struct Deadlined {
    inner: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
    deadline_ms: Millis,
    timeout_ms: u64,
}

impl Deadlined {
    /// `inner` for an invocation that ends at `deadline_ms`; no request waits longer than `timeout_ms`.
    #[must_use]
    pub fn new(
        inner: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        deadline_ms: Millis,
        timeout_ms: u64,
    ) -> Self {
        Self {
            inner,
            clock,
            deadline_ms,
            timeout_ms,
        }
    }
}

#[async_trait]
impl Transport for Deadlined {
    async fn send(&self, mut request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let left_ms = self.deadline_ms.saturating_sub(self.clock.now_ms());
        let timeout_ms = self.timeout_ms.min(left_ms - left_ms / RESERVE_PART);
        if timeout_ms == 0 {
            return Err(TransportError::NotSent(
                "the invocation's time is over".to_owned(),
            ));
        }
        request
            .extensions_mut()
            .insert(TimeLimit(Duration::from_millis(timeout_ms)));
        self.inner.send(request).await
    }
}

impl std::fmt::Debug for Deadlined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deadlined")
            .field("deadline_ms", &self.deadline_ms)
            .field("timeout_ms", &self.timeout_ms)
            .finish_non_exhaustive()
    }
}
