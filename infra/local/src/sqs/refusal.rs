//! What SQS answers when it does not do as asked.

use serde_json::json;

/// Why, by the name that the query protocol gave it; clients tell errors apart by that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    NonExistentQueue,
    QueueAlreadyExists,
    InvalidParameterValue,
    MissingParameter,
    InvalidAttributeName,
    InvalidAttributeValue,
    ReceiptHandleIsInvalid,
    MessageNotInflight,
    InvalidMessageContents,
    OverLimit,
    EmptyBatchRequest,
    TooManyEntriesInBatchRequest,
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    InvalidBatchEntryId,
    PurgeQueueInProgress,
    ResourceNotFound,
    UnsupportedOperation,
    UnknownOperation,
    Serialization,
}

/// Namespace of the shapes that the service's model names.
const MODELLED: &str = "com.amazonaws.sqs#";

/// Namespace of the shapes that every service of this protocol shares.
const SHARED: &str = "com.amazon.coral.service#";

/// What the query protocol put before some of its codes.
const QUERY: &str = "AWS.SimpleQueueService.";

impl Code {
    /// The JSON protocol's shape: namespace and name.
    fn shape(self) -> (&'static str, &'static str) {
        match self {
            Self::NonExistentQueue => (MODELLED, "QueueDoesNotExist"),
            Self::QueueAlreadyExists => (MODELLED, "QueueNameExists"),
            Self::InvalidAttributeName => (MODELLED, "InvalidAttributeName"),
            Self::InvalidAttributeValue => (MODELLED, "InvalidAttributeValue"),
            Self::ReceiptHandleIsInvalid => (MODELLED, "ReceiptHandleIsInvalid"),
            Self::MessageNotInflight => (MODELLED, "MessageNotInflight"),
            Self::InvalidMessageContents => (MODELLED, "InvalidMessageContents"),
            Self::OverLimit => (MODELLED, "OverLimit"),
            Self::EmptyBatchRequest => (MODELLED, "EmptyBatchRequest"),
            Self::TooManyEntriesInBatchRequest => (MODELLED, "TooManyEntriesInBatchRequest"),
            Self::BatchEntryIdsNotDistinct => (MODELLED, "BatchEntryIdsNotDistinct"),
            Self::BatchRequestTooLong => (MODELLED, "BatchRequestTooLong"),
            Self::InvalidBatchEntryId => (MODELLED, "InvalidBatchEntryId"),
            Self::PurgeQueueInProgress => (MODELLED, "PurgeQueueInProgress"),
            Self::ResourceNotFound => (MODELLED, "ResourceNotFoundException"),
            Self::UnsupportedOperation => (MODELLED, "UnsupportedOperation"),
            Self::InvalidParameterValue => (SHARED, "InvalidParameterValueException"),
            Self::MissingParameter => (SHARED, "MissingRequiredParameterException"),
            Self::UnknownOperation => (SHARED, "UnknownOperationException"),
            Self::Serialization => (SHARED, "SerializationException"),
        }
    }

    /// As entries of a failed batch and the query protocol's header name it.
    pub(crate) fn query_name(self) -> String {
        match self {
            Self::NonExistentQueue => format!("{QUERY}NonExistentQueue"),
            Self::MessageNotInflight
            | Self::EmptyBatchRequest
            | Self::TooManyEntriesInBatchRequest
            | Self::BatchEntryIdsNotDistinct
            | Self::BatchRequestTooLong
            | Self::InvalidBatchEntryId
            | Self::PurgeQueueInProgress
            | Self::UnsupportedOperation => format!("{QUERY}{}", self.shape().1),
            Self::QueueAlreadyExists => "QueueAlreadyExists".to_owned(),
            Self::InvalidParameterValue => "InvalidParameterValue".to_owned(),
            Self::MissingParameter => "MissingParameter".to_owned(),
            Self::UnknownOperation => "InvalidAction".to_owned(),
            Self::InvalidAttributeName
            | Self::InvalidAttributeValue
            | Self::ReceiptHandleIsInvalid
            | Self::InvalidMessageContents
            | Self::OverLimit
            | Self::ResourceNotFound
            | Self::Serialization => self.shape().1.to_owned(),
        }
    }
}

/// A request that was not done; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn parameter(name: &str, value: impl std::fmt::Display, reason: &str) -> Self {
        let message = format!("Value {value} for parameter {name} is invalid. Reason: {reason}");
        Self::new(Code::InvalidParameterValue, message)
    }

    pub(crate) fn missing(name: &str) -> Self {
        Self::new(
            Code::MissingParameter,
            format!("The request must contain the parameter {name}."),
        )
    }

    pub(crate) fn body(&self) -> String {
        let (namespace, name) = self.code.shape();
        json!({ "__type": format!("{namespace}{name}"), "message": self.message }).to_string()
    }

    /// The value of the header that carries the query protocol's code.
    pub(crate) fn header(&self) -> String {
        format!("{};Sender", self.code.query_name())
    }
}
