//! Structured logs and metrics: one JSON object a line, with fixed fields and never a body, a secret or a customer's word.

use std::str::FromStr;
use std::sync::Arc;

use ratchet_guard::clock::{Clock, SystemClock};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::Env;
use crate::metric;

/// Words for how severe a line must be to be logged.
pub const LEVELS: &str = "one of error, warn, info, debug, trace";

/// The least severe line that is logged.
#[derive(Debug, Clone, Copy)]
pub struct Level(LevelFilter);

impl Default for Level {
    fn default() -> Self {
        Self(LevelFilter::INFO)
    }
}

impl FromStr for Level {
    type Err = ();

    /// Exactly a word of [`LEVELS`]: the filter's own reading also takes numbers and `off`.
    fn from_str(word: &str) -> Result<Self, ()> {
        Ok(Self(match word {
            "error" => LevelFilter::ERROR,
            "warn" => LevelFilter::WARN,
            "info" => LevelFilter::INFO,
            "debug" => LevelFilter::DEBUG,
            "trace" => LevelFilter::TRACE,
            _ => return Err(()),
        }))
    }
}

/// Starts the log at `LOG_LEVEL` (`error`, `warn`, `info`, `debug`, `trace`; `info` unless said), and the metrics beside
/// it at every level.
/// A second start in one process changes nothing.
pub fn start(env: &Env) {
    let word = env.get("LOG_LEVEL").and_then(|word| word.parse().ok());
    let Level(level) = word.unwrap_or_default();
    let log = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_target(false)
        // CloudWatch stamps every line with its own time.
        .without_time()
        .with_filter(filter_fn(move |event| {
            event.target() != metric::TARGET && *event.level() <= level
        }));
    let counts = Counts::to(|line| println!("{line}"), Arc::new(SystemClock));
    let started = tracing_subscriber::registry().with(log).with(counts).try_init();
    if started.is_err() {
        tracing::debug!("the log was started before");
    }
}

/// Turns counting events into lines of CloudWatch's embedded metric format.
pub struct Counts<W> {
    write: W,
    clock: Arc<dyn Clock>,
}

impl<W: Fn(String) + 'static> Counts<W> {
    /// Hands every line to `write`, stamped by `clock`.
    pub fn to(write: W, clock: Arc<dyn Clock>) -> Self {
        Self { write, clock }
    }
}

impl<S: Subscriber, W: Fn(String) + 'static> Layer<S> for Counts<W> {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() != metric::TARGET {
            return;
        }
        let mut count = Count::default();
        event.record(&mut count);
        if let Some(line) = metric::line(&count.metric, &count.of, count.value, self.clock.now_ms()) {
            (self.write)(line);
        }
    }
}

impl<W> std::fmt::Debug for Counts<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Counts")
    }
}

/// The fields of a counting event.
#[derive(Default)]
struct Count {
    metric: String,
    of: String,
    value: u64,
}

impl Visit for Count {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "metric" => value.clone_into(&mut self.metric),
            "of" => value.clone_into(&mut self.of),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "value" {
            self.value = value;
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use ratchet_guard::clock::ManualClock;

    use super::*;

    #[test]
    fn a_counting_event_becomes_one_line_and_a_log_line_none() {
        let lines: Arc<Mutex<Vec<String>>> = Arc::default();
        let write = {
            let lines = Arc::clone(&lines);
            move |line| lines.lock().unwrap_or_else(PoisonError::into_inner).push(line)
        };
        let counts = Counts::to(write, Arc::new(ManualClock::at(7)));
        let subscriber = tracing_subscriber::registry().with(counts);
        tracing::subscriber::with_default(subscriber, || {
            metric::count(metric::PROBES, "found", 1);
            tracing::info!(metric = "Probes", value = 1, "a log line");
        });
        let lines = lines.lock().unwrap();
        assert_eq!(lines.len(), 1);
        assert!(lines[0].contains("\"answer\":\"found\""), "{}", lines[0]);
    }
}
