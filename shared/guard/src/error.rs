//! What stops a stage, and what its queue does about it.

use thiserror::Error;

use crate::clock::Millis;
use crate::ledger::Parked;
use crate::store::StoreError;
use crate::work::WorkKey;

/// Why a stage ended before its last move.
#[derive(Debug, Error)]
pub enum StageError {
    /// Another attempt holds a live lease.
    #[error("work is claimed by another attempt key=`{key}` until_ms=`{until_ms}`")]
    Busy {
        /// Which work.
        key: WorkKey,
        /// When its lease ends.
        until_ms: Millis,
    },
    /// This attempt did not finish; another will.
    #[error("attempt did not finish: {why} key=`{key}`")]
    Retry {
        /// Which work.
        key: WorkKey,
        /// `code: detail` of the fault.
        why: String,
        /// Earliest time of the next attempt.
        at_ms: Millis,
    },
    /// The work is parked: it is on record, with its reason, and this delivery is over.
    #[error("work is parked reason=`{}` key=`{}`", .0.reason(), .0.key())]
    Parked(Parked),
    /// The message itself cannot be worked on, whoever tries.
    #[error("message is refused: {detail} reason=`{code}`")]
    Poison {
        /// One of a closed list of words.
        code: &'static str,
        /// What was wrong, and where.
        detail: String,
    },
    /// The same key came with other content. It is an alarm, never a silent drop.
    #[error("key is on record with other content key=`{key}`")]
    Conflict {
        /// Which work.
        key: WorkKey,
    },
    /// Something outside was not there before the claim: a read failed.
    #[error("read before the claim failed: {why}")]
    NotRead {
        /// `code: detail` of the fault.
        why: String,
        /// When the provider says to come back, in milliseconds from now.
        retry_after_ms: Option<u64>,
    },
    /// The ledger did not answer as it should.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A record does not hold what its step writes, or its row does not read at all.
    #[error("record does not read as its step's result key=`{key}` line=`{line}` column=`{column}`")]
    Unreadable {
        /// Which record.
        key: WorkKey,
        /// Line of the first error; 0 where it is the row itself.
        line: usize,
        /// Column of the first error.
        column: usize,
    },
}

/// What becomes of the message that drove the stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Deleted: everything it asked for is on record.
    Settled,
    /// Back at that time; it does not count as a failure.
    Busy {
        /// When the lease ends.
        until_ms: Millis,
    },
    /// Back at that time, or after a delay from its receive count where none is given.
    Retry {
        /// Earliest time of the next attempt.
        at_ms: Option<Millis>,
        /// The provider's own word, in milliseconds from now.
        after_ms: Option<u64>,
    },
    /// Recorded whole with its reason, then deleted.
    ParkMessage {
        /// One of a closed list of words.
        code: &'static str,
    },
}

impl StageError {
    /// The row itself does not read.
    pub(crate) fn unreadable_row(key: &WorkKey) -> Self {
        Self::Unreadable {
            key: key.clone(),
            line: 0,
            column: 0,
        }
    }

    /// What becomes of the message; total, so a new error does not compile until it is placed.
    #[must_use]
    pub fn disposition(&self) -> Disposition {
        match self {
            Self::Parked(_) => Disposition::Settled,
            Self::Busy { until_ms, .. } => Disposition::Busy { until_ms: *until_ms },
            Self::Retry { at_ms, .. } => Disposition::Retry {
                at_ms: Some(*at_ms),
                after_ms: None,
            },
            Self::NotRead { retry_after_ms, .. } => Disposition::Retry {
                at_ms: None,
                after_ms: *retry_after_ms,
            },
            Self::Store(_) => Disposition::Retry {
                at_ms: None,
                after_ms: None,
            },
            Self::Poison { code, .. } => Disposition::ParkMessage { code },
            Self::Conflict { .. } => Disposition::ParkMessage {
                code: "content_conflict",
            },
            Self::Unreadable { .. } => Disposition::ParkMessage {
                code: "unreadable_record",
            },
        }
    }
}
