//! Ways to end an attempt without a result: release, leave, park, restate.

use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;

use super::{Acted, Claim, Companion, Joint, Ledger, Parked};
use crate::clock::Millis;
use crate::error::StageError;
use crate::outcome::Why;
use crate::record::{Record, State, Unfinished, unfinished_partition};
use crate::store::{Item, Write, names, number, text, update_answer, values};
use crate::work::WorkKey;

/// Why work is parked, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Park {
    pub(super) code: &'static str,
    pub(super) detail: String,
    pub(super) resume_at: Option<Millis>,
}

impl Park {
    /// Until a person says so.
    #[must_use]
    pub fn for_a_person(code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            resume_at: None,
        }
    }

    /// Until that time; the sweep brings it back.
    #[must_use]
    pub fn until(code: &'static str, detail: impl Into<String>, resume_at: Millis) -> Self {
        Self {
            code,
            detail: detail.into(),
            resume_at: Some(resume_at),
        }
    }
}

/// A conditional update of a claimed row, without its key and its fence.
pub(super) struct FencedUpdate {
    pub(super) expression: String,
    pub(super) values: Item,
}

impl FencedUpdate {
    pub(super) fn new(expression: &str, values: Item) -> Self {
        Self {
            expression: expression.to_owned(),
            values,
        }
    }
}

/// What a fenced write came to.
pub(super) enum Fenced {
    /// It is on record.
    Written,
    /// The row has gone on without us; as it stands.
    Lost(Option<Record>),
}

/// The condition of every write after the claim.
pub(super) const MINE: &str = "fence = :mine AND #state = :claimed";

impl Ledger {
    /// Writes to a row that this attempt still holds.
    pub(super) async fn write_fenced(
        &self,
        key: &WorkKey,
        fence: u64,
        update: FencedUpdate,
    ) -> Result<Fenced, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        let mut all = update.values;
        all.insert(":mine".to_owned(), number(fence));
        all.insert(":claimed".to_owned(), text(State::Claimed.as_str()));
        all.insert(":attempt".to_owned(), attempt);
        let answer = self
            .client
            .update_item()
            .table_name(&*self.table)
            .set_key(Some(Self::row_key(key)))
            .condition_expression(MINE)
            .update_expression(update.expression)
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(Some(all))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match update_answer(answer)? {
            Write::Applied(_) => Ok(Fenced::Written),
            Write::Lost(item) => match item.as_ref().and_then(Record::of) {
                Some(record) if record.attempt_id == attempt_id => Ok(Fenced::Written),
                other => Ok(Fenced::Lost(other)),
            },
        }
    }
}

impl Claim {
    /// Ends the lease now, since nothing was sent; the row and its count of attempts stay.
    /// The work is due again after the provider's own word, or after a backoff derived from the key.
    pub async fn release(self, why: &Why) -> StageError {
        let now_ms = self.ledger.now_ms();
        let delay_ms = why
            .retry_after_ms
            .unwrap_or_else(|| self.ledger.timing.backoff_ms(&self.key, self.attempts));
        let at_ms = now_ms.saturating_add(delay_ms);
        // Only an attempt that follows clean ones leaves a clean row: an earlier request may still be in flight.
        let clean = if self.may_have_sent {
            ""
        } else {
            ", clean_fence = :mine"
        };
        let update = FencedUpdate::new(
            &format!("SET lease_until = :now, due_at = :due, detail = :detail, attempt_id = :attempt{clean}"),
            values([
                (":now", number(now_ms)),
                (":due", number(at_ms)),
                (":detail", text(why.to_string())),
            ])
            .unwrap_or_default(),
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

    /// Leaves the lease to run out, since a request may still land; the next attempt probes after it.
    pub(super) fn leave(self, why: &Why) -> StageError {
        let at_ms = self.ledger.timing.lease_until(self.ledger.deadline_ms);
        StageError::Retry {
            key: self.key,
            why: why.to_string(),
            at_ms,
        }
    }

    /// Records the work as waiting, with its reason.
    ///
    /// # Errors
    /// [`StageError::Busy`] when another attempt has taken over; [`StageError::Store`].
    pub async fn park(self, park: Park) -> Result<Parked, StageError> {
        match self.decide(()).park_with(park, Vec::new()).await? {
            Joint::OnRecord(parked) => Ok(parked),
            Joint::Refused { acted, .. } => Err(StageError::Conflict { key: acted.claim.key }),
        }
    }

    /// One claim too many: parks the work, to be looked at after the longest backoff.
    pub(super) async fn exhausted(self, last: Option<String>) -> StageError {
        let detail = last.unwrap_or_else(|| "every attempt ended without a word".to_owned());
        match self.park(Park::for_a_person("attempts_exhausted", detail)).await {
            Ok(parked) => StageError::Parked(parked),
            Err(error) => error,
        }
    }

    /// Records a fresh intent before it is sent.
    pub(super) async fn restate(mut self, intent: String) -> Result<Self, StageError> {
        let update = FencedUpdate::new(
            "SET intent = :intent, attempt_id = :attempt",
            values([(":intent", text(&intent))]).unwrap_or_default(),
        );
        match self.ledger.write_fenced(&self.key, self.fence, update).await? {
            Fenced::Written => {
                self.intent = intent;
                Ok(self)
            }
            Fenced::Lost(record) => Err(taken_over(self.key, record, 0)),
        }
    }
}

impl<T: serde::Serialize> Acted<T> {
    /// Parks the work, and writes the companions in the same transaction.
    /// The result, if it serialises to more than `null`, is kept as the row's body for whoever decides.
    ///
    /// # Errors
    /// [`StageError::Busy`] when another attempt has taken over; [`StageError::Store`].
    pub async fn park_with(
        self,
        park: Park,
        companions: Vec<Companion>,
    ) -> Result<Joint<T, Parked>, StageError> {
        let now_ms = self.claim.ledger.now_ms();
        let body = super::seal::body_of(&self.claim.key, &self.receipt)?;
        let kind = if park.resume_at.is_some() {
            Unfinished::Waiting
        } else {
            Unfinished::Review
        };
        let mut set =
            "SET #state = :parked, reason = :reason, detail = :detail, body = :body, settled_at = :now, \
            unfinished = :partition, due_at = :due, attempt_id = :attempt"
                .to_owned();
        let mut all = values([
            (":parked", text(State::Parked.as_str())),
            (":reason", text(park.code)),
            (":detail", text(&park.detail)),
            (":body", text(body)),
            (":now", number(now_ms)),
            (":due", number(park.resume_at.unwrap_or(now_ms))),
            (
                ":partition",
                text(unfinished_partition(kind, self.claim.key.subject())),
            ),
        ])
        .unwrap_or_default();
        if let Some(resume_at) = park.resume_at {
            // What waits for a time has not failed: its attempts are counted anew then.
            set.push_str(", resume_at = :resume, attempts = :zero");
            all.insert(":zero".to_owned(), number(0));
            all.insert(":resume".to_owned(), number(resume_at));
        }
        set.push_str(" REMOVE lease_until");
        let parked = Parked {
            key: self.claim.key.clone(),
            reason: park.code.to_owned(),
            resume_at: park.resume_at,
        };
        self.settle(
            FencedUpdate::new(&set, all),
            companions,
            parked,
            |record| match record.state {
                State::Parked => Some(Parked::of(record)),
                State::Claimed | State::Sealed | State::Receipt => None,
            },
        )
        .await
    }
}

/// The row has gone on without this attempt: come back when whoever has it is done.
pub(super) fn taken_over(key: WorkKey, record: Option<Record>, at_ms: Millis) -> StageError {
    let until_ms = record.map_or(at_ms, |record| record.lease_until);
    StageError::Busy { key, until_ms }
}
