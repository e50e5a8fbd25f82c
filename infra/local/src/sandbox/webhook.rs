//! Signed webhooks, as the vendors send them.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// One webhook request: headers (lower-case names) and the exact signed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Header names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body that was signed.
    pub body: Bytes,
}

impl Delivery {
    /// The same request with one byte of the body changed after signing.
    #[must_use]
    pub fn tampered(mut self) -> Self {
        let mut body = self.body.to_vec();
        if let Some(last) = body.last_mut() {
            *last ^= 1;
        }
        self.body = Bytes::from(body);
        self
    }
}

/// Zendesk's signature: base64 of HMAC-SHA256 over timestamp and body, nothing between. The key is the
/// secret's own text, which looks like base64 and is not decoded.
#[must_use]
pub fn zendesk_signature(secret: &str, timestamp: &str, body: &[u8]) -> String {
    STANDARD.encode(hmac_sha256(secret.as_bytes(), &[timestamp.as_bytes(), body]))
}

/// GitHub's `X-Hub-Signature-256`: `sha256=` and the hex of HMAC-SHA256 over the body.
#[must_use]
pub fn github_signature(secret: &str, body: &[u8]) -> String {
    format!("sha256={}", hex::encode(hmac_sha256(secret.as_bytes(), &[body])))
}

fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // HMAC takes keys of every length, so the error cannot happen; no signature is the safe answer if it
    // does.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else {
        return Vec::new();
    };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zendesk_vectors_hold() {
        let secret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
        let at = "2021-03-25T05:09:27Z";
        let body = br#"{"event":"ticket.updated","id":123}"#;
        assert_eq!(
            zendesk_signature(secret, at, body),
            "S/RDdU2ERmj7LHDDoWJ2onPYH+t7/f2+LTM4dL7UiLM="
        );
        assert_eq!(
            zendesk_signature(secret, at, b""),
            "wCdBvXaHttn0wRVIYctzZ9O6O0bnqWakJMEKZ9VoRWw="
        );
    }

    #[test]
    fn the_github_vector_holds() {
        assert_eq!(
            github_signature("It's a Secret to Everybody", b"Hello, World!"),
            "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        );
    }
}
