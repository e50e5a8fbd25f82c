//! A ledger row, as it is read.
//!
//! **Shape** (one item; all attributes but the keys may be absent):
//!
//! | Attribute | Type | Meaning |
//! |---|---|---|
//! | `subject`, `step` | S | the key |
//! | `state` | S | `claimed`, `sealed`, `parked` or `receipt` |
//! | `fence` | N | raised by one with every claim |
//! | `clean_fence` | N | no attempt up to this fence can have sent anything |
//! | `accounted` | N | how many attempts sent nothing or left their result here; absent while `clean_fence` tells it |
//! | `attempt_id` | S | of the last write, so that its resend is known |
//! | `lease_until` | N | ms; a claim may follow then |
//! | `attempts` | N | claims since the work was first seen or resumed; absent for the first |
//! | `content`, `intent` | S | hash of the inputs; what is sent |
//! | `body`, `external_id` | S | the result; the provider's id of it |
//! | `reason`, `detail` | S | why it is parked; the last fault |
//! | `resume_at` | N | ms; a parked row may be claimed again then |
//! | `resumed_at` | N | ms; when somebody last let it be claimed again |
//! | `stage`, `message` | S | what a sweep sends again |
//! | `first_claimed_at`, `claimed_at`, `settled_at` | N | ms; `claimed_at` is absent for the first claim |
//! | `taken_up_at` | N | ms; the claim that followed when it was last parked; absent before |
//! | `unfinished`, `due_at` | S, N | key of the sparse index, only while somebody should look |
//! | `resend_at`, `resent_of` | N, S | ms; no sweep sends the message before, while the fence and due time are these |
//! | `resends` | N | how often sweeps have sent it while they are these |
//!
//! **Lifetime**: for ever. **Index** `unfinished`: partition `unfinished` = [`Unfinished`] and a shard, as `claimed#3`,
//! sort `due_at`; it holds what is not finished, so reading it costs what is stuck.

use serde::de::DeserializeOwned;

use crate::clock::Millis;
use crate::error::StageError;
use crate::store::{Item, get_number, get_text};
use crate::work::{WorkKey, digest};

/// Name of the sparse index of the ledger and of the events.
pub const UNFINISHED_INDEX: &str = "unfinished";

/// How many partitions each kind of unfinished row is spread over.
pub const UNFINISHED_SHARDS: u64 = 8;

/// What a row says about its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Somebody works on it, or worked on it until the lease ended.
    Claimed,
    /// Its result is on record.
    Sealed,
    /// It waits for a time or for a person.
    Parked,
    /// Not work: a result that came after another attempt had taken over.
    Receipt,
}

impl State {
    /// The word in the row.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Claimed => "claimed",
            Self::Sealed => "sealed",
            Self::Parked => "parked",
            Self::Receipt => "receipt",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Claimed, Self::Sealed, Self::Parked, Self::Receipt]
            .into_iter()
            .find(|state| state.as_str() == word)
    }
}

/// One row of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Which work.
    pub key: WorkKey,
    /// What the row says about it.
    pub state: State,
    /// Of the last claim.
    pub fence: u64,
    /// No attempt up to this fence can have sent anything.
    pub clean_fence: u64,
    /// How many attempts can have sent nothing, or left what became of it on record.
    pub accounted: u64,
    /// When the lease ends or ended, in ms.
    pub lease_until: Millis,
    /// Claims since it was first seen or resumed.
    pub attempts: u64,
    /// Of the row's last write.
    pub attempt_id: String,
    /// Hash of the inputs.
    pub content: String,
    /// What is sent, or what pins it.
    pub intent: String,
    /// The result as JSON; empty until sealed.
    pub body: String,
    /// The provider's id of the effect.
    pub external_id: Option<String>,
    /// Why it is parked.
    pub reason: Option<String>,
    /// The last fault, as `code: detail`.
    pub detail: Option<String>,
    /// When a parked row may be claimed again.
    pub resume_at: Option<Millis>,
    /// When somebody last let it be claimed again, in ms.
    pub resumed_at: Option<Millis>,
    /// The stage that runs it.
    pub stage: String,
    /// The message that drives it.
    pub message: String,
    /// First claim, ms.
    pub first_claimed_at: Millis,
    /// The claim that took it up: the first, or the one that followed when it was last parked, ms.
    pub taken_up_at: Millis,
    /// Last claim, ms.
    pub claimed_at: Millis,
    /// When it was sealed or parked, ms.
    pub settled_at: Option<Millis>,
    /// When somebody should look, ms; none when finished.
    pub due_at: Option<Millis>,
    /// A sweep has sent the message since the row was last written by a stage; none need send it before, ms.
    pub resend_at: Option<Millis>,
    /// How often sweeps have sent the message since then.
    pub resends: u64,
}

/// A row that does not read as one: an attribute is missing or of another type. No stage works on it and no sweep sends it,
/// so whoever meets it says which it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnreadableRow<K = WorkKey> {
    /// Which.
    pub key: K,
    /// When somebody should have looked at it, ms, where it stands in the index.
    pub due_at: Option<Millis>,
}

/// Numbers of a row; whatever is there must be one.
const NUMBERS: [&str; 14] = [
    "fence",
    "clean_fence",
    "accounted",
    "lease_until",
    "attempts",
    "resume_at",
    "resumed_at",
    "first_claimed_at",
    "taken_up_at",
    "claimed_at",
    "settled_at",
    "due_at",
    "resend_at",
    "resends",
];

impl Record {
    /// Reads an item; none where it is not a ledger row.
    pub(crate) fn of(item: &Item) -> Option<Self> {
        let word = |name: &str| get_text(item, name).map(str::to_owned);
        let count = |name: &str| get_number(item, name);
        if NUMBERS
            .iter()
            .any(|name| item.contains_key(*name) && count(name).is_none())
        {
            return None;
        }
        let fence = count("fence").unwrap_or(0);
        let clean_fence = count("clean_fence").unwrap_or(0);
        let first_claimed_at = count("first_claimed_at").unwrap_or(0);
        let sent_for = resent_of(fence, count("due_at").unwrap_or(0));
        let is_noted = get_text(item, "resent_of") == Some(&sent_for);
        Some(Self {
            key: WorkKey::new(word("subject")?, word("step")?),
            state: State::from_word(get_text(item, "state")?)?,
            fence,
            clean_fence,
            accounted: count("accounted").unwrap_or(0).max(clean_fence),
            lease_until: count("lease_until").unwrap_or(0),
            attempts: count("attempts").unwrap_or_else(|| fence.min(1)),
            attempt_id: word("attempt_id").unwrap_or_default(),
            content: word("content").unwrap_or_default(),
            intent: word("intent").unwrap_or_default(),
            body: word("body").unwrap_or_default(),
            external_id: word("external_id"),
            reason: word("reason"),
            detail: word("detail"),
            resume_at: count("resume_at"),
            resumed_at: count("resumed_at"),
            stage: word("stage").unwrap_or_default(),
            message: word("message").unwrap_or_default(),
            first_claimed_at,
            taken_up_at: count("taken_up_at").unwrap_or(first_claimed_at),
            claimed_at: count("claimed_at").unwrap_or(first_claimed_at),
            settled_at: count("settled_at"),
            due_at: count("due_at"),
            resend_at: count("resend_at").filter(|_| is_noted),
            resends: count("resends").filter(|_| is_noted).unwrap_or(0),
        })
    }

    /// Reads items; those that are none are named.
    pub(crate) fn of_all(items: &[Item]) -> (Vec<Self>, Vec<UnreadableRow>) {
        let (mut records, mut unreadable) = (Vec::with_capacity(items.len()), Vec::new());
        for item in items {
            match Self::of(item) {
                Some(record) => records.push(record),
                None => unreadable.push(UnreadableRow {
                    key: WorkKey::new(
                        get_text(item, "subject").unwrap_or_default(),
                        get_text(item, "step").unwrap_or_default(),
                    ),
                    due_at: get_number(item, "due_at"),
                }),
            }
        }
        (records, unreadable)
    }

    /// The result, as the type that its step writes.
    ///
    /// # Errors
    /// [`StageError::Unreadable`] when the body is not of that shape.
    pub fn result<T: DeserializeOwned>(&self) -> Result<T, StageError> {
        read_body(&self.key, &self.body)
    }
}

/// What may happen to a work next, as a person or a schedule wants to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Its result is on record; running it again changes nothing.
    Done,
    /// Somebody works on it, or its last request may still land; it is claimed again then.
    Held {
        /// When the lease ends, ms.
        until_ms: Millis,
    },
    /// It did not succeed, and is safe to run again.
    Retryable {
        /// When it is due, ms; running it earlier is as safe.
        at_ms: Millis,
        /// What an earlier attempt may have sent is looked for, or its key repeated, as its effect's wrapper says.
        asks_first: bool,
    },
    /// It waits for that time, which no claim comes before.
    Waits {
        /// ms.
        until_ms: Millis,
    },
    /// It is not run again until a person has looked.
    NeedsReview {
        /// One of a closed list of words.
        reason: String,
    },
    /// Nobody works on it again: a person has closed it.
    Closed,
    /// Not work: the result of an attempt that was overtaken. A person compares it with the provider.
    LateReceipt,
}

impl Record {
    /// What may happen to this work next, at `now_ms`.
    #[must_use]
    pub fn standing(&self, now_ms: Millis) -> Standing {
        let retryable = |at_ms| Standing::Retryable {
            at_ms,
            asks_first: self.clean_fence != self.fence,
        };
        match (self.state, self.resume_at) {
            (State::Sealed, _) => Standing::Done,
            (State::Receipt, _) if self.due_at.is_none() => Standing::Closed,
            (State::Receipt, _) => Standing::LateReceipt,
            (State::Claimed, _) if self.lease_until > now_ms => Standing::Held {
                until_ms: self.lease_until,
            },
            (State::Claimed, _) => retryable(self.due_at.unwrap_or(now_ms)),
            (State::Parked, Some(until_ms)) if until_ms > now_ms => Standing::Waits { until_ms },
            (State::Parked, Some(at_ms)) => retryable(at_ms),
            (State::Parked, None) if self.due_at.is_none() => Standing::Closed,
            (State::Parked, None) => Standing::NeedsReview {
                reason: self.reason.clone().unwrap_or_default(),
            },
        }
    }
}

pub(crate) fn read_body<T: DeserializeOwned>(key: &WorkKey, body: &str) -> Result<T, StageError> {
    // A result that is nothing takes no room in the row.
    let body = if body.is_empty() { "null" } else { body };
    serde_json::from_str(body).map_err(|error| StageError::Unreadable {
        key: key.clone(),
        line: error.line(),
        column: error.column(),
    })
}

/// What a sweep's note counts for: one fence and one due time.
pub(crate) fn resent_of(fence: u64, due_at: Millis) -> String {
    format!("{fence}@{due_at}")
}

/// The index partition of a row in that state.
pub(crate) fn unfinished_partition(kind: Unfinished, subject: &str) -> String {
    let [high, low, ..] = digest(&["shard", subject]);
    kind.partition(u64::from(u16::from_be_bytes([high, low])) % UNFINISHED_SHARDS)
}

/// Why a row stands in the sparse index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unfinished {
    /// A claim; due when its lease ends or its backoff is over.
    Claimed,
    /// Parked until a time; due then.
    Waiting,
    /// Parked until a person decides; due since it was parked.
    Review,
    /// A late receipt; due since it was written.
    Receipt,
    /// A webhook's event that no stage has consumed; due when its hand-over lease ends.
    Event,
}

impl Unfinished {
    /// The name of one of its partitions, as `claimed#3`.
    #[must_use]
    pub fn partition(self, shard: u64) -> String {
        let word = match self {
            Self::Claimed => "claimed",
            Self::Waiting => "waiting",
            Self::Review => "review",
            Self::Receipt => "receipt",
            Self::Event => "event",
        };
        format!("{word}#{shard}")
    }
}
