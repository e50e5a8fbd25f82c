//! What the harness itself remembers of a schedule: a plain value that is copied with the rest of the world.

use std::collections::BTreeSet;

use bytes::Bytes;
use local::aws::Next;
use local::sandbox::zendesk::Event;
use ratchet_guard::clock::Millis;

use crate::shadow::Shadow;

/// Where a held request goes.
#[derive(Debug, Clone)]
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
#[derive(Debug, Clone, Default)]
pub(crate) struct Host {
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
    /// Messages that were handed to several invocations at once; each is so only once, or they would breed.
    pub(crate) raced: BTreeSet<String>,
    /// Every message that was ever sent, with its queue.
    pub(crate) sent: BTreeSet<(String, String)>,
    /// Where the script stands.
    pub(crate) stage: u32,
    /// The script's people did their part.
    pub(crate) acted: bool,
    /// How many sweeps have run since anything else happened.
    pub(crate) sweeps: u32,
    /// An invocation slept past its lease with a call on its lips: what its provider has neither a key nor a version for
    /// may come a second time then, and is healed.
    pub(crate) slept: bool,
    /// How often the ledger was compared with the providers.
    pub(crate) compared: u32,
    /// What stood when the first life was over: how many effects, and every settled row's state, body and id outside.
    pub(crate) then: Option<(usize, Shadow)>,
}
