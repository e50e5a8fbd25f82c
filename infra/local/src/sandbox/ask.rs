//! One request, taken apart.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use ratchet_guard::clock::Millis;
use serde_json::Value;

/// A request as a provider reads it: without host and prefix.
pub(crate) struct Ask<'a> {
    pub(crate) method: &'a str,
    /// The path's parts after the prefix, percent-decoded.
    pub(crate) segments: Vec<String>,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a [u8],
    /// What stands before the path in links of the answer: `https://api.github.com`,
    /// `http://127.0.0.1:4000/github`.
    pub(crate) base: String,
    /// The vendor's own host was asked, not a prefix of ours.
    pub(crate) own_host: bool,
    pub(crate) now_ms: Millis,
}

impl Ask<'_> {
    /// The path's parts, to match on.
    pub(crate) fn parts(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.param(name).and_then(|text| text.parse().ok())
    }

    /// The token of `Authorization: Bearer ..` or GitHub's older `token ..`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let value = self.header("authorization")?;
        value
            .strip_prefix("Bearer ")
            .or_else(|| value.strip_prefix("token "))
    }

    /// User and password of `Authorization: Basic ..`.
    pub(crate) fn basic(&self) -> Option<(String, String)> {
        let encoded = self.header("authorization")?.strip_prefix("Basic ")?;
        let text = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        text.split_once(':')
            .map(|(user, password)| (user.to_owned(), password.to_owned()))
    }

    /// The body as a JSON object.
    pub(crate) fn json(&self) -> Option<Value> {
        serde_json::from_slice::<Value>(self.body)
            .ok()
            .filter(Value::is_object)
    }
}
