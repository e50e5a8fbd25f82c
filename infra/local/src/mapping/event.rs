//! A received message as a function sees it.

use aws_lambda_events::event::sqs::{SqsMessage, SqsMessageAttribute};
use ratchet_guard::embedded::REGION;

use crate::sqs::{MessageAttribute, Received, arn};

/// The record of an event.
#[must_use]
pub fn record(queue: &str, received: &Received) -> SqsMessage {
    let message = &received.message;
    let mut record = SqsMessage::default();
    record.message_id = Some(message.id.clone());
    record.receipt_handle = Some(received.receipt.clone());
    record.body = Some(message.body.clone());
    record.md5_of_body = Some(message.md5_of_body());
    record.md5_of_message_attributes = message.md5_of_attributes();
    record.attributes = message
        .system_attributes()
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    record.message_attributes = message
        .attributes
        .iter()
        .map(|(name, value)| (name.clone(), attribute(value)))
        .collect();
    record.event_source_arn = Some(arn(queue));
    record.event_source = Some("aws:sqs".to_owned());
    record.aws_region = Some(REGION.to_owned());
    record
}

fn attribute(value: &MessageAttribute) -> SqsMessageAttribute {
    let mut attribute = SqsMessageAttribute::default();
    attribute.data_type = Some(value.data_type.clone());
    attribute.string_value.clone_from(&value.string_value);
    let base64 = value.binary_value.clone().map(serde_json::Value::String);
    attribute.binary_value = base64.and_then(|text| serde_json::from_value(text).ok());
    attribute
}
