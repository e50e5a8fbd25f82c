//! The repair plan: what does not agree, and what would mend it.

use ratchet_domain::ids::digest_of;
use serde::{Deserialize, Serialize};

/// Most items of one plan. Reason: the answer and its row stay small; what is left is found by the next run.
pub(crate) const ITEMS_MAX: usize = 200;

/// What does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A period's total is not the number of its entries.
    TotalDiffers,
    /// A usage entry, or an approval without one, whose bug has no flag on the ledger.
    EntryWithoutFlag,
    /// The ledger says done, and the provider does not have it.
    EffectMissing,
    /// The provider has our marker, and the ledger holds the step as parked, or has never heard of it.
    EffectUnrecorded,
    /// The provider has our marker more than once.
    EffectDoubled,
    /// A result that came after another attempt had taken over.
    LateReceipt,
    /// A changed ticket that no webhook told of.
    TicketUnknown,
    /// A delivery of GitHub's webhook that our endpoint did not take.
    DeliveryFailed,
}

/// What mends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// The ticket goes to `extract`, through the intake's own dedup.
    Enqueue,
    /// The provider is asked to deliver once more, under the same event id.
    Redeliver,
    /// The step may be claimed again: its probe finds what is there and adopts it. The next sweep sends its message.
    Resume,
    /// What the provider has is put on record; nothing is sent.
    Adopt,
    /// All but the first of those that carry our marker are deleted. Nothing of anybody else's is touched.
    DeleteOurs,
    /// The row leaves the index: there is one effect, and it is the one on record.
    Close,
    /// A person looks; the runbook says how.
    Look,
}

/// One thing that does not agree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// Whose.
    pub org: String,
    /// What it is about: a ledger subject, a usage partition, or a delivery.
    pub subject: String,
    /// The ledger's step, the usage entry, or the event.
    pub step: String,
    /// What it was seen at: a fence, a version, an id. It changes when the world moves.
    pub at: String,
    /// One sentence.
    pub finding: String,
    /// What mends it.
    pub repair: Repair,
}

/// Part of the world that could not be read; nothing is said about it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unread {
    /// Whose.
    pub org: String,
    /// Which comparison.
    pub what: String,
    /// Why, without any body or secret.
    pub why: String,
}

/// What became of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Compared; nothing was changed.
    Planned,
    /// The plan was carried out.
    Applied,
    /// This request was handled before: the same answer, nothing was done now.
    Duplicate,
}

/// What does not agree in a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// What became of the request.
    pub status: Status,
    /// Names exactly these items; `apply` takes it and refuses when it would find others.
    pub plan_hash: String,
    /// Start of the window, RFC 3339.
    pub since: String,
    /// End of the window, RFC 3339.
    pub until: String,
    /// In a fixed order.
    pub items: Vec<Item>,
    /// What could not be read. A plan with any is not a clean bill of health.
    pub unread: Vec<Unread>,
    /// Time was up, or there was more than one plan holds.
    pub more: bool,
    /// Repairs that were carried out.
    pub applied: u64,
    /// Repairs that did not succeed; the next plan has them again.
    pub failed: u64,
}

/// Names these items: SHA-256 over all of their fields.
pub(crate) fn hash_of(items: &[Item]) -> String {
    let parts: Vec<String> = items
        .iter()
        .map(|item| serde_json::to_string(item).unwrap_or_default())
        .collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    digest_of(&parts)
}
