//! The fourth move: the result goes on record, alone or together with what must not be without it.

use serde::Serialize;

use super::fenced::{Fenced, FencedUpdate, taken_over};
use super::release::Trace;
use super::size::body_of;
use super::together::Together;
use super::{Acted, Companion, Ledger, Park, Sealed};
use crate::error::StageError;
use crate::metric;
use crate::outcome::Why;
use crate::record::{Record, State, Unfinished, unfinished_partition};
use crate::store::{Item, Write, number, put_answer, text};
use crate::work::WorkKey;

/// What a settlement with companions came to.
#[derive(Debug)]
pub enum Joint<T, S> {
    /// All of it is on record.
    OnRecord(S),
    /// None of it is: a companion was refused. The effect is handed back, to be settled in another way.
    Refused {
        /// The effect, unsettled, still under its claim.
        acted: Box<Acted<T>>,
        /// Which companion, from 0.
        companion: usize,
        /// The item that stood in its way.
        found: Option<Item>,
    },
}

impl<T: Serialize> Acted<T> {
    /// Puts the result on record: one conditional write on the fence.
    ///
    /// # Errors
    /// [`StageError::Busy`] when another attempt has taken over (this result is kept as a late receipt);
    /// [`StageError::Parked`] when the result does not fit into a row; [`StageError::Store`].
    pub async fn seal(self) -> Result<Sealed, StageError> {
        match self.seal_with(Vec::new()).await? {
            Joint::OnRecord(sealed) => Ok(sealed),
            Joint::Refused { acted, .. } => Err(StageError::Conflict { key: acted.claim.key }),
        }
    }

    /// Puts the result on record together with its companions: one transaction, all or nothing.
    ///
    /// # Errors
    /// As [`Acted::seal`]; [`StageError::Retry`] when other writes to the companions' items never ended.
    pub async fn seal_with(self, companions: Vec<Companion>) -> Result<Joint<T, Sealed>, StageError> {
        let body = match body_of(&self.receipt, self.claim.room) {
            Ok(body) => body,
            Err(why) => {
                let parked = self.park_alone(Park::for_a_person(why.code, why.detail)).await?;
                return Err(StageError::Parked(parked));
            }
        };
        let mut update = FencedUpdate::new(
            "SET #state = :sealed, body = :body, settled_at = :now, attempt_id = :attempt",
            [
                (":sealed", text(State::Sealed.as_str())),
                (":body", text(&body)),
                (":now", number(self.claim.ledger.now_ms())),
            ],
        );
        self.name_external(&mut update);
        update
            .expression
            .push_str(" REMOVE unfinished, due_at, lease_until");
        if self.claim.fence > 1 {
            // What an earlier attempt left goes with it: its fault, and the id of a result that was parked.
            update.expression.push_str(", detail");
            if self.external_id.is_none() {
                update.expression.push_str(", external_id");
            }
        }
        let sealed = Sealed {
            key: self.claim.key.clone(),
            body,
            external_id: self.external_id.clone(),
            first_claimed_at: self.claim.first_claimed_at,
        };
        self.settle(update, companions, sealed, |record| {
            (record.state == State::Sealed).then(|| Sealed::of(record))
        })
        .await
    }

    /// Adds the provider's id of the effect, where it has one.
    pub(super) fn name_external(&self, update: &mut FencedUpdate) {
        if let Some(external_id) = &self.external_id {
            update.expression.push_str(", external_id = :external");
            update.values.insert(":external".to_owned(), text(external_id));
        }
    }

    /// Writes the settlement, alone or with its companions, and says what is on record then.
    pub(super) async fn settle<S>(
        self,
        update: FencedUpdate,
        companions: Vec<Companion>,
        settled: S,
        settled_by_other: impl FnOnce(Record) -> Option<S>,
    ) -> Result<Joint<T, S>, StageError> {
        let claim = &self.claim;
        let together = if companions.is_empty() {
            match claim.ledger.write_fenced(&claim.key, claim.fence, update).await? {
                Fenced::Written => Together::Written,
                Fenced::Lost(record) => Together::Lost(record),
            }
        } else {
            let ledger = &claim.ledger;
            ledger
                .write_together(&claim.key, claim.fence, update, companions)
                .await?
        };
        let lost = match together {
            Together::Written => return Ok(Joint::OnRecord(settled)),
            Together::Refused { companion, found } => {
                return Ok(Joint::Refused {
                    acted: Box::new(self),
                    companion,
                    found,
                });
            }
            Together::Contended => {
                let why = Why::new("store_contended", "other writes to the same items were under way");
                let trace = if self.outside {
                    Trace::Unknown
                } else {
                    Trace::Nothing
                };
                return Err(self.claim.end_lease(&why, trace).await);
            }
            Together::Lost(record) => record,
        };
        // The first result on record wins. This one is kept beside it, so that a second effect does not go unseen.
        self.keep_receipt().await?;
        let at_ms = self.claim.ledger.now_ms();
        match lost.clone().and_then(|record| settled_by_other(*record)) {
            Some(other) => Ok(Joint::OnRecord(other)),
            None => Err(taken_over(self.claim.key, lost, at_ms)),
        }
    }

    /// Keeps a late result as a row of its own, for the reconciliation. What had no effect outside needs none.
    ///
    /// **Shape**: step `<step>#receipt#<fence>`, state `receipt`, the late body. **Lifetime**: for ever.
    async fn keep_receipt(&self) -> Result<(), StageError> {
        if !self.outside {
            return Ok(());
        }
        metric::count(metric::LATE_RECEIPTS, "", 1);
        let claim = &self.claim;
        let ledger = &claim.ledger;
        let key = WorkKey::new(
            claim.key.subject(),
            format!("{}#receipt#{}", claim.key.step(), claim.fence),
        );
        tracing::warn!(key = %claim.key, fence = claim.fence, "result came late, it is kept as a receipt");
        let now_ms = number(ledger.now_ms());
        let (_, attempt) = ledger.fresh_id();
        let mut item = Ledger::row_key(&key);
        item.extend([
            ("state".to_owned(), text(State::Receipt.as_str())),
            ("fence".to_owned(), number(claim.fence)),
            ("attempt_id".to_owned(), attempt),
            (
                "body".to_owned(),
                text(body_of(&self.receipt, claim.room).unwrap_or_default()),
            ),
            ("settled_at".to_owned(), now_ms.clone()),
            ("due_at".to_owned(), now_ms),
            (
                "unfinished".to_owned(),
                text(unfinished_partition(Unfinished::Receipt, key.subject())),
            ),
        ]);
        if let Some(external_id) = &self.external_id {
            item.insert("external_id".to_owned(), text(external_id));
        }
        let answer = ledger
            .shared
            .client
            .put_item()
            .table_name(&*ledger.shared.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(subject)")
            .send()
            .await;
        match put_answer(answer)? {
            // A receipt of this fence that is there already is this one.
            Write::Applied(_) | Write::Lost(_) => Ok(()),
        }
    }
}
