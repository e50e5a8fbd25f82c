//! Event source mappings: what Lambda does between a queue and a function.
//!
//! A batch is received, handed over as one event, and settled by the answer: what the answer does not name as failed
//! is deleted; what it names stays hidden as its function left it, or until the queue's visibility ends.
//! [`drain`] drives mappings on a clock that stands still between steps; [`Mapping::run`] on the machine's.

mod event;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt as _};
use ratchet_guard::clock::{Clock, ManualClock, Millis};
use thiserror::Error;

use crate::sqs::{Received, Sqs};
use crate::template::Source;

pub use event::record;

/// Longest time that an idle mapping waits before it looks again, whatever it was told.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Most messages that one receive hands out. Source: SQS quotas.
const RECEIVED_MAX: usize = 10;

/// The invocation ended without an answer: an error, a crash, a timeout. The whole batch comes again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("invocation ended without an answer reason=`{reason}`")]
pub struct Unanswered {
    /// What happened, for a log.
    pub reason: String,
}

/// What a mapping calls.
pub type Handler =
    Arc<dyn Fn(SqsEvent) -> BoxFuture<'static, Result<SqsBatchResponse, Unanswered>> + Send + Sync>;

/// Messages on their way through one invocation.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// What the function gets.
    pub event: SqsEvent,
}

/// Messages that wait for their batch to fill.
#[derive(Debug, Default)]
struct Waiting {
    /// When the window of the first one ends, in ms since the Unix epoch.
    until_ms: Millis,
    messages: Vec<Received>,
}

/// One queue that feeds one function.
#[derive(Clone)]
pub struct Mapping {
    sqs: Sqs,
    queue: String,
    batch_size: usize,
    window_ms: Millis,
    concurrency: usize,
    waiting: Arc<Mutex<Waiting>>,
    handler: Handler,
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mapping")
            .field("queue", &self.queue)
            .field("batch_size", &self.batch_size)
            .field("window_ms", &self.window_ms)
            .field("concurrency", &self.concurrency)
            .finish_non_exhaustive()
    }
}

impl Mapping {
    /// Feeds `handler` as `source` says: batches, their window, and how many invocations at once on the machine's clock;
    /// [`drain`] runs one at a time.
    #[must_use]
    pub fn new(sqs: Sqs, source: &Source, handler: Handler) -> Self {
        let whole = |count: u64| usize::try_from(count).unwrap_or(usize::MAX).max(1);
        Self {
            sqs,
            queue: source.queue.clone(),
            batch_size: whole(source.batch_size),
            window_ms: source.window_seconds.saturating_mul(1000),
            concurrency: source.concurrency_max.map_or(usize::MAX, whole),
            waiting: Arc::default(),
            handler,
        }
    }

    /// The queue's name.
    #[must_use]
    pub fn queue(&self) -> &str {
        &self.queue
    }

    /// Receives a batch, if messages are there: a full one, or what came until the window of its first message ended.
    #[must_use]
    pub fn poll(&self) -> Option<Batch> {
        let now_ms = self.sqs.now_ms();
        let mut waiting = self.waiting();
        while waiting.messages.len() < self.batch_size {
            let room = self.batch_size.saturating_sub(waiting.messages.len());
            let received = self.sqs.receive(&self.queue, room.min(RECEIVED_MAX));
            if received.is_empty() {
                break;
            }
            if waiting.messages.is_empty() {
                waiting.until_ms = now_ms.saturating_add(self.window_ms);
            }
            waiting.messages.extend(received);
        }
        let is_ready = waiting.messages.len() >= self.batch_size || now_ms >= waiting.until_ms;
        if waiting.messages.is_empty() || !is_ready {
            return None;
        }
        let received = std::mem::take(&mut waiting.messages);
        let mut event = SqsEvent::default();
        event.records = received
            .iter()
            .map(|received| record(&self.queue, received))
            .collect();
        Some(Batch { event })
    }

    /// Deletes what the answer does not name as failed.
    ///
    /// An answer that names a message which is not in the batch, or names none by its name, fails the whole batch,
    /// as at the service.
    pub fn settle(&self, batch: &Batch, answer: &Result<SqsBatchResponse, Unanswered>) {
        let Ok(answer) = answer else { return };
        let ids = || {
            batch
                .event
                .records
                .iter()
                .filter_map(|record| record.message_id.as_deref())
        };
        let failed: BTreeSet<&str> = answer
            .batch_item_failures
            .iter()
            .map(|failure| failure.item_identifier.as_str())
            .collect();
        let known: BTreeSet<&str> = ids().collect();
        if !failed.is_subset(&known) {
            return;
        }
        for record in &batch.event.records {
            let done = record
                .message_id
                .as_deref()
                .is_some_and(|id| !failed.contains(id));
            if let (true, Some(receipt)) = (done, &record.receipt_handle) {
                self.sqs.delete(&self.queue, receipt);
            }
        }
    }

    /// One invocation, from the event to the deletes.
    pub async fn invoke(&self, batch: Batch) {
        let answer = (self.handler)(batch.event.clone()).await;
        if let Err(unanswered) = &answer {
            tracing::warn!(queue = %self.queue, "batch comes back: {unanswered}");
        }
        self.settle(&batch, &answer);
    }

    /// Receives a batch and runs it to its end; false when no message was there.
    pub async fn step(&self) -> bool {
        match self.poll() {
            Some(batch) => {
                self.invoke(batch).await;
                true
            }
            None => false,
        }
    }

    /// Feeds the function until `stop` ends, then finishes what runs.
    pub async fn run(&self, clock: &dyn Clock, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut running = FuturesUnordered::new();
        loop {
            // Made before the look, so that nothing that happens in between is missed.
            let changed = self.sqs.changed();
            while running.len() < self.concurrency {
                let Some(batch) = self.poll() else { break };
                running.push(self.invoke(batch));
            }
            tokio::select! {
                // First of all: what ends now makes no room for another message.
                biased;
                () = &mut stop => break,
                Some(()) = running.next() => {}
                _ = tokio::time::timeout(self.idle(clock), changed) => {}
            }
        }
        while running.next().await.is_some() {}
    }

    /// When there may be something to do that is not there yet.
    fn due_ms(&self) -> Option<Millis> {
        let waiting = self.waiting();
        let window_ms = (!waiting.messages.is_empty()).then_some(waiting.until_ms);
        let queue_ms = self.sqs.next_due_ms([self.queue.as_str()]);
        window_ms.into_iter().chain(queue_ms).min()
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn idle(&self, clock: &dyn Clock) -> Duration {
        let due_ms = self.due_ms();
        let wait = due_ms.map(|due_ms| Duration::from_millis(due_ms.saturating_sub(clock.now_ms())));
        wait.map_or(LOOK_AGAIN, |wait| wait.min(LOOK_AGAIN))
    }
}

/// Messages still come again after as many steps as were granted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("queues are not empty after {invocations} invocations at {now_ms} ms")]
pub struct Endless {
    /// Invocations so far.
    pub invocations: u64,
    /// Where the clock got to, in ms since the Unix epoch.
    pub now_ms: u64,
}

/// Runs the mappings in turn, one invocation at a time, and moves the clock to whatever is due next whenever all are
/// idle, until no message of theirs is left; says how many invocations it took.
///
/// # Errors
/// [`Endless`] after `invocations_max`.
pub async fn drain(mappings: &[Mapping], clock: &ManualClock, invocations_max: u64) -> Result<u64, Endless> {
    let mut invocations = 0;
    loop {
        let mut worked = false;
        for mapping in mappings {
            if mapping.step().await {
                worked = true;
                invocations += 1;
            }
            if invocations > invocations_max {
                return Err(Endless {
                    invocations,
                    now_ms: clock.now_ms(),
                });
            }
        }
        if worked {
            continue;
        }
        let due = mappings.iter().filter_map(Mapping::due_ms).min();
        match due {
            Some(due_ms) => clock.set(due_ms.max(clock.now_ms())),
            None => return Ok(invocations),
        }
    }
}
