//! What the harness itself remembers of a schedule: a plain value that is copied with the rest of the world.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use local::aws::Next;
use local::sandbox::zendesk::Event;
use ratchet_guard::clock::Millis;

use crate::shadow::Shadow;

/// A request that was sent and has not landed yet.
#[derive(Clone)]
pub(crate) struct Held {
    /// The point at which it was sent.
    pub(crate) point: u32,
    /// What it says.
    pub(crate) label: String,
    /// When it lands at the latest.
    pub(crate) due_ms: Millis,
    /// What lands.
    pub(crate) what: HeldRequest,
}

/// Where a held request goes.
#[derive(Clone)]
pub(crate) enum HeldRequest {
    /// To a table or a queue; it lands as soon as another attempt has claimed.
    Aws(local::aws::Call, Next),
    /// To a provider.
    Provider(http::Request<Bytes>),
}

/// A webhook that the vendor wants to deliver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Which event, by its place in the vendor's list.
    pub(crate) event: usize,
    /// When it is sent.
    pub(crate) due_ms: Millis,
    /// Tries so far.
    pub(crate) tries: u32,
}

/// Everything about a schedule that stands neither in the tables, nor in the queues, nor at the providers.
#[derive(Clone, Default)]
pub(crate) struct Host {
    /// Number of the next outside call.
    pub(crate) point: u32,
    /// Number of the next attempt id.
    pub(crate) next_id: u64,
    /// Number of the next invocation.
    pub(crate) invocation: u32,
    /// On their way.
    pub(crate) held: Vec<Held>,
    /// The ledger as the last look saw it.
    pub(crate) shadow: Shadow,
    /// What the vendor still delivers.
    pub(crate) deliveries: Vec<Delivery>,
    /// Events of the vendor, in the order in which they were announced.
    pub(crate) events: Vec<Event>,
    /// Events that were answered with 200 accepted or duplicate.
    pub(crate) acked: BTreeSet<usize>,
    /// Messages that were seen and are still in a queue.
    pub(crate) seen: BTreeSet<String>,
    /// Every message that was ever sent, with its queue.
    pub(crate) sent: BTreeSet<(String, String)>,
    /// Where the script stands.
    pub(crate) stage: u32,
    /// The script's people did their part.
    pub(crate) acted: bool,
    /// How many sweeps have run since anything else happened.
    pub(crate) sweeps: u32,
    /// The world's effects when the first life was over.
    pub(crate) effects_then: Option<usize>,
    /// What is forbidden and happened.
    pub(crate) violations: Vec<Violation>,
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// What happened over all schedules: proof that the search was not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters(pub BTreeMap<String, u64>);

impl Counters {
    /// One more.
    pub(crate) fn hit(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// Those of another search too.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }
}
