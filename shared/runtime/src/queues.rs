//! The stages' queues: the guard's outbox over SQS, and the visibility of what comes again.

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use ratchet_domain::stage::Stage;
use ratchet_guard::Outbox;
use thiserror::Error;

use crate::trace;

/// Longest visibility that SQS grants, in seconds. Source: SQS quotas, 12 hours from the receive.
const VISIBILITY_SECONDS_MAX: u64 = 43_000;

/// Longest delay of a message, in seconds. Source: SQS quotas.
const DELAY_SECONDS_MAX: u64 = 900;

/// Entries of one `SendMessageBatch`. Source: SQS quotas.
const BATCH_ENTRIES_MAX: usize = 10;

/// A queue did not take a message, or its answer did not come.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("queue did not take the message stage=`{stage}` code=`{code}`")]
pub struct QueueError {
    /// Whose queue.
    pub stage: String,
    /// The service's code, or the kind of the failure.
    pub code: String,
}

impl From<QueueError> for ratchet_guard::StageError {
    fn from(error: QueueError) -> Self {
        Self::NotRead {
            why: error.to_string(),
            retry_after_ms: None,
        }
    }
}

/// The queues that this function may write to.
#[derive(Debug, Clone)]
pub struct Queues {
    client: Client,
    urls: BTreeMap<Stage, String>,
}

impl Queues {
    /// Queues at these URLs.
    #[must_use]
    pub fn new(client: Client, urls: BTreeMap<Stage, String>) -> Self {
        Self { client, urls }
    }

    fn url(&self, stage: &str) -> Result<&str, QueueError> {
        Stage::from_name(stage)
            .and_then(|stage| self.urls.get(&stage))
            .map(String::as_str)
            .ok_or_else(|| QueueError {
                stage: stage.to_owned(),
                code: "NoSuchQueueHere".to_owned(),
            })
    }

    async fn send_one(&self, stage: &str, body: &str) -> Result<(), QueueError> {
        let sent = self
            .client
            .send_message()
            .queue_url(self.url(stage)?)
            .message_body(body);
        let sent = traced(sent, body).send().await;
        sent.map(|_| ()).map_err(|error| failed(stage, &error))
    }

    /// Puts a message back as a fresh one that comes after `seconds`: the one it replaces is then deleted, so that
    /// waiting is never counted as a receive.
    ///
    /// # Errors
    /// [`QueueError`].
    pub async fn send_later(&self, stage: Stage, body: &str, seconds: u64) -> Result<(), QueueError> {
        let seconds = i32::try_from(seconds.min(DELAY_SECONDS_MAX)).unwrap_or(i32::MAX);
        let sent = self
            .client
            .send_message()
            .queue_url(self.url(stage.as_str())?)
            .message_body(body)
            .delay_seconds(seconds);
        let sent = traced(sent, body).send().await;
        sent.map(|_| ()).map_err(|error| failed(stage.as_str(), &error))
    }

    async fn send_batch(&self, stage: &str, bodies: &[&str]) -> Result<(), QueueError> {
        let mut request = self.client.send_message_batch().queue_url(self.url(stage)?);
        for (index, body) in bodies.iter().enumerate() {
            let mut entry = SendMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .message_body(*body);
            if let Some((name, value)) = trace::attribute(body) {
                entry = entry.message_system_attributes(name, value);
            }
            let entry = entry.build().map_err(|_| QueueError {
                stage: stage.to_owned(),
                code: "ConstructionFailure".to_owned(),
            })?;
            request = request.entries(entry);
        }
        let answer = request.send().await.map_err(|error| failed(stage, &error))?;
        match answer.failed().first() {
            Some(entry) => Err(QueueError {
                stage: stage.to_owned(),
                code: entry.code().to_owned(),
            }),
            None => Ok(()),
        }
    }

    /// Lets a message come back after `seconds`. Without it the message comes back with its queue's visibility.
    ///
    /// # Errors
    /// [`QueueError`]; harmless, since the queue's own visibility then holds.
    pub async fn come_back(&self, stage: Stage, receipt: &str, seconds: u64) -> Result<(), QueueError> {
        let seconds = i32::try_from(seconds.min(VISIBILITY_SECONDS_MAX)).unwrap_or(i32::MAX);
        let changed = self
            .client
            .change_message_visibility()
            .queue_url(self.url(stage.as_str())?)
            .receipt_handle(receipt)
            .visibility_timeout(seconds)
            .send()
            .await;
        changed
            .map(|_| ())
            .map_err(|error| failed(stage.as_str(), &error))
    }
}

impl Outbox for Queues {
    type Error = QueueError;

    async fn put(&self, messages: &[(&str, String)]) -> Result<(), QueueError> {
        let mut by_stage: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (stage, body) in messages {
            by_stage.entry(stage).or_default().push(body);
        }
        for (stage, bodies) in by_stage {
            if let [body] = bodies.as_slice() {
                self.send_one(stage, body).await?;
                continue;
            }
            for chunk in bodies.chunks(BATCH_ENTRIES_MAX) {
                self.send_batch(stage, chunk).await?;
            }
        }
        Ok(())
    }
}

/// The send, with the trace of its message beside it.
fn traced(send: SendMessageFluentBuilder, body: &str) -> SendMessageFluentBuilder {
    match trace::attribute(body) {
        Some((name, value)) => send.message_system_attributes(name, value),
        None => send,
    }
}

fn failed<E, R>(stage: &str, error: &aws_sdk_sqs::error::SdkError<E, R>) -> QueueError
where
    E: aws_sdk_sqs::error::ProvideErrorMetadata,
{
    let code = error
        .as_service_error()
        .and_then(aws_sdk_sqs::error::ProvideErrorMetadata::code)
        .unwrap_or("NoAnswer");
    QueueError {
        stage: stage.to_owned(),
        code: code.to_owned(),
    }
}
