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

impl<T> Outcome<T> {
    /// What an HTTP answer's status says about the effect; `receipt` reads the answer of one that is done.
    ///
    /// | Status | Outcome |
    /// |---|---|
    /// | 2xx | done; unknown when the answer does not read as a receipt |
    /// | 425, 429 | not done; `retry_after_ms` is the provider's own word |
    /// | 408, 409, 3xx, 5xx | unknown: it may have been applied, or may be under way |
    /// | any other 4xx | refused |
    ///
    /// A provider that means something else by a status says so before this is asked.
    pub fn of_status(status: u16, retry_after_ms: Option<u64>, receipt: impl FnOnce() -> Option<T>) -> Self {
        let why = |code| Why::new(code, format!("provider answered status=`{status}`"));
        match status {
            200..=299 => receipt().map_or_else(|| Self::Unknown(why("answer_unreadable")), Self::Done),
            425 | 429 => Self::NotDone(why("not_now").retry_after_ms(retry_after_ms)),
            400..=499 if status != 408 && status != 409 => Self::Refused(why("rejected")),
            _ => Self::Unknown(why("answer_unclear").retry_after_ms(retry_after_ms)),
        }
    }

    /// No answer came, and the request may have landed.
    #[must_use]
    pub fn no_answer() -> Self {
        Self::Unknown(Why::new("answer_lost", "no answer came"))
    }
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

impl<T> Finding<T> {
    /// The word that it is counted by.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Absent => "absent",
            Self::CannotTell(_) => "cannot_tell",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_one_meaning() {
        let meaning = |status| match Outcome::of_status(status, Some(7), || Some(())) {
            Outcome::Done(()) => "done",
            Outcome::NotDone(why) => {
                assert_eq!(why.retry_after_ms, Some(7));
                "not done"
            }
            Outcome::Stale(_) => "stale",
            Outcome::Unknown(_) => "unknown",
            Outcome::Refused(_) => "refused",
        };
        for (statuses, expected) in [
            (&[200, 201, 204, 299][..], "done"),
            (&[425, 429], "not done"),
            (&[100, 302, 408, 409, 500, 502, 503, 504, 599], "unknown"),
            (&[400, 401, 403, 404, 410, 422], "refused"),
        ] {
            for status in statuses {
                assert_eq!(meaning(*status), expected, "{status}");
            }
        }
        let unreadable: Outcome<()> = Outcome::of_status(200, None, || None);
        assert!(matches!(unreadable, Outcome::Unknown(why) if why.code == "answer_unreadable"));
    }
}
