//! The stages driven by their queues on virtual time: nothing sleeps, the clock moves to whatever is due next.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, ManualClock, Millis};

use crate::cloud::{Cloud, Functions};
use crate::sqs::Sqs;
use crate::watch::SharedWatch;

/// Rounds that a drain makes before it says that something never ends.
const ROUNDS_MAX: usize = 100_000;

/// Drives the stages of one deployment.
pub struct Pump<'c> {
    cloud: &'c Cloud,
    clock: Arc<ManualClock>,
    watch: SharedWatch,
    sqs: aws_sdk_sqs::Client,
    start: Box<dyn Fn() -> Result<Functions> + 'c>,
    functions: Functions,
    crashes: u64,
}

impl<'c> Pump<'c> {
    /// A pump whose functions are made by `start`: now, and again after every crash.
    ///
    /// # Errors
    /// When the functions cannot start.
    pub fn new(
        cloud: &'c Cloud,
        clock: Arc<ManualClock>,
        watch: SharedWatch,
        start: impl Fn() -> Result<Functions> + 'c,
    ) -> Result<Self> {
        let functions = start()?;
        let sqs = cloud.aws.link().sqs();
        Ok(Self {
            cloud,
            clock,
            watch,
            sqs,
            start: Box::new(start),
            functions,
            crashes: 0,
        })
    }

    /// The functions as they run now.
    #[must_use]
    pub fn functions(&self) -> &Functions {
        &self.functions
    }

    /// How often a process crashed.
    #[must_use]
    pub fn crashes(&self) -> u64 {
        self.crashes
    }

    /// Runs every message that is visible or becomes visible, until no queue holds one.
    ///
    /// # Errors
    /// When a queue does not answer, or the work does not end.
    pub async fn drain(&mut self) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let mut worked = false;
            for stage in Stage::ALL {
                worked |= self.turn(stage).await?;
            }
            if worked {
                continue;
            }
            match self.next_due() {
                Some(due_ms) => self.clock.set(due_ms.max(self.clock.now_ms())),
                None => return Ok(()),
            }
        }
        bail!("messages still come back after {ROUNDS_MAX} rounds")
    }

    fn next_due(&self) -> Option<Millis> {
        let queues = Stage::ALL.iter().filter_map(|stage| self.queue_of(*stage));
        self.cloud.aws.sqs.next_due_ms(queues)
    }

    fn queue_of(&self, stage: Stage) -> Option<&str> {
        self.cloud
            .template
            .functions
            .get(stage.as_str())?
            .queue
            .as_deref()
    }

    /// One message of one stage, if one is visible.
    async fn turn(&mut self, stage: Stage) -> Result<bool> {
        let queue = self
            .queue_of(stage)
            .with_context(|| format!("stage `{stage}` has no queue"))?;
        let url = Sqs::queue_url(queue);
        let received = self
            .sqs
            .receive_message()
            .queue_url(&url)
            .max_number_of_messages(1)
            .message_system_attribute_names(MessageSystemAttributeName::All)
            .send()
            .await?;
        let Some(message) = received.messages.unwrap_or_default().into_iter().next() else {
            return Ok(false);
        };
        let receipt = message.receipt_handle.clone().unwrap_or_default();
        let mut event = SqsEvent::default();
        event.records.push(record(message, queue));
        let deadline_ms = self
            .clock
            .now_ms()
            .saturating_add(self.cloud.timeout_ms(stage.as_str()));
        let answer = tokio::select! {
            biased;
            () = self.watch.crashed() => None,
            answer = self.functions.invoke(stage, event, deadline_ms) => Some(answer),
        };
        match answer {
            Some(Ok(answer)) if answer.batch_item_failures.is_empty() => {
                self.sqs
                    .delete_message()
                    .queue_url(&url)
                    .receipt_handle(receipt)
                    .send()
                    .await?;
            }
            Some(_) => {}
            None => {
                self.crashes += 1;
                self.functions = (self.start)()?;
            }
        }
        Ok(true)
    }
}

/// A received message as the event source mapping hands it to a function.
fn record(message: Message, queue: &str) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = message.message_id;
    record.receipt_handle = message.receipt_handle;
    record.body = message.body;
    record.event_source = Some("aws:sqs".to_owned());
    record.event_source_arn = Some(crate::sqs::arn(queue));
    let attributes = message.attributes.unwrap_or_default();
    record.attributes = attributes
        .into_iter()
        .map(|(name, value)| (name.as_str().to_owned(), value))
        .collect();
    record
}
