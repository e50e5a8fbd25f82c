//! Answers, built without a way to fail.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::Value;

/// An answer of any provider, small enough to be an early return.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Bytes,
}

impl Reply {
    /// As HTTP; a value that no header may hold is left out.
    pub(crate) fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response
                    .headers_mut()
                    .insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// A JSON body.
pub(crate) fn json(status: u16, body: &Value) -> Reply {
    bytes(
        status,
        "application/json; charset=utf-8",
        Bytes::from(body.to_string()),
    )
}

/// A plain text body.
pub(crate) fn text(status: u16, body: &str) -> Reply {
    bytes(status, "text/plain; charset=utf-8", Bytes::from(body.to_owned()))
}

/// Any body.
pub(crate) fn bytes(status: u16, content_type: &str, body: Bytes) -> Reply {
    Reply {
        status,
        headers: vec![("content-type", content_type.to_owned())],
        body,
    }
}

/// The same answer with one more header; the name is in lower case.
pub(crate) fn with(mut reply: Reply, name: &'static str, value: &str) -> Reply {
    reply.headers.push((name, value.to_owned()));
    reply
}
