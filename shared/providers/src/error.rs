//! What a provider's answer means for the effect that was asked of it.

use std::fmt;

use thiserror::Error;

/// Which call it was: a provider and one of its operations, for messages, logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// `zendesk`, `github`, ..
    pub provider: &'static str,
    /// `post comment`, `create pull`, ..
    pub operation: &'static str,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.provider, self.operation)
    }
}

/// Why a call brought no usable answer.
///
/// Two questions decide what comes next, and they are independent: [`is_retryable`](Self::is_retryable) and
/// [`has_no_side_effects`](Self::has_no_side_effects). A refused connection and a lost answer are both worth another
/// try, but only the first is surely free of effects. What is not known counts as having had effects.
///
/// Messages name provider, operation and status; they never hold a body, an address or a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProviderError {
    /// The request could not be built from the settings or the arguments.
    #[error("{call}: request cannot be built, check `{what}`")]
    Unsendable {
        /// The call.
        call: Call,
        /// Which part: `base url`, `header`, `path`, `private key`.
        what: &'static str,
    },
    /// The provider surely saw nothing.
    #[error("{call}: request was not sent cause=`{cause}`")]
    NotSent {
        /// The call.
        call: Call,
        /// The transport's words, without addresses.
        cause: String,
    },
    /// The request left and no answer came.
    #[error("{call}: answer was lost cause=`{cause}`")]
    Lost {
        /// The call.
        call: Call,
        /// The transport's words, without addresses.
        cause: String,
    },
    /// Too many requests; refused before anything was done.
    #[error("{call}: rate limited status=`{status}`")]
    RateLimited {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
        /// Wait that the provider asks for.
        retry_after_ms: Option<u64>,
    },
    /// The account's money or its spending cap is used up; waiting does not help.
    #[error("{call}: spending limit of the account is reached status=`{status}`")]
    SpendLimit {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// The credentials are not accepted.
    #[error("{call}: credentials are refused status=`{status}`")]
    Unauthorized {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// The credentials do not allow it.
    #[error("{call}: not permitted status=`{status}`")]
    Forbidden {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// Absent, or hidden from these credentials.
    #[error("{call}: not found status=`{status}`")]
    NotFound {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// The object changed since it was read: the provider's compare-and-set refused.
    #[error("{call}: object has changed since it was read status=`{status}`")]
    Conflict {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// What was to be created exists; it may be ours.
    #[error("{call}: already exists status=`{status}`")]
    AlreadyExists {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// A pull request would be empty: head and base do not differ.
    #[error("{call}: no commits between base and head status=`{status}`")]
    NoCommits {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// The repository has no commit.
    #[error("{call}: repository is empty status=`{status}`")]
    EmptyRepository {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
    },
    /// The request is refused as it stands.
    #[error("{call}: refused status=`{status}` code=`{code}`")]
    Rejected {
        /// The call.
        call: Call,
        /// HTTP status; 200 where a provider refuses inside the body.
        status: u16,
        /// The provider's machine-readable code, or empty.
        code: String,
    },
    /// The provider failed, in time or in substance.
    #[error("{call}: provider failed status=`{status}`")]
    Unavailable {
        /// The call.
        call: Call,
        /// HTTP status; 200 where a provider fails inside the body.
        status: u16,
        /// Wait that the provider asks for.
        retry_after_ms: Option<u64>,
    },
    /// An answer that the provider is not known to give.
    #[error("{call}: answer is not understood status=`{status}` code=`{code}`")]
    Unexpected {
        /// The call.
        call: Call,
        /// HTTP status.
        status: u16,
        /// The provider's machine-readable code, or empty.
        code: String,
    },
    /// A success whose body does not hold what it must.
    #[error("{call}: answer does not parse, {what}")]
    Malformed {
        /// The call.
        call: Call,
        /// Where it fails, without the text itself.
        what: String,
    },
    /// More than is read in one go.
    #[error("{call}: answer is over the limit what=`{what}` limit=`{limit}`")]
    TooLarge {
        /// The call.
        call: Call,
        /// What is too much: `bytes`, `files`, `pages`.
        what: &'static str,
        /// The limit that it exceeds.
        limit: u64,
    },
}

impl ProviderError {
    /// Whether the same call may succeed later without anybody mending anything.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::NotSent { .. }
            | Self::Lost { .. }
            | Self::RateLimited { .. }
            | Self::Conflict { .. }
            | Self::Unavailable { .. }
            | Self::Unexpected { .. }
            | Self::Malformed { .. } => true,
            Self::Unsendable { .. }
            | Self::SpendLimit { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::AlreadyExists { .. }
            | Self::NoCommits { .. }
            | Self::EmptyRepository { .. }
            | Self::Rejected { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// Whether this call surely changed nothing at the provider. Doubt counts as a change.
    #[must_use]
    pub fn has_no_side_effects(&self) -> bool {
        match self {
            Self::Unsendable { .. }
            | Self::NotSent { .. }
            | Self::RateLimited { .. }
            | Self::SpendLimit { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::AlreadyExists { .. }
            | Self::NoCommits { .. }
            | Self::EmptyRepository { .. }
            | Self::Rejected { .. } => true,
            Self::Lost { .. }
            | Self::Unavailable { .. }
            | Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. } => false,
        }
    }

    /// The wait that the provider asks for, in milliseconds.
    #[must_use]
    pub fn retry_after_ms(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after_ms, .. } | Self::Unavailable { retry_after_ms, .. } => {
                *retry_after_ms
            }
            Self::Unsendable { .. }
            | Self::NotSent { .. }
            | Self::Lost { .. }
            | Self::SpendLimit { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::AlreadyExists { .. }
            | Self::NoCommits { .. }
            | Self::EmptyRepository { .. }
            | Self::Rejected { .. }
            | Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::TooLarge { .. } => None,
        }
    }
}

/// A provider's error code cut down to what can stand in a message: letters, digits, `_`, `-` and `.`, at most 64.
/// Anything else is somebody's prose and becomes the empty code.
pub(crate) fn machine_code(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if text.len() <= 64 && text.chars().all(plain) {
        text.to_owned()
    } else {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CALL: Call = Call {
        provider: "zendesk",
        operation: "post comment",
    };

    #[test]
    fn a_lost_answer_is_worth_a_retry_and_may_have_landed() {
        let lost = ProviderError::Lost {
            call: CALL,
            cause: "timeout".to_owned(),
        };
        assert!(lost.is_retryable() && !lost.has_no_side_effects());
        let not_sent = ProviderError::NotSent {
            call: CALL,
            cause: "refused".to_owned(),
        };
        assert!(not_sent.is_retryable() && not_sent.has_no_side_effects());
    }

    #[test]
    fn a_message_names_provider_operation_and_status() {
        let error = ProviderError::Rejected {
            call: CALL,
            status: 422,
            code: "RecordInvalid".to_owned(),
        };
        assert_eq!(
            error.to_string(),
            "zendesk post comment: refused status=`422` code=`RecordInvalid`"
        );
    }

    #[test]
    fn prose_in_place_of_a_code_is_dropped() {
        assert_eq!(machine_code("channel_not_found"), "channel_not_found");
        assert_eq!(machine_code("jo@acme.test is not known"), "");
        assert_eq!(machine_code(&"a".repeat(65)), "");
    }
}
