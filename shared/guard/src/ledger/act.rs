//! The third move: the one outside effect, sent or adopted, and told apart.

use super::release::Trace;
use super::{Claim, Park};
use crate::effect::{Act, Guarded, Ran};
use crate::error::StageError;
use crate::outcome::{Outcome, Why};

/// How often one attempt restates its intent before it leaves the work to the next.
const RESTATEMENTS_MAX: usize = 3;

/// An effect that is done, not yet on record. Only [`Claim::act`] makes one.
#[must_use = "an effect that is not sealed is probed for by the next attempt"]
#[derive(Debug)]
pub struct Acted<T> {
    pub(super) claim: Claim,
    pub(super) receipt: T,
    pub(super) external_id: Option<String>,
    /// It stands for an effect outside, and not for a decision.
    pub(super) outside: bool,
}

impl<T> Acted<T> {
    /// What the provider gave back.
    #[must_use]
    pub fn receipt(&self) -> &T {
        &self.receipt
    }

    /// The claim it was done under.
    pub fn claim(&self) -> &Claim {
        &self.claim
    }

    /// The same effect with another result to record, made from the receipt.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Acted<U> {
        Acted {
            claim: self.claim,
            receipt: to(self.receipt),
            external_id: self.external_id,
            outside: self.outside,
        }
    }

    /// Notes the provider's id of the effect, for people and for the reconciliation.
    pub fn known_as(mut self, external_id: impl Into<String>) -> Self {
        self.external_id = Some(external_id.into());
        self
    }
}

impl Claim {
    /// Runs the effect once: an earlier attempt's is looked for first, as its wrapper says.
    /// Nothing is sent once the invocation's deadline has passed: the lease covers what was sent before it, no more.
    ///
    /// # Errors
    /// [`StageError::Retry`] when it was surely not done (the lease is released) or when nobody can tell (the lease
    /// stays: the next attempt probes after it); [`StageError::Parked`] when it is refused for good;
    /// [`StageError::Busy`] when another attempt has taken over; [`StageError::Store`].
    pub async fn act<G: Guarded>(mut self, effect: G) -> Result<Acted<G::Receipt>, StageError> {
        for _ in 0..RESTATEMENTS_MAX {
            if self.ledger.now_ms() >= self.ledger.deadline_ms {
                let why = Why::new("deadline_passed", "invocation has no time left to act in");
                return Err(self.release(&why).await);
            }
            let act = Act {
                effect: self.key.effect(),
                intent: self.intent.clone(),
                first_claimed_at: self.first_claimed_at,
            };
            match effect.run(&act, self.may_have_sent).await {
                Ran::Adopted(receipt) | Ran::Sent(Outcome::Done(receipt)) => {
                    return Ok(Acted {
                        claim: self,
                        external_id: effect.external_id(&receipt),
                        receipt,
                        outside: true,
                    });
                }
                Ran::Sent(Outcome::Stale(intent)) => self = self.restate(intent).await?,
                Ran::Sent(Outcome::NotDone(why)) => return Err(self.release(&why).await),
                Ran::Sent(Outcome::Refused(why)) => return Err(self.refuse(why).await),
                // Nothing was sent here, and what an earlier attempt sent has landed by now or never will.
                Ran::CannotTell(why) => return Err(self.release(&why).await),
                Ran::SendAgain(why) => return Err(self.end_lease(&why, Trace::Unknown).await),
                Ran::Sent(Outcome::Unknown(why)) => return Err(self.leave(&why)),
                Ran::GivenUp(why) => return Err(self.refuse(why).await),
            }
        }
        let why = Why::new("intent_outdated", "the token changed under every restatement");
        Err(self.release(&why).await)
    }

    /// Takes a result that came from no outside effect: a decision, or something computed from records.
    pub fn decide<T>(self, result: T) -> Acted<T> {
        Acted {
            claim: self,
            receipt: result,
            external_id: None,
            outside: false,
        }
    }

    pub(super) async fn refuse(self, why: Why) -> StageError {
        match self.park(Park::for_a_person(why.code, why.detail)).await {
            Ok(parked) => StageError::Parked(parked),
            Err(error) => error,
        }
    }
}
