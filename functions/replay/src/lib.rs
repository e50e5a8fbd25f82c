//! Brings stuck work back, whoever calls: an alarm, a schedule, an operator.
//!
//! It decides nothing about the work itself. It puts messages into queues again, and every stage is safe to run again; so
//! the worst that a replay too many can do is a message that finds its work done.
//!
//! What it looks at costs what is stuck, not what was ever done: a sparse index holds the unfinished rows.
//! - **Events** past their hand-over that no stage has consumed: their message was lost, or never sent.
//! - **Claims** past their lease or their backoff: their function was killed, or its message is late.
//! - **Waiting** work whose time has come, as a bug at its cap.
//! - **Parked** work that a retry can mend ([`ratchet_domain::park::Mend`]); on an alarm or an operator's word only.
//! - **Dead letters**, moved back at a bounded rate. A message that nobody can work on is never among them.
//!
//! Work that a sweep has sent again is left alone for a while, and for longer the longer it is stuck: a backlog gets a
//! few more messages, not one more every sweep. What went out so often that no stage can be meant to claim it is parked.
//! A trigger is work like any other: it is claimed, its summary is sealed, and the same trigger again is answered from the
//! record. One whose invocation died is found by the next sweep, which does what was asked.

mod redrive;
mod summary;
mod sweep;
mod trigger;

use std::sync::Arc;

use lambda_runtime::Error;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, Millis};
use ratchet_guard::intake::Events;
use ratchet_guard::{Claim, Decision, Ledger, StageError, Why};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::metric;
use ratchet_runtime::orgs::Orgs;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::serve::Function;
use serde_json::Value;

pub use summary::{Redrive, Redriven, Status, Summary};
pub use trigger::TriggerError;

use redrive::DeadLetters;
use sweep::Sweep;
use trigger::{Kind, Reading, STAGE, Trigger};

/// The part of an invocation's time that is kept for what is under way when it stops: the calls of one message and the
/// seal.
const RESERVE_PART: u64 = 4;

/// The function.
#[derive(Clone)]
pub struct Replay {
    ledger: Ledger,
    events: Events,
    queues: Queues,
    orgs: Orgs,
    dead_letters: DeadLetters,
    clock: Arc<dyn Clock>,
    resend_ms_base: u64,
    resend_ms_max: u64,
    resume_horizon_ms: u64,
}

impl Replay {
    /// Reads `LEDGER_TABLE` with the guard's durations, `EVENTS_TABLE`, `SETTINGS_TABLE`, `SETTINGS_CACHE_SECONDS`,
    /// `<STAGE>_QUEUE_URL` and `<STAGE>_DLQ_ARN` of every stage, `RESEND_BASE_MS`, `RESEND_MAX_MS` and
    /// `RESUME_HORIZON_SECONDS`.
    ///
    /// # Errors
    /// Every variable that is missing or bad, at once.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let replay = Self {
            ledger: deployment.ledger(&mut reader),
            events: deployment.events(&mut reader),
            queues: deployment.queues(&mut reader, &Stage::ALL),
            orgs: deployment.orgs(&mut reader),
            dead_letters: DeadLetters::read(deployment.sqs.clone(), &mut reader),
            clock: Arc::clone(&deployment.clock),
            resend_ms_base: reader.positive("RESEND_BASE_MS"),
            resend_ms_max: reader.number("RESEND_MAX_MS"),
            resume_horizon_ms: reader.number("RESUME_HORIZON_SECONDS").saturating_mul(1000),
        };
        if replay.resend_ms_base > replay.resend_ms_max {
            reader.check(Err("RESEND_BASE_MS must not exceed RESEND_MAX_MS"));
        }
        reader.done(replay)
    }

    /// When a sweep may send again what it sends now: after as long as it has been stuck, within bounds. A message whose
    /// queue is slow is so sent a few times a day, and not every few minutes.
    fn next_ms(&self, now_ms: Millis, since_ms: Millis) -> Millis {
        let stuck_ms = now_ms.saturating_sub(since_ms);
        now_ms.saturating_add(stuck_ms.min(self.resend_ms_max).max(self.resend_ms_base))
    }

    /// The trigger, once: claimed, done, sealed.
    async fn once(&self, ledger: &Ledger, trigger: &Trigger, depth: Depth) -> Result<Summary, StageError> {
        let claim = match ledger.claim(&trigger.work()).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed.result::<Summary>()?.again()),
            Decision::Parked(parked) => return Err(StageError::Parked(parked)),
        };
        let now_ms = ledger.now_ms();
        let reserve_ms = ledger.deadline_ms().saturating_sub(now_ms) / RESERVE_PART;
        let mut sweep = Sweep::new(
            self,
            ledger,
            trigger,
            ledger.deadline_ms().saturating_sub(reserve_ms),
        );
        if let Err(error) = sweep.run().await {
            let why = Why::new("sweep_failed", error.to_string());
            tracing::warn!(
                stage = STAGE,
                "trigger is not done: {}",
                claim.release(&why).await
            );
            return Err(error);
        }
        tell(&sweep, trigger, now_ms);
        let (left, summary) = (sweep.left, sweep.summary);
        seal(claim, trigger, &summary).await?;
        if depth == Depth::Asked {
            self.go_on_with(ledger, &left).await;
        }
        Ok(summary)
    }

    /// Triggers that an earlier invocation left: they are claimed like the first time, with what they asked for.
    async fn go_on_with(&self, ledger: &Ledger, left: &[Trigger]) {
        for trigger in left {
            let done = Box::pin(self.once(ledger, trigger, Depth::Left)).await;
            if let Err(error) = done {
                tracing::warn!(stage = STAGE, "a trigger that was left is not done: {error}");
            }
        }
    }
}

/// Whether somebody waits for the answer, or a sweep came across the trigger. Only the former looks for the latter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Depth {
    Asked,
    Left,
}

/// The summary on record. What an alarm or an operator asked for and was not finished stays open instead: the next sweep
/// finds it. A schedule's rest needs no such care, since its next tick does it.
async fn seal(claim: Claim, trigger: &Trigger, summary: &Summary) -> Result<(), StageError> {
    if summary.more && trigger.kind != Kind::Schedule {
        let why = Why::new(
            "more_to_do",
            "the invocation's time was up, or a queue did not answer",
        );
        tracing::info!(stage = STAGE, "trigger stays open: {}", claim.release(&why).await);
        return Ok(());
    }
    claim.decide(summary.clone()).seal().await.map(drop)
}

/// One line with what was done, and one metric: how long the oldest piece of work has been past due.
fn tell(sweep: &Sweep<'_>, trigger: &Trigger, now_ms: Millis) {
    let summary = &sweep.summary;
    tracing::info!(
        stage = STAGE,
        trigger = trigger.kind.as_str(),
        events = summary.events,
        claims = summary.claims,
        waiting = summary.waiting,
        resumed = summary.resumed,
        parked = summary.parked,
        unreadable = summary.unreadable,
        redriven = summary.redriven.len(),
        more = summary.more,
        "swept"
    );
    if trigger.is_for_all() {
        let oldest_unfinished_seconds = now_ms.saturating_sub(sweep.oldest_due.unwrap_or(now_ms)) / 1000;
        metric::count(metric::OLDEST_UNFINISHED, "", oldest_unfinished_seconds);
    }
}

impl Function for Replay {
    type Event = Value;
    type Answer = Summary;

    async fn call(&self, event: Value, deadline_ms: u64) -> Result<Summary, Error> {
        let trigger = match trigger::read(&event)? {
            Reading::Act(trigger) => trigger,
            Reading::Ignore(why) => return Ok(Summary::ignored(why)),
        };
        if let Some(org) = &trigger.org {
            self.orgs.settings(org).await?;
        }
        let started_ms = self.clock.now_ms();
        let summary = self
            .once(&self.ledger.until(deadline_ms), &trigger, Depth::Asked)
            .await?;
        let duration_ms = self.clock.now_ms().saturating_sub(started_ms);
        tracing::info!(stage = STAGE, status = ?summary.status, duration_ms, "trigger is handled");
        Ok(summary)
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay")
            .field("ledger", &self.ledger)
            .field("queues", &self.queues)
            .finish_non_exhaustive()
    }
}
