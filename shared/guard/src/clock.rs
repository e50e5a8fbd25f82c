//! Time and freshness, handed in: nothing in a step may read a clock or make a random.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// Says what time it is. Leases are compared with it; correctness never rests on it alone.
pub trait Clock: Send + Sync {
    /// Now, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> Millis;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the wall clock"
    )]
    fn now_ms(&self) -> Millis {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

/// A clock that stands still until it is told to move: for tests and searches.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn at(now_ms: Millis) -> Self {
        Self(AtomicU64::new(now_ms))
    }

    /// Moves it to `now_ms`, also backwards.
    pub fn set(&self, now_ms: Millis) {
        self.0.store(now_ms, Ordering::SeqCst);
    }

    /// Moves it on by `by_ms`.
    pub fn advance(&self, by_ms: Millis) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }
}

/// Makes a token that no other attempt ever makes.
///
/// It marks one write, so that a resend of that write is known from another's; it never enters a key.
pub trait AttemptIds: Send + Sync {
    /// A fresh token.
    fn fresh(&self) -> String;
}

/// Random UUIDs.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomAttemptIds;

impl AttemptIds for RandomAttemptIds {
    #[expect(
        clippy::disallowed_methods,
        reason = "attempt ids must differ between processes, and enter no key"
    )]
    fn fresh(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// Counts up from a prefix: the same run makes the same ids.
#[derive(Debug)]
pub struct CountedAttemptIds {
    prefix: String,
    next: AtomicU64,
}

impl CountedAttemptIds {
    /// Ids `<prefix>-1`, `<prefix>-2` and so on; no two makers alive at once may share a prefix.
    #[must_use]
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            next: AtomicU64::new(1),
        }
    }
}

impl AttemptIds for CountedAttemptIds {
    fn fresh(&self) -> String {
        format!("{}-{}", self.prefix, self.next.fetch_add(1, Ordering::SeqCst))
    }
}
