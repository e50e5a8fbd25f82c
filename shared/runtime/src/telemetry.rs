//! Structured logs: one JSON object a line, with fixed fields and never a body, a secret or a customer's word.

use tracing::level_filters::LevelFilter;

use crate::config::Env;

/// Starts the log at `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`; `info` unless said).
/// A second start in one process changes nothing.
pub fn start(env: &Env) {
    let level = env
        .get("LOG_LEVEL")
        .and_then(|word| word.parse().ok())
        .unwrap_or(LevelFilter::INFO);
    let started = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        // CloudWatch stamps every line with its own time.
        .without_time()
        .with_max_level(level)
        .try_init();
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}
