//! Is this webhook from who it says it is: each vendor's scheme over the raw bytes, compared in constant time.
//!
//! Headers come through a lookup by lower-case name. The caller learns one thing, valid or not; why not is for a
//! metric, never for an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use hmac::{Hmac, KeyInit, Mac};
use ratchet_domain::limits::SIGNATURE_AGE_SECONDS_MAX;
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use thiserror::Error;

use crate::secret::Secret;

/// The webhook is not proved to be the vendor's. Every cause reads the same from outside.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("signature is not valid")]
pub struct SignatureError {
    reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reason {
    Missing,
    Malformed,
    Stale,
    Mismatch,
    NoSecret,
}

impl SignatureError {
    /// `missing`, `malformed`, `stale`, `mismatch` or `no_secret`: for a metric.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.reason {
            Reason::Missing => "missing",
            Reason::Malformed => "malformed",
            Reason::Stale => "stale",
            Reason::Mismatch => "mismatch",
            Reason::NoSecret => "no_secret",
        }
    }
}

fn refused(reason: Reason) -> SignatureError {
    SignatureError { reason }
}

/// Zendesk: `x-zendesk-webhook-signature` is the base64 of HMAC-SHA256 over timestamp and body, keyed with the secret's
/// own bytes (it looks like base64 and is not decoded). The timestamp may be 300 s off in either direction.
///
/// # Errors
/// [`SignatureError`] unless it verifies.
pub fn zendesk<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    secret: &Secret,
    now_ms: u64,
) -> Result<(), SignatureError> {
    let claimed = header("x-zendesk-webhook-signature").ok_or_else(|| refused(Reason::Missing))?;
    let timestamp =
        header("x-zendesk-webhook-signature-timestamp").ok_or_else(|| refused(Reason::Missing))?;
    let mac = sha256(secret, &[timestamp.as_bytes(), body])?;
    compare(&STANDARD.encode(mac), claimed)?;
    // Only a signed timestamp is worth reading.
    let signed_at = DateTime::parse_from_rfc3339(timestamp).map_err(|_| refused(Reason::Malformed))?;
    let off_ms = i128::from(signed_at.timestamp_millis()) - i128::from(now_ms);
    if off_ms.unsigned_abs() > u128::from(SIGNATURE_AGE_SECONDS_MAX.unsigned_abs()) * 1000 {
        return Err(refused(Reason::Stale));
    }
    Ok(())
}

/// Intercom: `x-hub-signature` is `sha1=` and the hex of HMAC-SHA1 over the body. It carries no time, so a repeat is
/// told by the event's id alone.
///
/// # Errors
/// [`SignatureError`] unless it verifies.
pub fn intercom<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    secret: &Secret,
) -> Result<(), SignatureError> {
    let claimed = header("x-hub-signature").ok_or_else(|| refused(Reason::Missing))?;
    let claimed = claimed
        .strip_prefix("sha1=")
        .ok_or_else(|| refused(Reason::Malformed))?;
    let mut mac = Hmac::<Sha1>::new_from_slice(key(secret)?).map_err(|_| refused(Reason::NoSecret))?;
    mac.update(body);
    compare(&hex::encode(mac.finalize().into_bytes()), claimed)
}

/// GitHub: `x-hub-signature-256` is `sha256=` and the hex of HMAC-SHA256 over the body. It carries no time; its events
/// are safe to repeat.
///
/// # Errors
/// [`SignatureError`] unless it verifies.
pub fn github<'h>(
    header: impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    secret: &Secret,
) -> Result<(), SignatureError> {
    let claimed = header("x-hub-signature-256").ok_or_else(|| refused(Reason::Missing))?;
    let claimed = claimed
        .strip_prefix("sha256=")
        .ok_or_else(|| refused(Reason::Malformed))?;
    compare(&hex::encode(sha256(secret, &[body])?), claimed)
}

/// The bytes of the secret. An empty one would let anybody sign.
fn key(secret: &Secret) -> Result<&[u8], SignatureError> {
    match secret.expose().as_bytes() {
        [] => Err(refused(Reason::NoSecret)),
        bytes => Ok(bytes),
    }
}

fn sha256(secret: &Secret, parts: &[&[u8]]) -> Result<Vec<u8>, SignatureError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key(secret)?).map_err(|_| refused(Reason::NoSecret))?;
    for part in parts {
        mac.update(part);
    }
    Ok(mac.finalize().into_bytes().to_vec())
}

/// Compares the texts, not the decoded bytes: two spellings of one signature are one too many.
fn compare(computed: &str, claimed: &str) -> Result<(), SignatureError> {
    if bool::from(computed.as_bytes().ct_eq(claimed.as_bytes())) {
        Ok(())
    } else {
        Err(refused(Reason::Mismatch))
    }
}

#[cfg(test)]
mod tests;
