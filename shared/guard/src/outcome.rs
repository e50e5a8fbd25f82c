//! What became of an effect. A timeout is not a failure: it is not knowing.

use std::fmt;

/// Why an effect did not simply succeed; for the row, the log and the next attempt. Never a body, never a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Why {
    /// One of a closed list of words, as `rate_limited`; it becomes the reason of a parked row.
    pub code: &'static str,
    /// Lower-case sentence that names what was wrong and where.
    pub detail: String,
    /// When the provider says to come back, in milliseconds from now.
    pub retry_after_ms: Option<u64>,
}

impl Why {
    /// A reason without a provider's word on when to come back.
    #[must_use]
    pub fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after_ms: None,
        }
    }

    /// The same, to be tried again after that many milliseconds.
    #[must_use]
    pub fn retry_after_ms(mut self, retry_after_ms: Option<u64>) -> Self {
        self.retry_after_ms = retry_after_ms;
        self
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// What one attempt at an effect came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    /// The provider applied it and said so.
    Done(T),
    /// The provider surely did not apply it, and another attempt may succeed.
    NotDone(Why),
    /// The provider surely did not apply it, since the intent's compare-and-set token is out of date; here is a fresh
    /// intent. It is recorded before it is sent.
    Stale(String),
    /// Nobody here can tell: a timeout, a 5xx, a lost reply.
    Unknown(Why),
    /// The provider surely did not apply it, and never will.
    Refused(Why),
}

/// What a probe found at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding<T> {
    /// The effect is there.
    Found(T),
    /// The effect is not there, by a list that reads its own writes.
    Absent,
    /// The probe could not be made.
    CannotTell(Why),
}
