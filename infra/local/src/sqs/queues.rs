//! Making, finding, setting and emptying queues.

use std::collections::BTreeMap;

use ratchet_guard::clock::Millis;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal::{Code, Refusal};
use super::settings::{Settings, unknown};
use super::state::{Queue, State, arn, name_of};

/// Least time between two purges of a queue. Source: SQS API reference, `PurgeQueue`.
const PURGE_EVERY_MS: Millis = 60_000;

/// Attributes that are counted or noted, not set.
const NOTED: [&str; 6] = [
    "QueueArn",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
];

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    queue_name: String,
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    queue_name: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Listed {
    #[serde(default)]
    queue_name_prefix: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    #[serde(default)]
    attribute_names: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Set {
    #[serde(default)]
    attributes: BTreeMap<String, String>,
}

impl State {
    pub(super) fn create_queue(
        &mut self,
        base_url: &str,
        now_ms: Millis,
        request: &Create,
    ) -> Result<Value, Refusal> {
        let name = &request.queue_name;
        let allowed = |found: char| found.is_ascii_alphanumeric() || found == '-' || found == '_';
        if name.ends_with(".fifo") || request.attributes.contains_key("FifoQueue") {
            return Err(Refusal::new(
                Code::UnsupportedOperation,
                "FIFO queues are not played here.",
            ));
        }
        if !(1..=80).contains(&name.len()) || !name.chars().all(allowed) {
            let reason =
                "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length.";
            return Err(Refusal::parameter("QueueName", name, reason));
        }
        let answer = json!({ "QueueUrl": queue_url(base_url, name) });
        if let Some(queue) = self.queues.get(name) {
            let mut asked = queue.settings.clone();
            set(&mut asked, &request.attributes)?;
            if asked != queue.settings {
                let message =
                    "A queue already exists with the same name and a different value for an attribute.";
                return Err(Refusal::new(Code::QueueAlreadyExists, message));
            }
            return Ok(answer);
        }
        let mut settings = Settings::default();
        set(&mut settings, &request.attributes)?;
        self.reachable(&settings)?;
        self.queues.insert(name.clone(), Queue::new(settings, now_ms));
        Ok(answer)
    }

    fn reachable(&self, settings: &Settings) -> Result<(), Refusal> {
        let Some(redrive) = &settings.redrive else {
            return Ok(());
        };
        let target = &redrive.dead_letter_target_arn;
        if name_of(target).is_some_and(|name| self.queues.contains_key(name)) {
            return Ok(());
        }
        Err(Refusal::parameter(
            "RedrivePolicy",
            target,
            "Dead letter target does not exist.",
        ))
    }

    pub(super) fn queue_url(
        &mut self,
        base_url: &str,
        now_ms: Millis,
        request: &Named,
    ) -> Result<Value, Refusal> {
        self.queue(&request.queue_name, now_ms)?;
        Ok(json!({ "QueueUrl": queue_url(base_url, &request.queue_name) }))
    }

    pub(super) fn list_queues(&self, base_url: &str, request: &Listed) -> Value {
        let names = self
            .queues
            .keys()
            .filter(|name| name.starts_with(&request.queue_name_prefix));
        let urls: Vec<String> = names.map(|name| queue_url(base_url, name)).collect();
        json!({ "QueueUrls": urls })
    }

    pub(super) fn dead_letter_sources(
        &mut self,
        base_url: &str,
        now_ms: Millis,
        name: &str,
    ) -> Result<Value, Refusal> {
        self.queue(name, now_ms)?;
        let target = arn(name);
        let feeds = |queue: &Queue| {
            let redrive = queue.settings.redrive.as_ref();
            redrive.is_some_and(|redrive| redrive.dead_letter_target_arn == target)
        };
        let sources = self.queues.iter().filter(|(_, queue)| feeds(queue));
        let urls: Vec<String> = sources.map(|(name, _)| queue_url(base_url, name)).collect();
        Ok(json!({ "queueUrls": urls }))
    }

    pub(super) fn get_attributes(
        &mut self,
        name: &str,
        now_ms: Millis,
        request: &Get,
    ) -> Result<Value, Refusal> {
        let queue = self.queue(name, now_ms)?;
        let mut found = BTreeMap::new();
        for wanted in &request.attribute_names {
            if wanted == "All" {
                for wanted in NOTED.into_iter().chain(Settings::names()) {
                    found.extend(attribute(queue, name, now_ms, wanted)?);
                }
            } else {
                found.extend(attribute(queue, name, now_ms, wanted)?);
            }
        }
        Ok(if found.is_empty() {
            json!({})
        } else {
            json!({ "Attributes": found })
        })
    }

    pub(super) fn set_attributes(
        &mut self,
        name: &str,
        now_ms: Millis,
        request: &Set,
    ) -> Result<Value, Refusal> {
        let mut settings = self.queue(name, now_ms)?.settings.clone();
        set(&mut settings, &request.attributes)?;
        self.reachable(&settings)?;
        let queue = self.queue(name, now_ms)?;
        queue.settings = settings;
        queue.changed_ms = now_ms;
        queue.reconsider_expiry();
        Ok(json!({}))
    }

    pub(super) fn purge(&mut self, name: &str, now_ms: Millis) -> Result<Value, Refusal> {
        let queue = self.queue(name, now_ms)?;
        if queue
            .purged_ms
            .is_some_and(|at| now_ms < at.saturating_add(PURGE_EVERY_MS))
        {
            let message = format!("Only one PurgeQueue operation on {name} is allowed every 60 seconds.");
            return Err(Refusal::new(Code::PurgeQueueInProgress, message));
        }
        queue.purged_ms = Some(now_ms);
        queue.messages.clear();
        Ok(json!({}))
    }

    pub(super) fn delete_queue(&mut self, name: &str, now_ms: Millis) -> Result<Value, Refusal> {
        self.queue(name, now_ms)?;
        self.queues.remove(name);
        Ok(json!({}))
    }
}

fn set(settings: &mut Settings, attributes: &BTreeMap<String, String>) -> Result<(), Refusal> {
    attributes
        .iter()
        .try_for_each(|(name, value)| settings.set(name, value))
}

fn attribute(
    queue: &Queue,
    name: &str,
    now_ms: Millis,
    wanted: &str,
) -> Result<Option<(String, String)>, Refusal> {
    let depth = queue.depth(now_ms);
    let value = match wanted {
        "QueueArn" => Some(arn(name)),
        "ApproximateNumberOfMessages" => Some(depth.visible.to_string()),
        "ApproximateNumberOfMessagesNotVisible" => Some(depth.in_flight.to_string()),
        "ApproximateNumberOfMessagesDelayed" => Some(depth.delayed.to_string()),
        "CreatedTimestamp" => Some((queue.created_ms / 1000).to_string()),
        "LastModifiedTimestamp" => Some((queue.changed_ms / 1000).to_string()),
        "FifoQueue" | "ContentBasedDeduplication" => return Err(unknown(wanted)),
        _ => queue.settings.get(wanted)?,
    };
    Ok(value.map(|value| (wanted.to_owned(), value)))
}

pub(super) fn queue_url(base_url: &str, name: &str) -> String {
    format!("{base_url}/000000000000/{name}")
}
