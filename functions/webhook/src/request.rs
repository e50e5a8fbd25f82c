//! The first move: is this a request to a hook at all?

use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use ratchet_domain::limits::WEBHOOK_BODY_BYTES_MAX;

use crate::answer::Answer;

/// Who sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Zendesk Support.
    Zendesk,
    /// Intercom.
    Intercom,
    /// GitHub.
    Github,
}

impl Source {
    /// The name in paths, keys and settings.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Intercom => "intercom",
            Self::Github => "github",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Zendesk, Self::Intercom, Self::Github]
            .into_iter()
            .find(|source| source.as_str() == name)
    }
}

/// A request of the right shape, from anybody.
#[derive(Debug)]
pub(crate) struct Request {
    source: Source,
    org: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Request {
    /// Checks path, method, size and content type, in this order.
    ///
    /// # Errors
    /// The answer that ends it: 404, 405, 413, 415, or 200 to a `HEAD`.
    pub(crate) fn read(event: ApiGatewayV2httpRequest) -> Result<Self, Answer> {
        let path = event.raw_path.as_deref().unwrap_or_default();
        let (org, source) = hook(path).ok_or(Answer::NotFound)?;
        match event.request_context.http.method {
            Method::POST => {}
            Method::HEAD => return Err(Answer::Alive),
            _ => return Err(Answer::MethodNotAllowed),
        }
        let org = org.to_owned();
        let body = raw_bytes(event.body.unwrap_or_default(), event.is_base64_encoded)?;
        if !is_json(&event.headers) {
            return Err(Answer::UnsupportedContentType);
        }
        Ok(Self {
            source,
            org,
            headers: event.headers,
            body,
        })
    }

    /// Who claims to send it.
    pub(crate) fn source(&self) -> Source {
        self.source
    }

    /// The path's org, which may be anything.
    pub(crate) fn org(&self) -> &str {
        &self.org
    }

    /// A header's value, where it is text; `name` in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The bytes that were signed.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }
}

/// `/hooks/{org}/{provider}`.
fn hook(path: &str) -> Option<(&str, Source)> {
    let (org, provider) = path.strip_prefix("/hooks/")?.split_once('/')?;
    let source = Source::from_name(provider)?;
    (!org.is_empty()).then_some((org, source))
}

/// The body as it was on the wire: that is what the signature covers.
fn raw_bytes(text: String, is_base64: bool) -> Result<Vec<u8>, Answer> {
    let bytes = if is_base64 {
        STANDARD.decode(text).map_err(|_| Answer::BadRequest {
            reason: "body is not base64".to_owned(),
        })?
    } else {
        text.into_bytes()
    };
    if bytes.len() > WEBHOOK_BODY_BYTES_MAX {
        return Err(Answer::BodyTooLarge);
    }
    Ok(bytes)
}

/// `application/json`, with or without parameters: every vendor here sends it.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}
