//! Times as the vendors write them.

use chrono::{DateTime, SecondsFormat};
use ratchet_guard::clock::Millis;

/// `2026-11-20T10:00:00Z`: whole seconds, cut off and not rounded.
pub(crate) fn seconds(at_ms: Millis) -> String {
    i64::try_from(at_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// `2026-11-20T10:00:00.123000000Z`.
pub(crate) fn nanoseconds(at_ms: Millis) -> String {
    i64::try_from(at_ms)
        .ok()
        .and_then(DateTime::from_timestamp_millis)
        .map_or_else(String::new, |at| at.to_rfc3339_opts(SecondsFormat::Nanos, true))
}

/// Reads RFC 3339 as milliseconds since the epoch.
pub(crate) fn parse(text: &str) -> Option<Millis> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .and_then(|at| Millis::try_from(at.timestamp_millis()).ok())
}
