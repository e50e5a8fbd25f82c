//! Plans on record.
//!
//! **Shape** on the ledger, subject `plan#replay`: step `<hash>` with a [`Planned`], step `<hash>#applied` with an
//! [`Applied`]. **Lifetime**: for ever; both are written once and never changed.

use ratchet_guard::clock::Millis;
use ratchet_guard::{Ledger, Recorded, Work, WorkKey};
use ratchet_runtime::stage::content_of;
use serde::{Deserialize, Serialize};

use super::selection::Selection;
use super::sum::Counts;
use crate::failure::Failure;
use crate::text::time;

const SUBJECT: &str = "plan#replay";

/// A plan that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Planned {
    pub(super) selection: Selection,
    pub(super) made_at_ms: Millis,
    pub(super) counts: Counts,
}

/// A plan that somebody began to carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Applied {
    pub(super) selection: Selection,
    pub(super) by: String,
    pub(super) at_ms: Millis,
}

/// The plans of a deployment.
pub(super) struct Book(pub(super) Ledger);

fn key(step: String) -> WorkKey {
    WorkKey::new(SUBJECT, step)
}

impl Book {
    /// Puts a plan on record.
    pub(super) async fn plan(&self, hash: &str, planned: &Planned) -> Result<(), Failure> {
        let work = Work::new(key(hash.to_owned()), hash);
        match self.0.record(&work, planned).await? {
            // The same hash is the same plan.
            Recorded::Written | Recorded::Found(_) => Ok(()),
        }
    }

    /// The plan of that hash.
    pub(super) async fn planned(&self, hash: &str) -> Result<Planned, Failure> {
        let record = self.0.read(&key(hash.to_owned())).await?;
        let record = record.ok_or_else(|| {
            Failure::NotFound(format!(
                "there is no such plan, make one with ctl replay plan hash=`{hash}`"
            ))
        })?;
        Ok(record.result()?)
    }

    /// Puts on record that a plan is being carried out, or refuses: it was before, or another one over the same work has
    /// been since the plan was made.
    pub(super) async fn begin(
        &self,
        hash: &str,
        planned: &Planned,
        applied: &Applied,
    ) -> Result<(), Failure> {
        self.check(hash, planned, None).await?;
        let work = Work::new(key(format!("{hash}#applied")), content_of(&[hash, &applied.by]));
        if let Recorded::Found(found) = self.0.record(&work, applied).await? {
            return Err(before(&found.result()?));
        }
        // Of two that begin at once each has written before it looks again: the earlier one goes on, or none.
        self.check(hash, planned, Some(applied)).await
    }

    async fn check(&self, hash: &str, planned: &Planned, own: Option<&Applied>) -> Result<(), Failure> {
        for record in self.0.life(SUBJECT).await? {
            let Some(other) = record.key.step().strip_suffix("#applied") else {
                continue;
            };
            let applied: Applied = record.result()?;
            if other == hash {
                if own.is_none() {
                    return Err(before(&applied));
                }
                continue;
            }
            let is_later = own.is_some_and(|own| (own.at_ms, hash) < (applied.at_ms, other));
            let since = applied.at_ms >= planned.made_at_ms && !is_later;
            if since && planned.selection.overlaps(&applied.selection) {
                return Err(overlap(other, &applied));
            }
        }
        Ok(())
    }
}

fn before(applied: &Applied) -> Failure {
    Failure::Refused(format!(
        "plan was applied before, make another one by=`{}` at=`{}`",
        applied.by,
        time(Some(applied.at_ms))
    ))
}

fn overlap(hash: &str, applied: &Applied) -> Failure {
    Failure::Refused(format!(
        "another plan over the same work was applied after this one was made, make another one hash=`{hash}` \
        by=`{}` at=`{}`",
        applied.by,
        time(Some(applied.at_ms))
    ))
}
