//! One request as a choke sees it.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde_json::Value;

/// Which of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// Tables.
    DynamoDb,
    /// Queues.
    Sqs,
}

impl Service {
    /// The service that an `x-amz-target` header names.
    #[must_use]
    pub fn of_target(target: &str) -> Option<Self> {
        match target.split_once('.')?.0 {
            "DynamoDB_20120810" => Some(Self::DynamoDb),
            "AmazonSQS" => Some(Self::Sqs),
            _ => None,
        }
    }
}

/// One request on its way to a service.
#[derive(Debug, Clone)]
pub struct Call {
    /// Which service.
    pub service: Service,
    /// What it is asked to do: `PutItem`, `SendMessage`.
    pub operation: String,
    /// Which send of the same request this is, from 1: what is above 1 is a resend by the SDK.
    pub attempt: u32,
    /// JSON. The order of an object's keys is random; use [`Self::json`] or [`Self::canonical`] to compare.
    pub body: Bytes,
}

impl Call {
    /// The body, parsed; null where it is no JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body with every object's keys in order, and without the token that the SDK invents for a transaction:
    /// the same in every run.
    #[must_use]
    pub fn canonical(&self) -> String {
        let mut body = self.json();
        if let Some(object) = body.as_object_mut() {
            object.remove("ClientRequestToken");
        }
        body.sort_all_objects();
        body.to_string()
    }

    /// The tables or queues that it names, each once, in order.
    #[must_use]
    pub fn resources(&self) -> Vec<String> {
        let mut found = BTreeSet::new();
        collect(&self.json(), &mut found);
        found.into_iter().collect()
    }
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| collect(value, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                match (key.as_str(), value) {
                    ("TableName" | "QueueName", Value::String(name)) => {
                        found.insert(name.clone());
                    }
                    ("QueueUrl" | "SourceArn" | "DestinationArn", Value::String(place)) => {
                        let name = place.rsplit(['/', ':']).next().unwrap_or_default();
                        found.insert(name.to_owned());
                    }
                    // What a row holds may look like anything.
                    ("Item" | "Key" | "ExpressionAttributeValues" | "MessageAttributes", _) => {}
                    ("RequestItems", Value::Object(tables)) => found.extend(tables.keys().cloned()),
                    _ => collect(value, found),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// From `attempt=2; max=3`.
pub(super) fn attempt(sdk_request: Option<&str>) -> u32 {
    let parts = sdk_request.unwrap_or_default().split(';');
    let attempts = parts.filter_map(|part| part.trim().strip_prefix("attempt="));
    attempts
        .filter_map(|number| number.parse().ok())
        .next()
        .unwrap_or(1)
}
