//! How a command ends when it does not end well.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use ratchet_domain::settings::Problem;
use ratchet_guard::StageError;
use ratchet_runtime::config::ConfigError;
use serde_json::{Value, json};
use thiserror::Error;

/// Exit codes; they are part of the command line and stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Something outside did not answer as it should.
    Failed = 1,
    /// An argument, a file or the environment is not valid.
    Invalid = 2,
    /// There is no such thing.
    NotFound = 3,
    /// What is on record does not allow it.
    Refused = 4,
}

/// Why a command did not do what it was asked to. Nothing was changed, unless it is [`Failure::Aws`].
#[derive(Debug, Error)]
pub enum Failure {
    /// Input with everything that is wrong with it.
    #[error("{what} is not valid")]
    Invalid {
        /// What was read, as `acme.json`.
        what: String,
        /// Each problem with its path.
        problems: Vec<Problem>,
    },
    /// The environment lacks what the command needs.
    #[error("{0}; or name a stack with --stack")]
    Environment(#[from] ConfigError),
    /// There is no such thing.
    #[error("{0}")]
    NotFound(String),
    /// What is on record does not allow it.
    #[error("{0}")]
    Refused(String),
    /// An AWS service did not answer as it should. A write may or may not have landed.
    #[error("aws did not answer operation=`{operation}` code=`{code}`: {detail}")]
    Aws {
        /// The operation, as `GetItem`.
        operation: &'static str,
        /// The service's error code, or the kind of the transport's failure.
        code: String,
        /// The service's message.
        detail: String,
    },
    /// The ledger did not answer as it should.
    #[error(transparent)]
    Ledger(#[from] StageError),
    /// A row does not hold what it should.
    #[error("row does not read: {0}")]
    Row(String),
    /// What is on record does not agree with itself: the first difference.
    #[error("{0}")]
    Differs(String),
    /// The result could not be written.
    #[error("standard output cannot be written: {0}")]
    Output(#[source] std::io::Error),
}

impl Failure {
    /// What an AWS client gave up on.
    pub fn aws<E, R>(operation: &'static str, error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata,
    {
        let kind = match error {
            SdkError::ConstructionFailure(_) => "ConstructionFailure",
            SdkError::TimeoutError(_) => "Timeout",
            SdkError::DispatchFailure(_) => "DispatchFailure",
            SdkError::ResponseError(_) => "ResponseError",
            SdkError::ServiceError(_) | _ => "ServiceError",
        };
        let service = error.as_service_error();
        Self::Aws {
            operation,
            code: service
                .and_then(ProvideErrorMetadata::code)
                .unwrap_or(kind)
                .to_owned(),
            detail: service
                .and_then(ProvideErrorMetadata::message)
                .unwrap_or("check region, credentials and endpoint")
                .to_owned(),
        }
    }

    /// How the process exits.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self {
            Self::Invalid { .. } | Self::Environment(_) => Exit::Invalid,
            Self::NotFound(_) => Exit::NotFound,
            Self::Refused(_) => Exit::Refused,
            Self::Aws { .. } | Self::Ledger(_) | Self::Row(_) | Self::Differs(_) | Self::Output(_) => {
                Exit::Failed
            }
        }
    }

    /// Everything wrong with the input; empty for other failures.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Invalid { problems, .. } => problems,
            Self::Environment(_)
            | Self::NotFound(_)
            | Self::Refused(_)
            | Self::Aws { .. }
            | Self::Ledger(_)
            | Self::Row(_)
            | Self::Differs(_)
            | Self::Output(_) => &[],
        }
    }

    /// For programs. **Shape**: `{"error":{"code","message","problems"}}`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let code = match self.exit() {
            Exit::Done => "done",
            Exit::Failed => "failed",
            Exit::Invalid => "invalid_input",
            Exit::NotFound => "not_found",
            Exit::Refused => "refused",
        };
        json!({ "error": { "code": code, "message": self.to_string(), "problems": self.problems() } })
    }
}
