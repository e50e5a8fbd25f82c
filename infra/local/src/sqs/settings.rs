//! A queue's settings, as the service names, bounds and prints them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::refusal::{Code, Refusal};

/// Largest message and largest batch, in bytes. Source: SQS quotas, since August 2025.
pub(super) const MESSAGE_BYTES_MAX: u32 = 1024 * 1024;

/// Longest visibility timeout, in seconds. Source: SQS quotas.
pub(super) const VISIBILITY_SECONDS_MAX: u32 = 43_200;

/// Longest delay, in seconds. Source: SQS quotas.
pub(super) const DELAY_SECONDS_MAX: u32 = 900;

/// Settings that are kept and change nothing here.
const KEPT: [&str; 5] = [
    "Policy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
];

/// Where a message goes that was received too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Redrive {
    /// The dead letter queue.
    pub dead_letter_target_arn: String,
    /// Receives that a message is granted before it is given up.
    pub max_receive_count: u32,
}

/// What a queue is made with; the defaults are the service's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How long a new message waits before it can be received, in seconds.
    pub delay_seconds: u32,
    /// Largest message, in bytes.
    pub message_bytes_max: u32,
    /// How long a message lives, in seconds.
    pub retention_seconds: u32,
    /// How long a receive waits for a message when it does not say, in seconds.
    pub receive_wait_seconds: u32,
    /// How long a received message stays out of sight when the receive does not say, in seconds.
    pub visibility_seconds: u32,
    /// Where messages go in the end, if anywhere.
    pub redrive: Option<Redrive>,
    /// Settings without an effect here, by name.
    pub kept: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            delay_seconds: 0,
            message_bytes_max: MESSAGE_BYTES_MAX,
            retention_seconds: 345_600,
            receive_wait_seconds: 0,
            visibility_seconds: 30,
            redrive: None,
            kept: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// Sets one attribute as the wire names it.
    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "DelaySeconds" => self.delay_seconds = within(name, value, 0..=DELAY_SECONDS_MAX)?,
            "MaximumMessageSize" => self.message_bytes_max = within(name, value, 1024..=MESSAGE_BYTES_MAX)?,
            "MessageRetentionPeriod" => self.retention_seconds = within(name, value, 60..=1_209_600)?,
            "ReceiveMessageWaitTimeSeconds" => self.receive_wait_seconds = within(name, value, 0..=20)?,
            "VisibilityTimeout" => self.visibility_seconds = within(name, value, 0..=VISIBILITY_SECONDS_MAX)?,
            "RedrivePolicy" => self.redrive = redrive(value)?,
            _ if KEPT.contains(&name) => {
                self.kept.insert(name.to_owned(), value.to_owned());
            }
            _ => return Err(unknown(name)),
        }
        Ok(())
    }

    /// One attribute as the wire prints it; none where it was never set.
    pub(super) fn get(&self, name: &str) -> Result<Option<String>, Refusal> {
        Ok(match name {
            "DelaySeconds" => Some(self.delay_seconds.to_string()),
            "MaximumMessageSize" => Some(self.message_bytes_max.to_string()),
            "MessageRetentionPeriod" => Some(self.retention_seconds.to_string()),
            "ReceiveMessageWaitTimeSeconds" => Some(self.receive_wait_seconds.to_string()),
            "VisibilityTimeout" => Some(self.visibility_seconds.to_string()),
            "RedrivePolicy" => self
                .redrive
                .as_ref()
                .and_then(|redrive| serde_json::to_string(redrive).ok()),
            _ if KEPT.contains(&name) => self.kept.get(name).cloned(),
            _ => return Err(unknown(name)),
        })
    }

    /// Every name that [`Self::get`] knows.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        [
            "DelaySeconds",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "ReceiveMessageWaitTimeSeconds",
            "VisibilityTimeout",
            "RedrivePolicy",
        ]
        .into_iter()
        .chain(KEPT)
    }
}

pub(super) fn unknown(name: &str) -> Refusal {
    Refusal::new(Code::InvalidAttributeName, format!("Unknown Attribute {name}."))
}

fn within(name: &str, value: &str, range: RangeInclusive<u32>) -> Result<u32, Refusal> {
    let number = value.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        Refusal::new(
            Code::InvalidAttributeValue,
            format!(
                "Invalid value for the parameter {name}. Reason: Must be an integer from {} to {}.",
                range.start(),
                range.end()
            ),
        )
    })
}

/// Reads `{"deadLetterTargetArn":"..","maxReceiveCount":3}`, the count as number or text; empty takes it away.
fn redrive(value: &str) -> Result<Option<Redrive>, Refusal> {
    if value.is_empty() {
        return Ok(None);
    }
    let invalid = |reason: &str| Refusal::parameter("RedrivePolicy", value, reason);
    let policy: Value =
        serde_json::from_str(value).map_err(|_| invalid("Redrive policy is not a valid JSON map."))?;
    let arn = policy.get("deadLetterTargetArn").and_then(Value::as_str);
    let count = match policy.get("maxReceiveCount") {
        Some(Value::String(text)) => text.parse().ok(),
        Some(other) => other.as_u64(),
        None => None,
    };
    let arn = arn.ok_or_else(|| {
        invalid("Redrive policy does not contain mandatory attribute: deadLetterTargetArn.")
    })?;
    let count = count
        .and_then(|count| u32::try_from(count).ok())
        .filter(|count| (1..=1000).contains(count))
        .ok_or_else(|| invalid("Invalid value for maxReceiveCount: it must be from 1 to 1000."))?;
    Ok(Some(Redrive {
        dead_letter_target_arn: arn.to_owned(),
        max_receive_count: count,
    }))
}
