//! Sending, receiving and settling messages, one by one and in batches.

use std::collections::{BTreeMap, BTreeSet};

use ratchet_guard::clock::Millis;
use serde::Deserialize;
use serde_json::{Value, json};

use super::contents::{Attributes, MessageAttribute, chosen, md5_hex, md5_of_attributes, measured};
use super::refusal::{Code, Refusal};
use super::settings::{DELAY_SECONDS_MAX, MESSAGE_BYTES_MAX, VISIBILITY_SECONDS_MAX};
use super::state::{Message, Receipt, StaleReceipts, State};

/// Entries of one batch. Source: SQS quotas.
const ENTRIES_MAX: usize = 10;

/// The only system attribute that a sender may set.
const TRACE_HEADER: &str = "AWSTraceHeader";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send {
    message_body: Option<String>,
    delay_seconds: Option<u32>,
    #[serde(default)]
    message_attributes: Attributes,
    #[serde(default)]
    message_system_attributes: BTreeMap<String, MessageAttribute>,
    message_group_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive {
    max_number_of_messages: Option<usize>,
    visibility_timeout: Option<u32>,
    wait_time_seconds: Option<u32>,
    #[serde(default)]
    attribute_names: Vec<String>,
    #[serde(default)]
    message_system_attribute_names: Vec<String>,
    #[serde(default)]
    message_attribute_names: Vec<String>,
}

impl Receive {
    /// How long the caller would wait for a message, where it says.
    pub(super) fn wait_seconds(&self) -> Option<u32> {
        self.wait_time_seconds
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Settle {
    receipt_handle: Option<String>,
    visibility_timeout: Option<u32>,
}

/// A batch of requests, each with a name to answer by.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch<T> {
    #[serde(default = "Vec::new")]
    entries: Vec<Entry<T>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<T> {
    id: String,
    #[serde(flatten)]
    request: T,
}

impl State {
    pub(super) fn send_message(
        &mut self,
        queue: &str,
        now_ms: Millis,
        request: Send,
    ) -> Result<Value, Refusal> {
        let settings = &self.queue(queue, now_ms)?.settings;
        let bytes_max = settings.message_bytes_max;
        let delay_seconds = request.delay_seconds.unwrap_or(settings.delay_seconds);
        if delay_seconds > DELAY_SECONDS_MAX {
            return Err(Refusal::parameter(
                "DelaySeconds",
                delay_seconds,
                "DelaySeconds must be >= 0 and <= 900.",
            ));
        }
        let body = request.message_body.unwrap_or_default();
        let bytes = measured(&body, &request.message_attributes)?;
        if bytes > usize::try_from(bytes_max).unwrap_or(usize::MAX) {
            let message = format!(
                "One or more parameters are invalid. Reason: Message must be shorter than {bytes_max} bytes."
            );
            return Err(Refusal::new(Code::InvalidParameterValue, message));
        }
        if let Some(name) = request
            .message_system_attributes
            .keys()
            .find(|name| *name != TRACE_HEADER)
        {
            let message = format!("Message system attribute name '{name}' is invalid.");
            return Err(Refusal::new(Code::InvalidParameterValue, message));
        }
        let mut answer = json!({ "MD5OfMessageBody": md5_hex(body.as_bytes()) });
        insert(
            &mut answer,
            "MD5OfMessageAttributes",
            md5_of_attributes(&request.message_attributes),
        );
        insert(
            &mut answer,
            "MD5OfMessageSystemAttributes",
            md5_of_attributes(&request.message_system_attributes),
        );
        let trace_header = request.message_system_attributes.get(TRACE_HEADER);
        let message = Message {
            id: String::new(),
            body,
            attributes: request.message_attributes,
            trace_header: trace_header.and_then(|header| header.string_value.clone()),
            group: request.message_group_id,
            sent_ms: now_ms,
            first_received_ms: None,
            received_ms: None,
            receives: 0,
            visible_ms: now_ms + Millis::from(delay_seconds) * 1000,
            dead_from: None,
        };
        let id = self.send(queue, message);
        insert(&mut answer, "MessageId", Some(id));
        Ok(answer)
    }

    pub(super) fn send_batch(
        &mut self,
        queue: &str,
        now_ms: Millis,
        batch: Batch<Send>,
    ) -> Result<Value, Refusal> {
        checked(&batch)?;
        let bytes: usize = batch
            .entries
            .iter()
            .filter_map(|entry| {
                let body = entry.request.message_body.as_deref().unwrap_or_default();
                measured(body, &entry.request.message_attributes).ok()
            })
            .sum();
        if bytes > usize::try_from(MESSAGE_BYTES_MAX).unwrap_or(usize::MAX) {
            let message = format!(
                "Batch requests cannot be longer than {MESSAGE_BYTES_MAX} bytes. You have sent {bytes} bytes."
            );
            return Err(Refusal::new(Code::BatchRequestTooLong, message));
        }
        self.queue(queue, now_ms)?;
        Ok(each(batch, |request| self.send_message(queue, now_ms, request)))
    }

    pub(super) fn receive_message(
        &mut self,
        queue: &str,
        now_ms: Millis,
        request: &Receive,
    ) -> Result<Value, Refusal> {
        let most = request.max_number_of_messages.unwrap_or(1);
        if !(1..=ENTRIES_MAX).contains(&most) {
            let reason = "Must be between 1 and 10, if provided.";
            return Err(Refusal::parameter("MaxNumberOfMessages", most, reason));
        }
        if let Some(wait) = request.wait_time_seconds.filter(|wait| *wait > 20) {
            let reason = "Must be >= 0 and <= 20, if provided.";
            return Err(Refusal::parameter("WaitTimeSeconds", wait, reason));
        }
        if let Some(seconds) = request
            .visibility_timeout
            .filter(|seconds| *seconds > VISIBILITY_SECONDS_MAX)
        {
            return Err(beyond(seconds));
        }
        let taken = self.receive(queue, now_ms, most, request.visibility_timeout)?;
        if taken.is_empty() {
            return Ok(json!({}));
        }
        let messages: Vec<Value> = taken
            .iter()
            .map(|(receipt, message)| received(receipt, message, request))
            .collect();
        Ok(json!({ "Messages": messages }))
    }

    pub(super) fn delete_message(
        &mut self,
        queue: &str,
        now_ms: Millis,
        request: &Settle,
    ) -> Result<Value, Refusal> {
        let handle = request.receipt_handle.as_deref();
        self.delete_by(
            queue,
            now_ms,
            handle.ok_or_else(|| Refusal::missing("ReceiptHandle"))?,
        )?;
        Ok(json!({}))
    }

    pub(super) fn delete_by(&mut self, queue: &str, now_ms: Millis, handle: &str) -> Result<(), Refusal> {
        let honoured = self.stale_receipts == StaleReceipts::Honoured;
        let receipt = Receipt::read(handle, queue)?;
        let queue = self.queue(queue, now_ms)?;
        if queue.find(&receipt).is_some_and(|(_, latest)| latest || honoured) {
            queue.messages.remove(&receipt.at());
        }
        Ok(())
    }

    pub(super) fn change_visibility(
        &mut self,
        queue: &str,
        now_ms: Millis,
        request: &Settle,
    ) -> Result<Value, Refusal> {
        let honoured = self.stale_receipts == StaleReceipts::Honoured;
        let receipt = request.receipt(queue)?;
        let seconds = request
            .visibility_timeout
            .ok_or_else(|| Refusal::missing("VisibilityTimeout"))?;
        if seconds > VISIBILITY_SECONDS_MAX {
            return Err(beyond(seconds));
        }
        let found = self.queue(queue, now_ms)?.find(&receipt);
        let Some((message, _)) = found.filter(|(_, latest)| *latest || honoured) else {
            let reason = "Message does not exist or is not available for visibility timeout change.";
            return Err(Refusal::parameter("ReceiptHandle", receipt.print(), reason));
        };
        if message.visible_ms <= now_ms {
            return Err(Refusal::new(
                Code::MessageNotInflight,
                "The message is not in flight.",
            ));
        }
        let until_ms = now_ms + Millis::from(seconds) * 1000;
        let since_ms = message.received_ms.unwrap_or(now_ms);
        if until_ms.saturating_sub(since_ms) > Millis::from(VISIBILITY_SECONDS_MAX) * 1000 {
            return Err(beyond(seconds));
        }
        message.visible_ms = until_ms;
        Ok(json!({}))
    }

    pub(super) fn delete_batch(
        &mut self,
        queue: &str,
        now_ms: Millis,
        batch: Batch<Settle>,
    ) -> Result<Value, Refusal> {
        checked(&batch)?;
        self.queue(queue, now_ms)?;
        Ok(each(batch, |request| {
            self.delete_message(queue, now_ms, &request)
        }))
    }

    pub(super) fn change_batch(
        &mut self,
        queue: &str,
        now_ms: Millis,
        batch: Batch<Settle>,
    ) -> Result<Value, Refusal> {
        checked(&batch)?;
        self.queue(queue, now_ms)?;
        Ok(each(batch, |request| {
            self.change_visibility(queue, now_ms, &request)
        }))
    }
}

impl Settle {
    fn receipt(&self, queue: &str) -> Result<Receipt, Refusal> {
        let handle = self
            .receipt_handle
            .as_deref()
            .ok_or_else(|| Refusal::missing("ReceiptHandle"))?;
        Receipt::read(handle, queue)
    }
}

fn beyond(seconds: u32) -> Refusal {
    let reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds].";
    Refusal::parameter("VisibilityTimeout", seconds, reason)
}

fn received(receipt: &Receipt, message: &Message, request: &Receive) -> Value {
    let mut printed = json!({
        "MessageId": message.id,
        "ReceiptHandle": receipt.print(),
        "MD5OfBody": message.md5_of_body(),
        "Body": message.body,
    });
    let wanted = |name: &str| {
        let names = request
            .attribute_names
            .iter()
            .chain(&request.message_system_attribute_names);
        names.into_iter().any(|wanted| wanted == "All" || wanted == name)
    };
    let system: BTreeMap<&str, String> = message
        .system_attributes()
        .into_iter()
        .filter(|(name, _)| wanted(name))
        .collect();
    if !system.is_empty() {
        insert(&mut printed, "Attributes", Some(system));
    }
    let attributes = chosen(&message.attributes, &request.message_attribute_names);
    if !attributes.is_empty() {
        insert(
            &mut printed,
            "MD5OfMessageAttributes",
            md5_of_attributes(&attributes),
        );
        insert(&mut printed, "MessageAttributes", Some(attributes));
    }
    printed
}

fn insert(object: &mut Value, name: &str, value: Option<impl serde::Serialize>) {
    if let (Some(object), Some(value)) = (
        object.as_object_mut(),
        value.and_then(|value| serde_json::to_value(value).ok()),
    ) {
        object.insert(name.to_owned(), value);
    }
}

fn checked<T>(batch: &Batch<T>) -> Result<(), Refusal> {
    let entries = &batch.entries;
    if entries.is_empty() {
        return Err(Refusal::new(
            Code::EmptyBatchRequest,
            "There should be at least one entry in the request.",
        ));
    }
    if entries.len() > ENTRIES_MAX {
        let message = format!(
            "Maximum number of entries per request are 10. You have sent {}.",
            entries.len()
        );
        return Err(Refusal::new(Code::TooManyEntriesInBatchRequest, message));
    }
    let named = |id: &str| {
        let allowed = |found: char| found.is_ascii_alphanumeric() || found == '-' || found == '_';
        (1..=80).contains(&id.len()) && id.chars().all(allowed)
    };
    if entries.iter().any(|entry| !named(&entry.id)) {
        let message = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be \
                       at most 80 letters long.";
        return Err(Refusal::new(Code::InvalidBatchEntryId, message));
    }
    let distinct: BTreeSet<&str> = entries.iter().map(|entry| entry.id.as_str()).collect();
    if distinct.len() < entries.len() {
        return Err(Refusal::new(
            Code::BatchEntryIdsNotDistinct,
            "Two or more batch entries have the same Id.",
        ));
    }
    Ok(())
}

/// Does each entry by itself; one that is refused touches no other.
fn each<T>(batch: Batch<T>, mut run: impl FnMut(T) -> Result<Value, Refusal>) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for entry in batch.entries {
        match run(entry.request) {
            Ok(mut answer) => {
                insert(&mut answer, "Id", Some(entry.id));
                successful.push(answer);
            }
            Err(refusal) => failed.push(json!({
                "Id": entry.id,
                "SenderFault": true,
                "Code": refusal.code.query_name(),
                "Message": refusal.message,
            })),
        }
    }
    json!({ "Successful": successful, "Failed": failed })
}
