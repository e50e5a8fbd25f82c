//! Ways to end an attempt without a result: release the lease, or leave it to run out. And to restate an intent.

use super::fenced::{Fenced, FencedUpdate, taken_over};
use super::size::{WORK_BYTES_MAX, bounded};
use super::{Claim, Park};
use crate::error::StageError;
use crate::outcome::Why;
use crate::store::{number, text};

impl Claim {
    /// Ends the lease now, since this attempt sent nothing; the row and its count of attempts stay.
    /// The work is due again after the provider's own word, or after a backoff derived from the key.
    pub async fn release(self, why: &Why) -> StageError {
        self.end_lease(why, false).await
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

    /// Ends the lease now; `sent` says that this attempt may have sent something.
    pub(super) async fn end_lease(self, why: &Why, sent: bool) -> StageError {
        let now_ms = self.ledger.now_ms();
        let delay_ms = why
            .retry_after_ms
            .unwrap_or_else(|| self.ledger.shared.timing.backoff_ms(&self.key, self.attempts));
        let at_ms = now_ms.saturating_add(delay_ms);
        let clean = self.clean_after(sent);
        let update = FencedUpdate::new(
            &format!("SET lease_until = :now, due_at = :due, detail = :detail, attempt_id = :attempt{clean}"),
            [
                (":now", number(now_ms)),
                (":due", number(at_ms)),
                (":detail", text(bounded(&why.to_string()))),
            ],
        );
        match self.ledger.write_fenced(&self.key, self.fence, update).await {
            Ok(Fenced::Written) => StageError::Retry {
                key: self.key,
                why: why.to_string(),
                at_ms,
            },
            Ok(Fenced::Lost(record)) => taken_over(self.key, record, at_ms),
            Err(error) => error,
        }
    }

    /// What a write that ends this attempt adds, when neither it nor an earlier one can have sent anything.
    /// An attempt that follows a dirty one never leaves a clean row, since the earlier one's effect may be there.
    pub(super) fn clean_after(&self, sent: bool) -> &'static str {
        if sent || self.may_have_sent {
            ""
        } else {
            ", clean_fence = :mine"
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
                Ok(self)
            }
            Fenced::Lost(record) => Err(taken_over(self.key, record, at_ms)),
        }
    }
}
