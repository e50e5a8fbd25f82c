//! A word from outside the ledger: a person, or a reconciliation, has looked at the provider.

use serde::Serialize;

use super::{Decision, Ledger, Page, Sealed};
use crate::error::StageError;
use crate::record::{Record, State, Unfinished};
use crate::store::text;
use crate::work::Work;

impl Ledger {
    /// Puts an effect on record that somebody found at the provider: nothing is sent.
    ///
    /// The work may be unknown to the ledger, parked, or left by an attempt whose lease is over; one that is on record
    /// already is answered as it is.
    ///
    /// # Errors
    /// As [`Ledger::claim`] and [`super::Acted::seal`]: [`StageError::Busy`] while an attempt may still act.
    pub async fn adopt<T: Serialize>(
        &self,
        work: &Work,
        found: T,
        external_id: Option<String>,
    ) -> Result<Sealed, StageError> {
        let claim = match self.claim(work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed),
            Decision::Parked(parked) => {
                let record = self.read(parked.key()).await?;
                match record {
                    Some(record) if self.resume(&record).await? => {}
                    _ => return Err(StageError::Parked(parked)),
                }
                match self.claim(work).await? {
                    Decision::Run(claim) => claim,
                    Decision::Replay(sealed) => return Ok(sealed),
                    Decision::Parked(parked) => return Err(StageError::Parked(parked)),
                }
            }
        };
        let acted = claim.decide(found);
        match external_id {
            Some(id) => acted.known_as(id).seal().await,
            None => acted.seal().await,
        }
    }

    /// Lets a parked record be claimed again on somebody's word that its effect is not at the provider and will not
    /// come: the next attempt sends, also where loss was accepted.
    ///
    /// The word must come after the lease of the last attempt, which is over for every parked record, and from a look
    /// at the provider. False when the record is no longer parked as `record` says.
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn resume_absent(&self, record: &Record) -> Result<bool, StageError> {
        let condition = "#state = :parked AND fence = :fence AND attempt_id = :seen";
        let own = [
            (":parked", text(State::Parked.as_str())),
            (":seen", text(&record.attempt_id)),
        ];
        self.bring_back(record, condition, ", clean_fence = fence", own)
            .await
    }

    /// Everything of that kind that is due, from all shards, at most `records_max`, with the rows that do not read.
    ///
    /// For a schedule that drives its own work. A sweep that has a queue reads page by page: [`Ledger::unfinished`].
    ///
    /// # Errors
    /// [`StageError::Store`].
    pub async fn due(&self, kinds: &[Unfinished], records_max: usize) -> Result<Page, StageError> {
        let now_ms = self.now_ms();
        let mut due = Page::default();
        for kind in kinds {
            for shard in Self::shards() {
                let mut start = None;
                while due.records.len() < records_max {
                    let page = self.unfinished(*kind, shard, now_ms, start).await?;
                    due.records.extend(page.records);
                    due.unreadable.extend(page.unreadable);
                    start = page.next;
                    if start.is_none() {
                        break;
                    }
                }
            }
        }
        due.records.truncate(records_max);
        Ok(due)
    }
}
