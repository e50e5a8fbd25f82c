//! The second move: claim the work, or be told what became of it.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};

use super::size::{check_work, room_beside};
use super::{Ledger, Parked, Sealed};
use crate::clock::Millis;
use crate::error::StageError;
use crate::metric;
use crate::record::{Record, State, Unfinished, unfinished_partition};
use crate::store::{Item, Write, names, number, put_answer, text, update_answer, values};
use crate::work::{EffectKey, Work, WorkKey};

/// The right to act on one work, for as long as the lease lasts. Only the ledger makes one, and it settles once.
#[must_use = "a dropped claim blocks its work until the lease ends"]
#[derive(Debug)]
pub struct Claim {
    pub(super) ledger: Ledger,
    pub(super) key: WorkKey,
    pub(super) fence: u64,
    pub(super) may_have_sent: bool,
    /// How many earlier attempts sent nothing, or left what became of it on record.
    pub(super) accounted: u64,
    /// This attempt has restated its intent, since an earlier request of its own may have been applied.
    pub(super) restated: bool,
    pub(super) resumed: bool,
    pub(super) intent: String,
    pub(super) first_claimed_at: Millis,
    pub(super) taken_up_at: Millis,
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

    /// How many earlier attempts may have sent the effect and left no word of it, at most. One that ended without sending
    /// anything is none of them, whatever came before it; nor is one whose result was parked.
    #[must_use]
    pub fn unaccounted(&self) -> u64 {
        (self.fence - 1).saturating_sub(self.accounted)
    }

    /// Somebody let the work be claimed again after it was parked.
    #[must_use]
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// The same claim where the ledger itself may have forgotten: its table was restored to what it was at `since_ms`, so
    /// an attempt that no row tells of may have sent the effect since. The provider is asked first.
    pub fn suspecting(mut self, since_ms: Millis) -> Self {
        self.may_have_sent = true;
        self.first_claimed_at = self.first_claimed_at.min(since_ms);
        self
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

    /// When the work was taken up, in ms: by its first claim, or by the one that followed when it was last parked. Every
    /// attempt from then on is told the same time, so what it decides does not depend on how often it is retried.
    #[must_use]
    pub fn taken_up_at(&self) -> Millis {
        self.taken_up_at
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
    /// Claims the work for this invocation: one conditional write for new work, one failed write for work that is done,
    /// waits or is held, and a failed one and another for work that an earlier attempt left.
    ///
    /// # Errors
    /// [`StageError::Busy`] while another attempt's lease lives; [`StageError::Conflict`] when the key is on record with
    /// other content; [`StageError::Parked`] when this claim was one too many; [`StageError::Poison`] when the work
    /// does not fit into a row; [`StageError::Store`].
    pub async fn claim(&self, work: &Work) -> Result<Decision, StageError> {
        check_work(work)?;
        let now_ms = self.now_ms();
        let (attempt_id, attempt) = self.fresh_id();
        // Write first, since most work is new; the row that stands in the way says all the rest.
        let answer = self
            .shared
            .client
            .put_item()
            .table_name(&*self.shared.table)
            .set_item(Some(self.first_row(work, now_ms, attempt)))
            .condition_expression("attribute_not_exists(subject)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let mut found = match put_answer(answer)? {
            Write::Applied(_) => return self.granted_first(work, now_ms).await,
            Write::Lost(found) => readable(&work.key, found)?,
        };
        // A resend of a claim that had landed fails against its own write: the id on the row tells that it was us.
        if found.attempt_id == attempt_id {
            return self.granted(found).await;
        }
        for _ in 0..TAKE_OVERS_MAX {
            let free = match judged(work, found, now_ms)? {
                Judged::Settled(decision) => {
                    if matches!(decision, Decision::Replay(_)) {
                        metric::count(metric::REPLAYS, &work.stage, 1);
                    }
                    return Ok(decision);
                }
                Judged::Free(free) => free,
            };
            match self.take_over(work, &free, now_ms).await? {
                Taken::Ours(record) => return self.granted(*record).await,
                Taken::Changed(record) => found = *record,
            }
        }
        Err(StageError::Busy {
            key: work.key.clone(),
            until_ms: found.lease_until,
        })
    }

    /// The row of a first claim; `attempts` and `claimed_at` follow from the rest until there is a second one.
    fn first_row(&self, work: &Work, now_ms: Millis, attempt: AttributeValue) -> Item {
        let lease_until = number(self.lease_until());
        Item::from([
            ("subject".to_owned(), text(work.key.subject())),
            ("step".to_owned(), text(work.key.step())),
            ("state".to_owned(), text(State::Claimed.as_str())),
            ("fence".to_owned(), number(1)),
            ("attempt_id".to_owned(), attempt),
            ("lease_until".to_owned(), lease_until.clone()),
            ("content".to_owned(), text(&work.content)),
            ("intent".to_owned(), text(&work.intent)),
            ("first_claimed_at".to_owned(), number(now_ms)),
            ("stage".to_owned(), text(&work.stage)),
            ("message".to_owned(), text(&work.message)),
            (
                "unfinished".to_owned(),
                text(unfinished_partition(Unfinished::Claimed, work.key.subject())),
            ),
            ("due_at".to_owned(), lease_until),
        ])
    }

    /// Claims a row that is free, if it still is as `found` says: the id of its last write is the proof.
    async fn take_over(&self, work: &Work, found: &Record, now_ms: Millis) -> Result<Taken, StageError> {
        let (attempt_id, attempt) = self.fresh_id();
        let answer = self
            .shared
            .client
            .update_item()
            .table_name(&*self.shared.table)
            .set_key(Some(Self::row_key(&work.key)))
            .condition_expression("fence = :fence AND attempt_id = :seen AND #state = :state")
            .update_expression(take_over(found.state))
            .set_expression_attribute_names(names([("#state", "state")]))
            .set_expression_attribute_values(Some(values([
                (":fence", number(found.fence)),
                (":seen", text(&found.attempt_id)),
                (":state", text(found.state.as_str())),
                (":claimed", text(State::Claimed.as_str())),
                (":one", number(1)),
                (":attempt", attempt),
                (":lease", number(self.lease_until())),
                (":intent", text(&work.intent)),
                (":now", number(now_ms)),
                (":stage", text(&work.stage)),
                (":message", text(&work.message)),
                (
                    ":partition",
                    text(unfinished_partition(Unfinished::Claimed, work.key.subject())),
                ),
            ])))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let (item, applied) = match update_answer(answer)? {
            Write::Applied(item) => (Some(item), true),
            Write::Lost(item) => (item, false),
        };
        let record = Box::new(readable(&work.key, item)?);
        if applied || record.attempt_id == attempt_id {
            return Ok(Taken::Ours(record));
        }
        Ok(Taken::Changed(record))
    }

    fn lease_until(&self) -> Millis {
        self.shared.timing.lease_until(self.deadline_ms)
    }

    async fn granted_first(&self, work: &Work, now_ms: Millis) -> Result<Decision, StageError> {
        let claim = Claim {
            ledger: self.clone(),
            fence: 1,
            may_have_sent: false,
            accounted: 0,
            restated: false,
            room: room_beside([
                work.key.subject(),
                work.key.step(),
                &work.content,
                &work.intent,
                &work.stage,
                &work.message,
            ]),
            intent: work.intent.clone(),
            first_claimed_at: now_ms,
            taken_up_at: now_ms,
            attempts: 1,
            resumed: false,
            key: work.key.clone(),
        };
        self.bounded(claim, None).await
    }

    async fn granted(&self, record: Record) -> Result<Decision, StageError> {
        let claim = Claim {
            ledger: self.clone(),
            fence: record.fence,
            may_have_sent: record.clean_fence + 1 != record.fence,
            accounted: record.accounted,
            restated: false,
            room: room_beside([
                record.key.subject(),
                record.key.step(),
                &record.content,
                &record.intent,
                &record.stage,
                &record.message,
            ]),
            intent: record.intent,
            first_claimed_at: record.first_claimed_at,
            taken_up_at: record.taken_up_at,
            attempts: record.attempts,
            resumed: record.resumed_at.is_some(),
            key: record.key,
        };
        self.bounded(claim, record.detail).await
    }

    /// Hands the claim out, unless it is one too many.
    async fn bounded(&self, claim: Claim, last: Option<String>) -> Result<Decision, StageError> {
        if claim.attempts > self.shared.timing.attempts_max {
            return Err(claim.exhausted(last).await);
        }
        Ok(Decision::Run(claim))
    }
}

/// How often a claim looks again because the row it wanted was written meanwhile, as by a sweep's note.
const TAKE_OVERS_MAX: usize = 3;

/// What an attempt to take a free row over came to.
enum Taken {
    /// The row is this claim's.
    Ours(Box<Record>),
    /// Another write came first; as the row stands.
    Changed(Box<Record>),
}

/// What a row that stands in a claim's way says.
enum Judged {
    /// There is nothing to claim.
    Settled(Decision),
    /// An ended lease, or a parked row whose time has come.
    Free(Box<Record>),
}

fn judged(work: &Work, found: Record, now_ms: Millis) -> Result<Judged, StageError> {
    let key = || work.key.clone();
    if found.content != work.content {
        return Err(StageError::Conflict { key: key() });
    }
    match found.state {
        State::Sealed => Ok(Judged::Settled(Decision::Replay(Sealed::of(found)))),
        State::Parked if found.resume_at.is_some_and(|resume_at| resume_at <= now_ms) => {
            Ok(Judged::Free(Box::new(found)))
        }
        State::Parked => Ok(Judged::Settled(Decision::Parked(Parked::of(found)))),
        State::Claimed if found.lease_until <= now_ms => Ok(Judged::Free(Box::new(found))),
        State::Claimed => Err(StageError::Busy {
            key: key(),
            until_ms: found.lease_until,
        }),
        // A key of work that is the key of a receipt.
        State::Receipt => Err(StageError::Conflict { key: key() }),
    }
}

fn readable(key: &WorkKey, item: Option<Item>) -> Result<Record, StageError> {
    let record = item.as_ref().and_then(Record::of);
    record.ok_or_else(|| StageError::unreadable_row(key))
}

/// The first intent and the first time stay; what was parked is taken up anew; everything else is this attempt's.
fn take_over(from: State) -> String {
    let anew = match from {
        State::Parked => ", taken_up_at = :now",
        State::Claimed | State::Sealed | State::Receipt => "",
    };
    format!(
        "SET #state = :claimed, fence = fence + :one, attempts = if_not_exists(attempts, :one) + :one, \
         attempt_id = :attempt, lease_until = :lease, intent = if_not_exists(intent, :intent), claimed_at = :now, \
         stage = :stage, message = :message, unfinished = :partition, due_at = :lease{anew} \
         REMOVE reason, resume_at, settled_at"
    )
}
