//! How every client puts a request together, sends it and reads the answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chrono::DateTime;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use serde::de::DeserializeOwned;
use url::Url;

use crate::error::{Call, ProviderError};
use crate::secret::Secret;
use crate::transport::{AnswerBytesMax, Transport, TransportError};

/// Largest JSON answer that is read, in bytes. Reason: a page of 100 comments of 64 KB each, in three renderings.
const JSON_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Longest wait that a provider's answer may ask for, in milliseconds. Source: SQS hides a message for 12 h at most.
const WAIT_MS_MAX: u64 = 12 * 60 * 60 * 1000;

/// Longest cause of a transport failure that enters a message, in characters.
const CAUSE_CHARS_MAX: usize = 160;

const AGENT: &str = concat!("ratchet/", env!("CARGO_PKG_VERSION"));

/// The way out and the time of the call: what a client needs from the one who runs it.
#[derive(Clone, Copy)]
pub struct Wire<'a> {
    transport: &'a dyn Transport,
    now_ms: u64,
    limit_wait_ms: Option<u64>,
}

impl<'a> Wire<'a> {
    /// `now_ms` is the caller's clock, in milliseconds since 1970: it dates tokens and turns reset times into waits.
    #[must_use]
    pub fn new(transport: &'a dyn Transport, now_ms: u64) -> Self {
        Self {
            transport,
            now_ms,
            limit_wait_ms: None,
        }
    }

    /// How long to wait, in ms, after a limit whose answer names no time though its vendor asks for one.
    #[must_use]
    pub fn waiting(mut self, limit_wait_ms: u64) -> Self {
        self.limit_wait_ms = Some(limit_wait_ms);
        self
    }

    pub(crate) fn limit_wait_ms(&self) -> Option<u64> {
        self.limit_wait_ms
    }

    /// Milliseconds since 1970 by the caller's clock.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// One exchange. Any status that came back is a reply.
    pub(crate) async fn send(&self, draft: Draft) -> Result<Reply, ProviderError> {
        let Draft {
            call,
            mut request,
            problem,
            bytes_max,
        } = draft;
        if let Some(what) = problem {
            return Err(ProviderError::Unsendable { call, what });
        }
        request.extensions_mut().insert(AnswerBytesMax(bytes_max));
        let response = self.transport.send(request).await.map_err(|error| match error {
            TransportError::NotSent(cause) => ProviderError::NotSent {
                call,
                cause: without_addresses(&cause),
            },
            TransportError::Lost(cause) => ProviderError::Lost {
                call,
                cause: without_addresses(&cause),
            },
            TransportError::TooLarge(limit) => ProviderError::TooLarge {
                call,
                what: "bytes",
                limit: limit as u64,
            },
        })?;
        let (parts, body) = response.into_parts();
        if body.len() > bytes_max {
            return Err(ProviderError::TooLarge {
                call,
                what: "bytes",
                limit: bytes_max as u64,
            });
        }
        Ok(Reply {
            call,
            status: parts.status.as_u16(),
            headers: parts.headers,
            body,
            now_ms: self.now_ms,
        })
    }
}

/// Addresses may carry tokens in their query, so no message holds one.
fn without_addresses(cause: &str) -> String {
    let words = cause
        .split_whitespace()
        .map(|word| if word.contains("://") { "[address]" } else { word });
    words
        .collect::<Vec<_>>()
        .join(" ")
        .chars()
        .take(CAUSE_CHARS_MAX)
        .collect()
}

/// A request in the making; the first thing that cannot be built is remembered and told when it is sent.
pub(crate) struct Draft {
    call: Call,
    request: Request<Bytes>,
    problem: Option<&'static str>,
    bytes_max: usize,
}

impl Draft {
    pub(crate) fn new(call: Call, method: Method, url: &Url) -> Self {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        let mut problem = None;
        match url.as_str().parse() {
            Ok(uri) => *request.uri_mut() = uri,
            Err(_) => problem = Some("address"),
        }
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Self {
            call,
            request,
            problem,
            bytes_max: JSON_BYTES_MAX,
        }
    }

    pub(crate) fn get(call: Call, url: &Url) -> Self {
        Self::new(call, Method::GET, url)
    }

    /// A body of JSON, sent byte for byte.
    pub(crate) fn json(mut self, body: impl Into<Bytes>) -> Self {
        self.request.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        *self.request.body_mut() = body.into();
        self
    }

    pub(crate) fn header(self, name: HeaderName, value: &str) -> Self {
        self.put(name, value, false)
    }

    /// A header whose value loggers must not show.
    pub(crate) fn secret_header(self, name: HeaderName, value: &str) -> Self {
        self.put(name, value, true)
    }

    pub(crate) fn bearer(self, token: &Secret) -> Self {
        self.secret_header(AUTHORIZATION, &format!("Bearer {}", token.expose()))
    }

    pub(crate) fn basic(self, user: &str, password: &Secret) -> Self {
        let pair = STANDARD.encode(format!("{user}:{}", password.expose()));
        self.secret_header(AUTHORIZATION, &format!("Basic {pair}"))
    }

    pub(crate) fn bytes_max(mut self, bytes_max: usize) -> Self {
        self.bytes_max = bytes_max;
        self
    }

    fn put(mut self, name: HeaderName, value: &str, secret: bool) -> Self {
        match HeaderValue::from_str(value) {
            Ok(mut value) => {
                value.set_sensitive(secret);
                self.request.headers_mut().insert(name, value);
            }
            Err(_) => self.problem = Some(if secret { "secret" } else { "header" }),
        }
        self
    }
}

/// An address under `base`: segments and query values are escaped, so that none can lead elsewhere.
pub(crate) fn endpoint(
    call: Call,
    base: &str,
    segments: &[&str],
    query: &[(&str, &str)],
) -> Result<Url, ProviderError> {
    let unsendable = |what| ProviderError::Unsendable { call, what };
    let mut url = Url::parse(base).map_err(|_| unsendable("base url"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(unsendable("base url"));
    }
    if segments.iter().any(|segment| matches!(*segment, "" | "." | "..")) {
        return Err(unsendable("path"));
    }
    url.path_segments_mut()
        .map_err(|()| unsendable("base url"))?
        .pop_if_empty()
        .extend(segments);
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

/// The body of a request whose fields are ours alone. Such a value always serializes: it has no map with other keys
/// than strings and no number that JSON cannot hold.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Whatever came back, with its status not yet judged.
pub(crate) struct Reply {
    pub(crate) call: Call,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    now_ms: u64,
}

impl Reply {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.header(name)?.trim().parse().ok()
    }

    /// The body as `T`; the error says where it fails, without the text.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ProviderError> {
        serde_json::from_slice(&self.body).map_err(|error| {
            self.malformed(format!(
                "expected fields at line=`{}` column=`{}`",
                error.line(),
                error.column()
            ))
        })
    }

    /// The body as any JSON, or null: for reading an error's code out of what may be a proxy's page.
    pub(crate) fn any_json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or(serde_json::Value::Null)
    }

    pub(crate) fn malformed(&self, what: impl Into<String>) -> ProviderError {
        ProviderError::Malformed {
            call: self.call,
            what: what.into(),
        }
    }

    /// The wait of `retry-after`, in seconds or as a date.
    pub(crate) fn retry_after_ms(&self) -> Option<u64> {
        let text = self.header(RETRY_AFTER.as_str())?.trim();
        if let Ok(seconds) = text.parse::<u64>() {
            return Some(seconds.saturating_mul(1000).min(WAIT_MS_MAX));
        }
        let date = DateTime::parse_from_rfc2822(text).ok()?;
        Some(self.wait_until_ms(u64::try_from(date.timestamp_millis()).ok()?))
    }

    /// The wait until a header's time in seconds since 1970.
    pub(crate) fn reset_ms(&self, name: &str) -> Option<u64> {
        Some(self.wait_until_ms(self.number(name)?.saturating_mul(1000)))
    }

    pub(crate) fn wait_until_ms(&self, at_ms: u64) -> u64 {
        at_ms.saturating_sub(self.now_ms).min(WAIT_MS_MAX)
    }

    /// The meaning that HTTP gives to a status; clients ask it after the vendor's own exceptions.
    pub(crate) fn failure(&self, code: String) -> ProviderError {
        let Self { call, status, .. } = *self;
        match status {
            401 => ProviderError::Unauthorized { call, status },
            402 => ProviderError::SpendLimit { call, status },
            403 => ProviderError::Forbidden { call, status },
            404 | 410 => ProviderError::NotFound { call, status },
            409 => ProviderError::Conflict { call, status },
            429 => ProviderError::RateLimited {
                call,
                status,
                retry_after_ms: self.retry_after_ms(),
            },
            // 408 is sent by servers and by whatever stands before them; it does not say what was done.
            408 | 500..=599 => ProviderError::Unavailable {
                call,
                status,
                retry_after_ms: self.retry_after_ms(),
            },
            400..=499 => ProviderError::Rejected { call, status, code },
            _ => ProviderError::Unexpected { call, status, code },
        }
    }
}

/// An id that vendors write as a number here and as a string there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(from = "IdForm")]
pub(crate) struct Id(pub(crate) String);

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum IdForm {
    Number(u64),
    Text(String),
}

impl From<IdForm> for Id {
    fn from(form: IdForm) -> Self {
        match form {
            IdForm::Number(number) => Self(number.to_string()),
            IdForm::Text(text) => Self(text),
        }
    }
}

#[cfg(test)]
mod tests;
