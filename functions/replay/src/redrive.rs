//! Dead letters, moved back to the queue that they came from.
//!
//! What is in a dead-letter queue was received [`maxReceiveCount`] times and never settled: its function was killed,
//! or the tables or the queue did not answer for hours. That is worth another try. A message that nobody can work on
//! is never in it: the stage parks it as a row with its reason and deletes it, so a redrive cannot stir it up. A message
//! that kills its function again and again has its claims counted, and is parked once they are used up.
//!
//! [`maxReceiveCount`]: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html

use std::collections::BTreeMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::QueueAttributeName;
use ratchet_domain::stage::Stage;
use ratchet_runtime::config::Reader;

use crate::summary::{Redrive, Redriven};

/// Messages that a redrive moves in a second. Reason: slow enough that what fails again is seen, fast enough that a
/// thousand are back within two minutes.
const MESSAGES_PER_SECOND: i32 = 10;

/// The dead-letter queues of the stages.
#[derive(Debug, Clone)]
pub(crate) struct DeadLetters {
    client: Client,
    queues: BTreeMap<Stage, Dlq>,
}

#[derive(Debug, Clone)]
struct Dlq {
    arn: String,
    url: String,
}

impl DeadLetters {
    /// Reads `<STAGE>_DLQ_ARN` of every stage.
    pub(crate) fn read(client: Client, reader: &mut Reader<'_>) -> Self {
        let queues = Stage::ALL.map(|stage| {
            let (_, url) = reader.queue_url(stage);
            let arn = reader.text(&stage.queue_url_variable().replace("_QUEUE_URL", "_DLQ_ARN"));
            let url = url_beside(&url, &arn);
            (stage, Dlq { arn, url })
        });
        Self {
            client,
            queues: queues.into(),
        }
    }

    /// Moves the stage's dead letters back; nothing when there are none.
    pub(crate) async fn redrive(&self, stage: Stage) -> Option<Redriven> {
        let dlq = self.queues.get(&stage)?;
        let (outcome, messages) = match self.depth(dlq).await {
            Ok(0) => return None,
            Ok(messages) => (self.start(stage, dlq).await, messages),
            Err(code) => {
                tracing::warn!(stage = %stage, code, "dead letters could not be counted");
                (Redrive::Failed, 0)
            }
        };
        Some(Redriven {
            stage: stage.as_str().to_owned(),
            outcome,
            messages,
        })
    }

    async fn depth(&self, dlq: &Dlq) -> Result<u64, String> {
        let name = QueueAttributeName::ApproximateNumberOfMessages;
        let answer = self
            .client
            .get_queue_attributes()
            .queue_url(&dlq.url)
            .attribute_names(name.clone())
            .send()
            .await
            .map_err(|error| code(&error))?;
        let count = answer.attributes().and_then(|attributes| attributes.get(&name));
        count
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(|| "NoCount".to_owned())
    }

    async fn start(&self, stage: Stage, dlq: &Dlq) -> Redrive {
        if self.is_running(dlq).await {
            return Redrive::Running;
        }
        let started = self
            .client
            .start_message_move_task()
            .source_arn(&dlq.arn)
            .max_number_of_messages_per_second(MESSAGES_PER_SECOND)
            .send()
            .await;
        match started {
            Ok(_) => Redrive::Started,
            // Somebody else started one meanwhile, or this very request landed and its answer was lost.
            Err(_) if self.is_running(dlq).await => Redrive::Running,
            Err(error) => {
                tracing::warn!(stage = %stage, code = code(&error), "redrive did not start");
                Redrive::Failed
            }
        }
    }

    /// Whether the newest move of this queue is under way. One that cannot be looked up is taken for none: a second start
    /// is refused by the service.
    async fn is_running(&self, dlq: &Dlq) -> bool {
        let answer = self
            .client
            .list_message_move_tasks()
            .source_arn(&dlq.arn)
            .max_results(1)
            .send()
            .await;
        answer.is_ok_and(|tasks| {
            tasks
                .results()
                .iter()
                .any(|task| task.status() == Some("RUNNING"))
        })
    }
}

/// The URL of the queue with this ARN: both queues of a stage are in one account and region, so only the name differs.
fn url_beside(url: &str, arn: &str) -> String {
    let account = url.rsplit_once('/').map_or("", |(account, _)| account);
    let name = arn.rsplit_once(':').map_or(arn, |(_, name)| name);
    format!("{account}/{name}")
}

fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code.unwrap_or("NoAnswer").to_owned()
}

#[cfg(test)]
mod tests {
    use super::url_beside;

    #[test]
    fn the_url_of_the_dead_letters_is_beside_the_queues() {
        assert_eq!(
            url_beside(
                "https://sqs.eu-west-1.amazonaws.com/123456789012/ratchet-map",
                "arn:aws:sqs:eu-west-1:123456789012:ratchet-map-dlq"
            ),
            "https://sqs.eu-west-1.amazonaws.com/123456789012/ratchet-map-dlq"
        );
    }
}
