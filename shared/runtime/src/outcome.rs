//! A provider's error as the guard's outcome: who knows what happened, and who comes back.

use ratchet_guard::{Finding, Outcome, StageError, Why};
use ratchet_providers::error::ProviderError;

/// One word of the closed list of reasons, for rows, logs and metrics.
#[must_use]
pub fn code(error: &ProviderError) -> &'static str {
    match error {
        ProviderError::Unsendable { .. } => "bad_settings",
        ProviderError::NotSent { .. } => "not_sent",
        ProviderError::Lost { .. } => "answer_lost",
        ProviderError::RateLimited { .. } => "rate_limited",
        ProviderError::SpendLimit { .. } => "spend_limit",
        ProviderError::Unauthorized { .. } => "unauthorized",
        ProviderError::Forbidden { .. } => "forbidden",
        ProviderError::NotFound { .. } => "not_found",
        ProviderError::Conflict { .. } => "changed_meanwhile",
        ProviderError::AlreadyExists { .. } => "already_exists",
        ProviderError::NoCommits { .. } => "nothing_to_change",
        ProviderError::EmptyRepository { .. } => "repository_empty",
        ProviderError::Rejected { .. } => "rejected",
        ProviderError::Unavailable { .. } => "provider_unavailable",
        ProviderError::Malformed { .. } => "answer_malformed",
        ProviderError::TooLarge { .. } => "too_large",
        ProviderError::Unexpected { .. } => "answer_unexpected",
    }
}

/// The reason of a provider's error.
#[must_use]
pub fn why(error: &ProviderError) -> Why {
    Why::new(code(error), error.to_string()).retry_after_ms(error.retry_after_ms())
}

/// What a failed effect came to, from the two questions that every provider error answers.
pub fn failed<T>(error: &ProviderError) -> Outcome<T> {
    match (error.has_no_side_effects(), error.is_retryable()) {
        (false, _) => Outcome::Unknown(why(error)),
        (true, true) => Outcome::NotDone(why(error)),
        (true, false) => Outcome::Refused(why(error)),
    }
}

/// What a failed read within an effect came to: nothing was sent, whatever the error.
pub fn failed_read<T>(error: &ProviderError) -> Outcome<T> {
    if error.is_retryable() {
        Outcome::NotDone(why(error))
    } else {
        Outcome::Refused(why(error))
    }
}

/// What a failed probe came to.
pub fn failed_probe<T>(error: &ProviderError) -> Finding<T> {
    Finding::CannotTell(why(error))
}

/// What a failed read before the claim came to: the message waits, or is parked when waiting cannot help.
#[must_use]
pub fn not_read(error: &ProviderError) -> StageError {
    if error.is_retryable() {
        return StageError::NotRead {
            why: why(error).to_string(),
            retry_after_ms: error.retry_after_ms(),
        };
    }
    StageError::Poison {
        code: code(error),
        detail: error.to_string(),
    }
}
