//! Moves that always come together, for a workflow of several steps in one function.

use std::future::Future;

use serde::Serialize;

use super::{Claim, Decision, Ledger, Park, Sealed};
use crate::effect::Guarded;
use crate::error::StageError;
use crate::outcome::Why;
use crate::work::Work;

impl Ledger {
    /// Claims, acts and seals: the effect is made once, and its record is answered however often this is called.
    ///
    /// # Errors
    /// As [`Ledger::claim`], [`Claim::act`] and [`super::Acted::seal`]; [`StageError::Parked`] also for work that was
    /// parked before.
    pub async fn once<G: Guarded>(&self, work: &Work, effect: G) -> Result<Sealed, StageError> {
        // In a box, since a workflow holds many of these: the SDK's futures are large.
        Box::pin(async {
            match self.claim(work).await? {
                Decision::Run(claim) => claim.act(effect).await?.seal().await,
                Decision::Replay(sealed) => Ok(sealed),
                Decision::Parked(parked) => Err(StageError::Parked(parked)),
            }
        })
        .await
    }

    /// Runs `steps`, each under its own claim, as one work: it is unfinished until they all are, so that a crash between
    /// two of them is found like any other, and its record is answered once they are done.
    ///
    /// The claim on the whole keeps a second run of the same steps out while this one lives; it guards none of their
    /// effects. When a step does not succeed, the whole ends as [`Claim::end_as`] says.
    ///
    /// # Errors
    /// As [`Ledger::claim`]; the error of the step that did not succeed; [`StageError::Parked`] for work that was parked
    /// before.
    pub async fn whole<T: Serialize>(
        &self,
        work: &Work,
        steps: impl Future<Output = Result<T, StageError>>,
    ) -> Result<Sealed, StageError> {
        let claim = match Box::pin(self.claim(work)).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed),
            Decision::Parked(parked) => return Err(StageError::Parked(parked)),
        };
        match steps.await {
            Ok(result) => Box::pin(claim.decide(result).seal()).await,
            Err(error) => Err(Box::pin(claim.end_as(error)).await),
        }
    }
}

impl Claim {
    /// Ends this claim as a step within it ended, for work that is made of steps under their own claims.
    ///
    /// | The step | This work |
    /// |---|---|
    /// | is busy, is retried, or waits for a time | waits for that time; its attempts are counted by the step |
    /// | waits for a person, or cannot be worked on | waits for a person, with the step's reason |
    /// | met a ledger that did not answer | is due again after a backoff, or when its lease ends |
    ///
    /// Each step carries its own proof, so nothing is lost when this claim ends and its lease with it.
    pub async fn end_as(self, step: StageError) -> StageError {
        let now_ms = self.now_ms();
        let detail = step.to_string();
        let park = match &step {
            StageError::Busy { until_ms, .. } => Park::until("step_busy", detail, *until_ms),
            StageError::Retry { at_ms, .. } => Park::until("step_retried", detail, *at_ms),
            StageError::NotRead { retry_after_ms, .. } => {
                let backoff_ms = self.ledger.timing().backoff_ms(&self.key, self.attempts);
                let delay_ms = retry_after_ms.unwrap_or(backoff_ms);
                Park::until("step_not_read", detail, now_ms.saturating_add(delay_ms))
            }
            StageError::Parked(parked) => match parked.resume_at() {
                Some(resume_at) => Park::until("step_waits", detail, resume_at),
                None => Park::for_a_person("step_needs_review", detail),
            },
            StageError::Poison { code, .. } => Park::for_a_person(code, detail),
            StageError::Conflict { .. } => Park::for_a_person("content_conflict", detail),
            StageError::Unreadable { .. } => Park::for_a_person("unreadable_record", detail),
            StageError::Store(_) => {
                let why = Why::new("ledger_unavailable", detail);
                return self.release(&why).await;
            }
        };
        match self.park(park).await {
            Ok(_) => step,
            Err(error) => error,
        }
    }
}
