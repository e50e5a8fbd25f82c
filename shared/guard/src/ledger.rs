//! The ledger: who may act, what was done, and what nobody can tell.

mod act;
mod claim;
mod companion;
mod fenced;
mod once;
mod operate;
mod park;
mod read;
mod record;
mod release;
mod resend;
mod seal;
mod size;
mod together;
mod word;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;

pub use act::Acted;
pub use claim::{Claim, Decision};
pub use companion::Companion;
pub use park::Park;
pub use read::Page;
pub use record::Recorded;
pub use resend::Nudge;
pub use seal::Joint;

use crate::clock::{AttemptIds, Clock, Millis};
use crate::error::StageError;
use crate::record::{Record, read_body};
use crate::store::{Item, text};
use crate::timing::Timing;
use crate::work::WorkKey;

/// Records that a move may follow on: [`Sealed`] and [`Parked`], and nothing else.
pub trait OnRecord: private::OnRecord {
    /// Which work is on record.
    fn key(&self) -> &WorkKey;
}

mod private {
    pub trait OnRecord {}
    impl OnRecord for super::Sealed {}
    impl OnRecord for super::Parked {}
}

/// A result that is on record. Only the ledger makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    key: WorkKey,
    body: String,
    external_id: Option<String>,
    first_claimed_at: Millis,
}

impl Sealed {
    /// The result, as the type that its step writes.
    ///
    /// # Errors
    /// [`StageError::Unreadable`] when the body is not of that shape.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T, StageError> {
        read_body(&self.key, &self.body)
    }

    /// The provider's id of the effect, where it has one.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// When the work was first claimed, in ms: the same for every attempt.
    #[must_use]
    pub fn first_claimed_at(&self) -> Millis {
        self.first_claimed_at
    }

    fn of(record: Record) -> Self {
        Self {
            key: record.key,
            body: record.body,
            external_id: record.external_id,
            first_claimed_at: record.first_claimed_at,
        }
    }
}

impl OnRecord for Sealed {
    fn key(&self) -> &WorkKey {
        &self.key
    }
}

/// Work that waits, on record, for a time or for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parked {
    key: WorkKey,
    reason: String,
    resume_at: Option<Millis>,
    first_claimed_at: Millis,
    unaccounted: u64,
}

impl Parked {
    /// One of a closed list of words.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// When it may be claimed again; none waits for a person.
    #[must_use]
    pub fn resume_at(&self) -> Option<Millis> {
        self.resume_at
    }

    /// When the work was first claimed, in ms.
    #[must_use]
    pub fn first_claimed_at(&self) -> Millis {
        self.first_claimed_at
    }

    /// How many attempts may have sent the effect and left no word of it, at most; as [`Claim::unaccounted`].
    #[must_use]
    pub fn unaccounted(&self) -> u64 {
        self.unaccounted
    }

    /// Which work.
    #[must_use]
    pub fn key(&self) -> &WorkKey {
        &self.key
    }

    fn of(record: Record) -> Self {
        Self {
            key: record.key,
            resume_at: record.resume_at,
            first_claimed_at: record.first_claimed_at,
            unaccounted: record.fence.saturating_sub(record.accounted),
            reason: record.reason.unwrap_or_default(),
        }
    }
}

impl OnRecord for Parked {
    fn key(&self) -> &WorkKey {
        &self.key
    }
}

/// The ledger's table, and the invocation that writes to it.
///
/// Clones share the client. Make one a process with [`Ledger::new`], and from it one an invocation with
/// [`Ledger::until`], so that every lease covers that invocation's deadline.
#[derive(Clone)]
pub struct Ledger {
    shared: Arc<Shared>,
    deadline_ms: Millis,
}

/// What all invocations of a process have in common.
struct Shared {
    client: Client,
    table: Arc<str>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn AttemptIds>,
    timing: Timing,
}

impl Ledger {
    /// A ledger in `table`. Nothing is acted on with it until an invocation's deadline is given with
    /// [`Ledger::until`].
    #[must_use]
    pub fn new(
        client: Client,
        table: impl Into<Arc<str>>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn AttemptIds>,
        timing: Timing,
    ) -> Self {
        let shared = Shared {
            client,
            table: table.into(),
            clock,
            ids,
            timing,
        };
        Self {
            shared: Arc::new(shared),
            deadline_ms: 0,
        }
    }

    /// The same ledger for an invocation that is stopped at `deadline_ms`.
    #[must_use]
    pub fn until(&self, deadline_ms: Millis) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            deadline_ms,
        }
    }

    /// When this invocation is stopped, in ms.
    #[must_use]
    pub fn deadline_ms(&self) -> Millis {
        self.deadline_ms
    }

    /// Now, by the ledger's clock.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.shared.clock.now_ms()
    }

    /// The durations in force.
    #[must_use]
    pub fn timing(&self) -> &Timing {
        &self.shared.timing
    }

    fn row_key(key: &WorkKey) -> Item {
        Item::from([
            ("subject".to_owned(), text(key.subject())),
            ("step".to_owned(), text(key.step())),
        ])
    }

    fn fresh_id(&self) -> (String, AttributeValue) {
        let id = self.shared.ids.fresh();
        let value = text(id.clone());
        (id, value)
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger")
            .field("table", &self.shared.table)
            .field("deadline_ms", &self.deadline_ms)
            .finish()
    }
}
