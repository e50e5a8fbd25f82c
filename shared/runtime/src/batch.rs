//! A batch of messages to a partial response: what is settled is deleted, what is not comes back when it should.

use std::future::Future;
use std::panic::AssertUnwindSafe;

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use futures::FutureExt;
use ratchet_domain::message::{Envelope, MessageError};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Disposition, Ledger, StageError, WorkKey};
use thiserror::Error;

use crate::guardrails::{Gate, Guardrails};
use crate::queues::Queues;
use crate::{metric, trace};

/// One invocation of a function.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The ledger, with this invocation's deadline in its leases.
    pub ledger: Ledger,
    /// The message as it stood in the queue: what a sweep sends again.
    pub message: String,
    /// The trace that the message belongs to.
    pub trace: Option<String>,
}

/// A stage that a queue drives.
pub trait QueueStage: Sync {
    /// Which stage.
    const STAGE: Stage;

    /// Its ledger, without a deadline yet.
    fn ledger(&self) -> &Ledger;

    /// Its own queue and those that it passes on to.
    fn queues(&self) -> &Queues;

    /// What is held back: pauses and limits, which every message meets before its stage.
    fn guardrails(&self) -> &Guardrails;

    /// The five moves.
    fn handle(
        &self,
        invocation: &Invocation,
        envelope: &Envelope,
    ) -> impl Future<Output = Result<(), StageError>> + Send;

    /// Called before a message is deleted, whether its work is done, parked or poison: the last chance to note that
    /// it is on record. Nothing unless said.
    fn settled(&self, _envelope: &Envelope) -> impl Future<Output = Result<(), StageError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// A batch that cannot be answered message by message; all of it comes back.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum BatchError {
    /// An empty identifier in a partial response fails the whole batch, so none is answered for.
    #[error("a message has no id, the batch comes back stage=`{0}`")]
    NoMessageId(Stage),
}

/// Handles every message of the batch by itself: a panic or a failure of one touches no other.
///
/// # Errors
/// [`BatchError`] when a message cannot be named in the response.
pub async fn handle<S: QueueStage>(
    stage: &S,
    event: SqsEvent,
    deadline_ms: Millis,
) -> Result<SqsBatchResponse, BatchError> {
    let mut response = SqsBatchResponse::default();
    if event
        .records
        .iter()
        .any(|message| message.message_id.as_deref().unwrap_or_default().is_empty())
    {
        return Err(BatchError::NoMessageId(S::STAGE));
    }
    let ledger = stage.ledger().until(deadline_ms);
    for message in event.records {
        if one(stage, &ledger, &message).await == Fate::ComesBack {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message.message_id.unwrap_or_default();
            response.batch_item_failures.push(failure);
        }
    }
    Ok(response)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Deleted,
    ComesBack,
}

async fn one<S: QueueStage>(stage: &S, ledger: &Ledger, message: &SqsMessage) -> Fate {
    let started_ms = ledger.now_ms();
    let body = message.body.as_deref().unwrap_or_default();
    let envelope = Envelope::parse(S::STAGE, body);
    lend(stage, ledger, message).await;
    let outcome = match gated(stage, ledger, envelope.as_ref().ok()).await {
        Ok(Gate::Closed { seconds, why }) => return waits(stage, ledger, message, seconds, why).await,
        Ok(Gate::Open(slot)) => {
            let outcome = AssertUnwindSafe(moves(stage, ledger, body, &envelope))
                .catch_unwind()
                .await;
            stage.guardrails().leave(slot).await;
            outcome
        }
        Err(error) => Ok(Err(error)),
    };
    let duration_ms = ledger.now_ms().saturating_sub(started_ms);
    metric::count(metric::STAGE_LATENCY, S::STAGE.as_str(), duration_ms);
    let trace_id = envelope.as_ref().map_or("", trace::id_of);
    let error = match outcome {
        Ok(Ok(())) => {
            tracing::info!(stage = %S::STAGE, trace_id, disposition = "settled", duration_ms, "message is settled");
            return settled(stage, ledger, message, envelope.as_ref().ok()).await;
        }
        Ok(Err(error)) => error,
        Err(_panic) => {
            tracing::error!(stage = %S::STAGE, trace_id, disposition = "retry", duration_ms, "stage panicked, its message comes back");
            return comes_back(stage, ledger, message, None).await;
        }
    };
    let disposition = error.disposition();
    if matches!(error, StageError::Conflict { .. }) {
        metric::count(metric::CONTENT_CONFLICT, S::STAGE.as_str(), 1);
        tracing::error!(stage = %S::STAGE, "same key, other content: {error}");
    }
    tracing::warn!(stage = %S::STAGE, trace_id, ?disposition, duration_ms, "message is not done: {error}");
    match disposition {
        Disposition::Settled => settled(stage, ledger, message, envelope.as_ref().ok()).await,
        Disposition::Busy { until_ms } => comes_back(stage, ledger, message, Some(until_ms)).await,
        Disposition::Retry { at_ms, after_ms } => {
            let at_ms = at_ms.or_else(|| after_ms.map(|after_ms| ledger.now_ms().saturating_add(after_ms)));
            comes_back(stage, ledger, message, at_ms).await
        }
        Disposition::ParkMessage { code } => {
            let parked = ledger
                .park_message(S::STAGE.as_str(), body, code, &error.to_string())
                .await;
            metric::count(metric::PARKED, code, 1);
            match parked {
                Ok(_) => settled(stage, ledger, message, envelope.as_ref().ok()).await,
                Err(error) => {
                    tracing::warn!(stage = %S::STAGE, "message could not be parked: {error}");
                    comes_back(stage, ledger, message, None).await
                }
            }
        }
    }
}

/// Hides the message for as long as its lease will last, and no longer: after a crash it comes back with the end of the
/// lease instead of the queue's whole visibility. Without it the message only comes later.
async fn lend<S: QueueStage>(stage: &S, ledger: &Ledger, message: &SqsMessage) {
    let lease_ms = ledger
        .timing()
        .lease_until(ledger.deadline_ms())
        .saturating_sub(ledger.now_ms());
    let receipt = message.receipt_handle.as_deref().unwrap_or_default();
    let lent = stage
        .queues()
        .come_back(S::STAGE, receipt, lease_ms.div_ceil(1000))
        .await;
    if let Err(error) = lent {
        tracing::warn!(stage = %S::STAGE, "message keeps its queue's visibility: {error}");
    }
}

/// Whether the message may be worked on; one that does not read is not held back, since it is only parked.
async fn gated<S: QueueStage>(
    stage: &S,
    ledger: &Ledger,
    envelope: Option<&Envelope>,
) -> Result<Gate, StageError> {
    let Some(envelope) = envelope else {
        return Ok(Gate::Open(None));
    };
    let org = &envelope.body.ticket().org;
    stage.guardrails().gate(S::STAGE, org, ledger.deadline_ms()).await
}

/// The message waits as a fresh one; neither a receive nor an attempt is counted for it.
async fn waits<S: QueueStage>(
    stage: &S,
    ledger: &Ledger,
    message: &SqsMessage,
    seconds: u64,
    why: &'static str,
) -> Fate {
    metric::count(metric::HELD, why, 1);
    let body = message.body.as_deref().unwrap_or_default();
    match stage.queues().send_later(S::STAGE, body, seconds).await {
        Ok(()) => Fate::Deleted,
        Err(error) => {
            tracing::warn!(stage = %S::STAGE, "message is held back and stays as it is: {error}");
            let at_ms = ledger.now_ms().saturating_add(seconds.saturating_mul(1000));
            comes_back(stage, ledger, message, Some(at_ms)).await
        }
    }
}

async fn moves<S: QueueStage>(
    stage: &S,
    ledger: &Ledger,
    body: &str,
    envelope: &Result<Envelope, MessageError>,
) -> Result<(), StageError> {
    let envelope = envelope.as_ref().map_err(|error| StageError::Poison {
        code: "unreadable_message",
        detail: error.to_string(),
    })?;
    let invocation = Invocation {
        ledger: ledger.clone(),
        message: body.to_owned(),
        trace: envelope.trace.clone(),
    };
    stage.handle(&invocation, envelope).await
}

async fn settled<S: QueueStage>(
    stage: &S,
    ledger: &Ledger,
    message: &SqsMessage,
    envelope: Option<&Envelope>,
) -> Fate {
    let Some(envelope) = envelope else {
        return Fate::Deleted;
    };
    match stage.settled(envelope).await {
        Ok(()) => Fate::Deleted,
        Err(error) => {
            tracing::warn!(stage = %S::STAGE, "message is settled and could not be noted as such: {error}");
            comes_back(stage, ledger, message, None).await
        }
    }
}

/// Sets when the message comes back: at that time, or after a backoff from how often it was received.
async fn comes_back<S: QueueStage>(
    stage: &S,
    ledger: &Ledger,
    message: &SqsMessage,
    at_ms: Option<Millis>,
) -> Fate {
    let delay_ms = match at_ms {
        Some(at_ms) => at_ms.saturating_sub(ledger.now_ms()),
        None => {
            let received = message
                .attributes
                .get("ApproximateReceiveCount")
                .and_then(|count| count.parse().ok());
            let key = WorkKey::new(
                S::STAGE.as_str(),
                message.message_id.as_deref().unwrap_or_default(),
            );
            ledger.timing().backoff_ms(&key, received.unwrap_or(1))
        }
    };
    let receipt = message.receipt_handle.as_deref().unwrap_or_default();
    // Whole seconds, rounded up: a message that comes a moment before its lease ends only costs another round.
    if let Err(error) = stage
        .queues()
        .come_back(S::STAGE, receipt, delay_ms.div_ceil(1000))
        .await
    {
        tracing::warn!(stage = %S::STAGE, "message keeps its queue's visibility: {error}");
    }
    Fate::ComesBack
}
