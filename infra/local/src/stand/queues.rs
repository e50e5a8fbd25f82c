//! The queues of a stand: one message at a time, as the event source mappings would.

use anyhow::{Result, bail};
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::Clock;

use super::Stand;

const ROUNDS_MAX: usize = 1_000;

impl Stand {
    /// Runs what is visible in the queues now, until nothing is. A crash leaves its message in flight.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn drain(&self) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let mut worked = false;
            for stage in Stage::ALL {
                worked |= Box::pin(self.turn(stage)).await?;
            }
            if !worked {
                return Ok(());
            }
        }
        bail!("the queues do not run empty")
    }

    /// Handles one message of a stage; false where none is visible.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn turn(&self, stage: Stage) -> Result<bool> {
        let queue = queue_of(stage);
        let Some(received) = self.cloud.aws.sqs.receive(&queue, 1).into_iter().next() else {
            return Ok(false);
        };
        let mut record = SqsMessage::default();
        record.message_id = Some(received.message.id.clone());
        record.receipt_handle = Some(received.receipt.clone());
        record.body = Some(received.message.body.clone());
        let mut event = SqsEvent::default();
        event.records.push(record);
        let functions = self.functions()?;
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms(stage.as_str());
        let answer = tokio::select! {
            biased;
            () = self.tap.crashed.notified() => return Ok(true),
            answer = functions.invoke(stage, event, deadline_ms) => answer?,
        };
        if answer.batch_item_failures.is_empty() {
            self.cloud.aws.sqs.delete(&queue, &received.receipt);
        }
        Ok(true)
    }

    /// Everything that is visible or in flight in a stage's queue.
    pub fn queued(&self, stage: Stage) -> Vec<String> {
        self.cloud.aws.sqs.read(|state| {
            let queue = state.queues.get(&queue_of(stage));
            let messages = queue.into_iter().flat_map(|queue| queue.messages.values());
            messages.map(|message| message.body.clone()).collect()
        })
    }

    /// Loses every message of a stage's queue.
    pub fn lose(&self, stage: Stage) {
        self.cloud.aws.sqs.edit(|state, _| {
            if let Some(queue) = state.queues.get_mut(&queue_of(stage)) {
                queue.messages.clear();
            }
        });
    }
}

/// The name of a stage's queue in the template.
pub fn queue_of(stage: Stage) -> String {
    let words = stage.as_str().split('-').map(|word| {
        let (head, tail) = word.split_at(1);
        format!("{}{tail}", head.to_ascii_uppercase())
    });
    format!("{}Queue", words.collect::<String>())
}
