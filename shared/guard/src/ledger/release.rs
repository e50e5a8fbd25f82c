//! Ways to end an attempt without a result: release the lease, or leave it to run out. And to restate an intent.

use super::fenced::{Fenced, FencedUpdate, taken_over};
use super::size::{WORK_BYTES_MAX, bounded};
use super::together::Together;
use super::{Acted, Claim, Companion, Park};
use crate::clock::Millis;
use crate::error::StageError;
use crate::outcome::Why;
use crate::store::{number, text};

/// What an attempt that ends leaves of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trace {
    /// It sent nothing.
    Nothing,
    /// It sent something, and what became of it is on record.
    Told,
    /// It may have sent something, and nobody knows what became of it.
    Unknown,
}

impl<T> Acted<T> {
    /// Ends the attempt without a result, and writes the companions in the same transaction: an effect that came to nothing
    /// may still have had its price. `is_whole` says that they tell of all that was sent; otherwise the attempt counts as
    /// one that left no word. The work is due again as after [`Claim::release`], and its attempts are counted on.
    pub async fn release_with(self, why: &Why, is_whole: bool, companions: Vec<Companion>) -> StageError {
        let claim = self.claim;
        let trace = if is_whole { Trace::Told } else { Trace::Unknown };
        let (update, at_ms) = claim.ending(why, trace);
        let ledger = &claim.ledger;
        let written = ledger.write_together(&claim.key, claim.fence, update, companions);
        match written.await {
            Ok(Together::Written) => claim.retried(why, at_ms),
            Ok(Together::Lost(record)) => taken_over(claim.key, record, at_ms),
            Ok(Together::Refused { .. }) => StageError::Conflict { key: claim.key },
            // What is not told now is counted as left without a word.
            Ok(Together::Contended) => claim.end_lease(why, Trace::Unknown).await,
            Err(error) => error,
        }
    }
}

impl Claim {
    /// Ends the lease now, since this attempt sent nothing; the row and its count of attempts stay.
    /// The work is due again after the provider's own word, or after a backoff derived from the key.
    pub async fn release(self, why: &Why) -> StageError {
        self.end_lease(why, Trace::Nothing).await
    }

    /// Goes on with what the effect needs (a client, a token), or ends the attempt where that could not be had.
    ///
    /// What only a person can mend is parked on the work's own row, so that whoever waits for this work sees it
    /// settled; a failed read releases the lease. Without it the row would stay claimed, and nobody would be told why.
    ///
    /// # Errors
    /// [`StageError::Parked`], [`StageError::Retry`], or the error as it came.
    pub async fn having<T>(self, had: Result<T, StageError>) -> Result<(Self, T), StageError> {
        match had {
            Ok(had) => Ok((self, had)),
            Err(StageError::Poison { code, detail }) => {
                let parked = self.park(Park::for_a_person(code, detail)).await?;
                Err(StageError::Parked(parked))
            }
            Err(StageError::NotRead { why, retry_after_ms }) => {
                let why = Why::new("not_read", why).retry_after_ms(retry_after_ms);
                Err(self.release(&why).await)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the lease now.
    pub(super) async fn end_lease(self, why: &Why, trace: Trace) -> StageError {
        let (update, at_ms) = self.ending(why, trace);
        match self.ledger.write_fenced(&self.key, self.fence, update).await {
            Ok(Fenced::Written) => self.retried(why, at_ms),
            Ok(Fenced::Lost(record)) => taken_over(self.key, record, at_ms),
            Err(error) => error,
        }
    }

    /// The write that ends the lease, and when the work is due again.
    fn ending(&self, why: &Why, trace: Trace) -> (FencedUpdate, Millis) {
        let now_ms = self.ledger.now_ms();
        let delay_ms = why
            .retry_after_ms
            .unwrap_or_else(|| self.ledger.shared.timing.backoff_ms(&self.key, self.attempts));
        let at_ms = now_ms.saturating_add(delay_ms);
        let mut update = FencedUpdate::new(
            "SET lease_until = :now, due_at = :due, detail = :detail, attempt_id = :attempt",
            [
                (":now", number(now_ms)),
                (":due", number(at_ms)),
                (":detail", text(bounded(&why.to_string()))),
            ],
        );
        self.leave_trace(&mut update, trace);
        (update, at_ms)
    }

    fn retried(self, why: &Why, at_ms: Millis) -> StageError {
        StageError::Retry {
            key: self.key,
            why: why.to_string(),
            at_ms,
        }
    }

    /// Adds to the write that ends this attempt what it leaves behind.
    /// An attempt that follows a dirty one never leaves a clean row, since the earlier one's effect may be there; that it
    /// is not itself one of those that left no word is counted.
    pub(super) fn leave_trace(&self, update: &mut FencedUpdate, trace: Trace) {
        match trace {
            Trace::Nothing if !self.may_have_sent => update.expression.push_str(", clean_fence = :mine"),
            Trace::Nothing if self.restated => {}
            Trace::Nothing | Trace::Told => {
                update.expression.push_str(", accounted = :accounted");
                let accounted = number(self.accounted + 1);
                update.values.insert(":accounted".to_owned(), accounted);
            }
            Trace::Unknown => {}
        }
    }

    /// Leaves the lease to run out, since a request may still land; the next attempt probes after it.
    pub(super) fn leave(self, why: &Why) -> StageError {
        let at_ms = self.ledger.shared.timing.lease_until(self.ledger.deadline_ms);
        StageError::Retry {
            key: self.key,
            why: why.to_string(),
            at_ms,
        }
    }

    /// Records a fresh intent before it is sent. What made the old one stale may have been a request of ours, so the
    /// claim counts as one that may have sent from here on.
    pub(super) async fn restate(mut self, intent: String) -> Result<Self, StageError> {
        if intent.len() > WORK_BYTES_MAX {
            let why = Why::new("intent_too_large", "restated intent does not fit into a row");
            return Err(self.refuse(why).await);
        }
        let update = FencedUpdate::new(
            "SET intent = :intent, attempt_id = :attempt",
            [(":intent", text(&intent))],
        );
        let at_ms = self.ledger.now_ms();
        match self.ledger.write_fenced(&self.key, self.fence, update).await? {
            Fenced::Written => {
                self.room = (self.room + self.intent.len()).saturating_sub(intent.len());
                self.intent = intent;
                self.may_have_sent = true;
                self.restated = true;
                Ok(self)
            }
            Fenced::Lost(record) => Err(taken_over(self.key, record, at_ms)),
        }
    }
}
