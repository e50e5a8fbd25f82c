//! One order's life, as a person wants to see it.

use ratchet_guard::clock::Millis;
use ratchet_guard::{Record, Standing};

/// A line for each step: its state, the provider's id, what may happen next, and the key that marks its effect.
pub fn life(subject: &str, records: &[Record], now_ms: Millis) -> String {
    let lines = records.iter().map(|record| {
        let id = record.external_id.as_deref().unwrap_or("-");
        format!(
            "  {:<12} {:<8} {id:<8} {:<44} {}\n",
            record.key.step(),
            record.state.as_str(),
            next(record, now_ms),
            record.key.effect(),
        )
    });
    format!("{subject}\n{}", lines.collect::<String>())
}

fn next(record: &Record, now_ms: Millis) -> String {
    let seconds = |at_ms: Millis| at_ms.saturating_sub(now_ms).div_ceil(1000);
    match record.standing(now_ms) {
        Standing::Done => "done: running it again changes nothing".to_owned(),
        Standing::Held { until_ms } => format!("held: safe to retry in {} s", seconds(until_ms)),
        Standing::Retryable { asks_first: true, .. } => "retryable: repeats its key or asks first".to_owned(),
        Standing::Retryable { .. } => "retryable: nothing can have been sent".to_owned(),
        Standing::Waits { until_ms } => format!("waits: retried in {} s", seconds(until_ms)),
        Standing::NeedsReview { reason } => format!("needs review: {reason}"),
        Standing::Closed => "closed by a person".to_owned(),
        Standing::LateReceipt => "late receipt: compare it with the provider".to_owned(),
    }
}
