//! Work that waits, on record and with its reason: for a time, or for a person.

use serde::Serialize;

use super::fenced::FencedUpdate;
use super::release::Trace;
use super::size::{body_of, bounded};
use super::{Acted, Claim, Companion, Joint, Parked};
use crate::clock::Millis;
use crate::error::StageError;
use crate::metric;
use crate::outcome::Why;
use crate::record::{State, Unfinished, unfinished_partition};
use crate::store::{number, text};

/// Why work is parked, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Park {
    code: &'static str,
    detail: String,
    resume_at: Option<Millis>,
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

impl Claim {
    /// Records the work as waiting, with its reason.
    ///
    /// # Errors
    /// [`StageError::Busy`] when another attempt has taken over; [`StageError::Store`].
    pub async fn park(self, park: Park) -> Result<Parked, StageError> {
        self.decide(()).park_alone(park).await
    }

    /// One claim too many: parks the work for a person, with the last fault.
    pub(super) async fn exhausted(self, last: Option<String>) -> StageError {
        let detail = last.unwrap_or_else(|| "every attempt ended without a word".to_owned());
        self.refuse(Why::new("attempts_exhausted", detail)).await
    }
}

impl<T: Serialize> Acted<T> {
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
        let (update, parked) = self.parking(&park);
        metric::count(metric::PARKED, park.code, 1);
        self.settle(update, companions, parked, |record| {
            (record.state == State::Parked).then(|| Parked::of(record))
        })
        .await
    }

    /// Parks the work by itself.
    pub(super) async fn park_alone(self, park: Park) -> Result<Parked, StageError> {
        match self.park_with(park, Vec::new()).await? {
            Joint::OnRecord(parked) => Ok(parked),
            Joint::Refused { acted, .. } => Err(StageError::Conflict { key: acted.claim.key }),
        }
    }

    fn parking(&self, park: &Park) -> (FencedUpdate, Parked) {
        let claim = &self.claim;
        let now_ms = claim.ledger.now_ms();
        // A result that fits into no row must not keep its work from being parked.
        let (body, detail, trace) = match body_of(&self.receipt, claim.room) {
            Ok(body) if self.outside => (body, park.detail.clone(), Trace::Told),
            Ok(body) => (body, park.detail.clone(), Trace::Nothing),
            Err(why) => {
                let trace = if self.outside {
                    Trace::Unknown
                } else {
                    Trace::Nothing
                };
                (String::new(), format!("{}; {why}", park.detail), trace)
            }
        };
        let kind = if park.resume_at.is_some() {
            Unfinished::Waiting
        } else {
            Unfinished::Review
        };
        let mut update = FencedUpdate::new(
            "SET #state = :parked, reason = :reason, detail = :detail, body = :body, settled_at = :now, \
            unfinished = :partition, due_at = :due, attempt_id = :attempt",
            [
                (":parked", text(State::Parked.as_str())),
                (":reason", text(park.code)),
                (":detail", text(bounded(&detail))),
                (":body", text(body)),
                (":now", number(now_ms)),
                (":due", number(park.resume_at.unwrap_or(now_ms))),
                (
                    ":partition",
                    text(unfinished_partition(kind, claim.key.subject())),
                ),
            ],
        );
        claim.leave_trace(&mut update, trace);
        self.name_external(&mut update);
        if let Some(resume_at) = park.resume_at {
            // What waits for a time has not failed: its attempts are counted anew then.
            update
                .expression
                .push_str(", resume_at = :resume, attempts = :zero");
            update.values.insert(":zero".to_owned(), number(0));
            update.values.insert(":resume".to_owned(), number(resume_at));
        }
        update.expression.push_str(" REMOVE lease_until");
        let parked = Parked {
            key: claim.key.clone(),
            reason: park.code.to_owned(),
            resume_at: park.resume_at,
            first_claimed_at: claim.first_claimed_at,
            unaccounted: claim.unaccounted() + u64::from(trace == Trace::Unknown),
        };
        (update, parked)
    }
}
