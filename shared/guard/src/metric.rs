//! What the guard counts, as `tracing` events of one target: whoever wants the numbers subscribes to it.
//!
//! An event has the fields `metric` (a name from here), `of` (what it is split by: a stage, an answer, a reason) and
//! `value`.

/// Target of every counting event.
pub const TARGET: &str = "ratchet::metric";

/// Claims that found their work done; by stage.
pub const REPLAYS: &str = "Replays";
/// Questions to a provider whether an earlier attempt's effect is there; by answer: `found`, `absent`, `cannot_tell`.
pub const PROBES: &str = "Probes";
/// Work, or messages, put aside with a reason; by reason.
pub const PARKED: &str = "Parked";
/// Results that came after another attempt had taken over.
pub const LATE_RECEIPTS: &str = "LateReceipts";

/// Counts `value` of a metric.
pub fn count(metric: &'static str, of: &str, value: u64) {
    tracing::info!(target: TARGET, metric, of, value);
}
