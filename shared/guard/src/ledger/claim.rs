//! The second move: claim the work, or be told what became of it.

use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::size::{ROW_BYTES_MAX, check_work};
use super::{Ledger, Parked, Sealed};
use crate::clock::Millis;
use crate::error::StageError;
use crate::record::{Record, State, Unfinished, unfinished_partition};
use crate::store::{Write, names, number, text, update_answer, values};
use crate::work::{EffectKey, Work, WorkKey};

/// The right to act on one work, for as long as the lease lasts. Only the ledger makes one, and it settles once.
#[must_use = "a dropped claim blocks its work until the lease ends"]
#[derive(Debug)]
pub struct Claim {
    pub(super) ledger: Ledger,
    pub(super) key: WorkKey,
    pub(super) fence: u64,
    pub(super) may_have_sent: bool,
    pub(super) resumed: bool,
    pub(super) intent: String,
    pub(super) first_claimed_at: Millis,
    pub(super) attempts: u64,
    /// How many bytes a result may take beside what is in the row.
    pub(super) room: usize,
}

impl Claim {
    /// Which work.
    #[must_use]
    pub fn key(&self) -> &WorkKey {
        &self.key
    }

    /// The marker to leave at the provider: it depends on the work, never on the attempt.
    #[must_use]
    pub fn effect_key(&self) -> EffectKey {
        self.key.effect()
    }

    /// The number of this claim; every write of a lower one is refused.
    #[must_use]
    pub fn fence(&self) -> u64 {
        self.fence
    }

    /// An earlier attempt may have sent the effect.
    #[must_use]
    pub fn may_have_sent(&self) -> bool {
        self.may_have_sent
    }

    /// Somebody let the work be claimed again after it was parked.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// The ledger it stands in.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Now, by the ledger's clock.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.ledger.now_ms()
    }

    /// The intent on record: the first claim's, or the last restatement.
    #[must_use]
    pub fn intent(&self) -> &str {
        &self.intent
    }

    /// When the work was first claimed, in ms.
    #[must_use]
    pub fn first_claimed_at(&self) -> Millis {
        self.first_claimed_at
    }
}

/// What a claim came to.
#[derive(Debug)]
pub enum Decision {
    /// Act.
    Run(Claim),
    /// It was done before; here is its result. Pass it on again: an earlier attempt may have crashed before it did.
    Replay(Sealed),
    /// It waits for a time or for a person.
    Parked(Parked),
}

impl Ledger {
    /// Claims the work for this invocation: one conditional write, which raises the fence.
    ///
    /// # Errors
    /// [`StageError::Busy`] while another attempt's lease lives; [`StageError::Conflict`] when the key is on record with
    /// other content; [`StageError::Parked`] when this claim was one too many; [`StageError::Poison`] when the work
    /// does not fit into a row; [`StageError::Store`].
    pub async fn claim(&self, work: &Work) -> Result<Decision, StageError> {
        check_work(work)?;
        let now_ms = self.now_ms();
        let (attempt_id, attempt) = self.fresh_id();
        let lease_until = self.shared.timing.lease_until(self.deadline_ms);
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(&work.key)))
            .condition_expression(CLAIMABLE)
            .update_expression(CLAIM)
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(values([
                (":claimed", text(State::Claimed.as_str())),
                (":parked", text(State::Parked.as_str())),
                (":now", number(now_ms)),
                (":zero", number(0)),
                (":one", number(1)),
                (":attempt", attempt),
                (":lease", number(lease_until)),
                (":content", text(&work.content)),
                (":intent", text(&work.intent)),
                (":stage", text(&work.stage)),
                (":message", text(&work.message)),
                (
                    ":partition",
                    text(unfinished_partition(Unfinished::Claimed, work.key.subject())),
                ),
            ]))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let (item, applied) = match update_answer(answer)? {
            Write::Applied(item) => (item, true),
            Write::Lost(item) => (item.unwrap_or_default(), false),
        };
        let Some(record) = Record::of(&item) else {
            return Err(StageError::Unreadable {
                key: work.key.clone(),
                line: 0,
                column: 0,
            });
        };
        // A resend of a claim that had landed fails against its own write: the id on the row tells that it was us.
        if applied || record.attempt_id == attempt_id {
            return self.granted(record).await;
        }
        if record.content != work.content {
            return Err(StageError::Conflict {
                key: work.key.clone(),
            });
        }
        match record.state {
            State::Sealed => Ok(Decision::Replay(Sealed::of(record))),
            State::Parked => Ok(Decision::Parked(Parked::of(record))),
            State::Claimed | State::Receipt => Err(StageError::Busy {
                key: work.key.clone(),
                until_ms: record.lease_until,
            }),
        }
    }

    async fn granted(&self, record: Record) -> Result<Decision, StageError> {
        let texts = [
            record.key.subject(),
            record.key.step(),
            &record.content,
            &record.intent,
            &record.stage,
            &record.message,
        ];
        let taken = texts.iter().map(|text| text.len()).sum::<usize>();
        let claim = Claim {
            ledger: self.clone(),
            fence: record.fence,
            may_have_sent: record.clean_fence + 1 != record.fence,
            resumed: record.resumed_at.is_some(),
            room: ROW_BYTES_MAX.saturating_sub(taken),
            intent: record.intent,
            first_claimed_at: record.first_claimed_at,
            attempts: record.attempts,
            key: record.key,
        };
        if claim.attempts > self.shared.timing.attempts_max {
            return Err(claim.exhausted(record.detail).await);
        }
        Ok(Decision::Run(claim))
    }
}

/// A new row, an ended lease, or a parked row whose time has come; never over other content.
const CLAIMABLE: &str = "(attribute_not_exists(#state) \
    OR (#state = :claimed AND lease_until <= :now) \
    OR (#state = :parked AND resume_at <= :now)) \
    AND (attribute_not_exists(content) OR content = :content)";

/// The first intent and the first time stay; everything else is this attempt's.
const CLAIM: &str = "SET #state = :claimed, fence = if_not_exists(fence, :zero) + :one, attempt_id = :attempt, \
    lease_until = :lease, attempts = if_not_exists(attempts, :zero) + :one, content = :content, \
    intent = if_not_exists(intent, :intent), first_claimed_at = if_not_exists(first_claimed_at, :now), \
    claimed_at = :now, stage = :stage, message = :message, unfinished = :partition, due_at = :lease \
    REMOVE reason, resume_at, settled_at";
