//! The children of a bug, one a repository: which of them are settled, what became of their pull requests, and whether
//! all of it together says that the bug was mapped wrongly.

use std::collections::BTreeMap;

use ratchet_domain::bill::Flag;
use ratchet_domain::credit::{CreditAsked, Source};
use ratchet_domain::ids::{RepoName, TicketRef};
use ratchet_domain::patch::{Closed, Merged};
use ratchet_domain::step;
use ratchet_guard::{Ledger, Record, StageError, State};

/// What became of one repository's child.
enum End {
    /// It is under way, or its pull request is open: it may yet prove the mapping right.
    Open,
    /// It waits for a person, and has no pull request.
    NoPull,
    /// Its pull request was closed without a merge.
    Closed { at_ms: u64 },
    /// Its pull request was merged.
    Merged { touched_mapped: bool, at_ms: u64 },
}

/// Every record of the ticket, by step.
pub(crate) struct Children(BTreeMap<String, Record>);

impl Children {
    pub(crate) async fn read(ledger: &Ledger, ticket: &TicketRef) -> Result<Self, StageError> {
        let life = ledger.life(&ticket.subject()).await?;
        let by_step = life
            .into_iter()
            .map(|record| (record.key.step().to_owned(), record));
        Ok(Self(by_step.collect()))
    }

    /// The state of a step. What waits for a time comes back by itself, so it has none until then.
    fn state(&self, step: &str) -> Option<State> {
        let record = self.0.get(step).filter(|record| record.resume_at.is_none());
        record.map(|record| record.state)
    }

    fn sealed(&self, step: &str) -> Option<&Record> {
        self.0.get(step).filter(|record| record.state == State::Sealed)
    }

    /// Nothing more comes of the child without a person: its pull request is on record, or it waits for somebody.
    pub(crate) fn is_settled(&self, repo: &RepoName) -> bool {
        matches!(self.state(&step::pr(repo)), Some(State::Sealed | State::Parked))
            || self.state(&step::patch(repo)) == Some(State::Parked)
    }

    fn end(&self, repo: &RepoName) -> Result<End, StageError> {
        if let Some(record) = self.sealed(&step::merged(repo)) {
            let merged: Merged = record.result()?;
            return Ok(End::Merged {
                touched_mapped: merged.touched_mapped,
                at_ms: merged.at_ms.unwrap_or(record.first_claimed_at),
            });
        }
        if let Some(record) = self.sealed(&step::closed(repo)) {
            let closed: Closed = record.result()?;
            return Ok(End::Closed { at_ms: closed.at_ms });
        }
        let has_pull = self.sealed(&step::pr(repo)).is_some();
        Ok(if self.is_settled(repo) && !has_pull {
            End::NoPull
        } else {
            End::Open
        })
    }

    /// The claim of a charged bug at least one of whose pull requests was merged, none of which touched a mapped file, and
    /// of which nothing more is to come. Its time is that of the last merge or closing, by GitHub's clock: whoever waited
    /// for us is not late.
    pub(crate) fn claim(
        &self,
        ticket: &TicketRef,
        repos: &[RepoName],
    ) -> Result<Option<CreditAsked>, StageError> {
        let Some(flag) = self.sealed(step::BILL) else {
            return Ok(None);
        };
        let flag: Flag = flag.result()?;
        if !flag.is_charge() {
            return Ok(None);
        }
        let (mut is_merged, mut asked_at_ms) = (false, 0);
        for repo in repos {
            match self.end(repo)? {
                End::Open
                | End::Merged {
                    touched_mapped: true, ..
                } => return Ok(None),
                End::NoPull => {}
                End::Closed { at_ms } => asked_at_ms = asked_at_ms.max(at_ms),
                End::Merged { at_ms, .. } => {
                    is_merged = true;
                    asked_at_ms = asked_at_ms.max(at_ms);
                }
            }
        }
        Ok(is_merged.then(|| CreditAsked {
            ticket: ticket.clone(),
            source: Source::Merge,
            by: flag.entry,
            note: "no merged pull request touched a mapped file".to_owned(),
            charge: Some(flag.hash),
            asked_at_ms,
        }))
    }
}
