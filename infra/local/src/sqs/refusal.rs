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

impl Code {
    /// The JSON protocol's shape, and the query protocol's code.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::NonExistentQueue => (
                "com.amazonaws.sqs#QueueDoesNotExist",
                "AWS.SimpleQueueService.NonExistentQueue",
            ),
            Self::QueueAlreadyExists => ("com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists"),
            Self::InvalidParameterValue => (
                "com.amazon.coral.service#InvalidParameterValueException",
                "InvalidParameterValue",
            ),
            Self::MissingParameter => (
                "com.amazon.coral.service#MissingRequiredParameterException",
                "MissingParameter",
            ),
            Self::InvalidAttributeName => ("com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName"),
            Self::InvalidAttributeValue => {
                ("com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue")
            }
            Self::ReceiptHandleIsInvalid => (
                "com.amazonaws.sqs#ReceiptHandleIsInvalid",
                "ReceiptHandleIsInvalid",
            ),
            Self::MessageNotInflight => (
                "com.amazonaws.sqs#MessageNotInflight",
                "AWS.SimpleQueueService.MessageNotInflight",
            ),
            Self::InvalidMessageContents => (
                "com.amazonaws.sqs#InvalidMessageContents",
                "InvalidMessageContents",
            ),
            Self::OverLimit => ("com.amazonaws.sqs#OverLimit", "OverLimit"),
            Self::EmptyBatchRequest => (
                "com.amazonaws.sqs#EmptyBatchRequest",
                "AWS.SimpleQueueService.EmptyBatchRequest",
            ),
            Self::TooManyEntriesInBatchRequest => (
                "com.amazonaws.sqs#TooManyEntriesInBatchRequest",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            ),
            Self::BatchEntryIdsNotDistinct => (
                "com.amazonaws.sqs#BatchEntryIdsNotDistinct",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            ),
            Self::BatchRequestTooLong => (
                "com.amazonaws.sqs#BatchRequestTooLong",
                "AWS.SimpleQueueService.BatchRequestTooLong",
            ),
            Self::InvalidBatchEntryId => (
                "com.amazonaws.sqs#InvalidBatchEntryId",
                "AWS.SimpleQueueService.InvalidBatchEntryId",
            ),
            Self::PurgeQueueInProgress => (
                "com.amazonaws.sqs#PurgeQueueInProgress",
                "AWS.SimpleQueueService.PurgeQueueInProgress",
            ),
            Self::ResourceNotFound => (
                "com.amazonaws.sqs#ResourceNotFoundException",
                "ResourceNotFoundException",
            ),
            Self::UnsupportedOperation => (
                "com.amazonaws.sqs#UnsupportedOperation",
                "AWS.SimpleQueueService.UnsupportedOperation",
            ),
            Self::UnknownOperation => (
                "com.amazon.coral.service#UnknownOperationException",
                "InvalidAction",
            ),
            Self::Serialization => (
                "com.amazon.coral.service#SerializationException",
                "SerializationException",
            ),
        }
    }

    /// As entries of a failed batch and the query protocol's header name it.
    pub(crate) fn query_name(self) -> &'static str {
        self.names().1
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
        json!({ "__type": self.code.names().0, "message": self.message }).to_string()
    }

    /// The value of the header that carries the query protocol's code.
    pub(crate) fn header(&self) -> String {
        format!("{};Sender", self.code.query_name())
    }
}
