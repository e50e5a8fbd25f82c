//! What the gate decided about a mapped bug, with everything it was decided from.

use serde::{Deserialize, Serialize};

use crate::ids::{ContentHash, OrgId, RepoName, TicketRef};
use crate::period::{Period, Zone};

/// The sealed (or parked) result of `qualify`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What follows.
    pub gate: Gate,
    /// Score of the extraction.
    pub ai_confidence: f64,
    /// Score of the best location.
    pub location_confidence: f64,
    /// Threshold that was in force for the extraction.
    pub ai_threshold: f64,
    /// Threshold that was in force for locations.
    pub location_threshold: f64,
    /// Repositories with a location at or above the threshold: each gets a pull request.
    pub repos: Vec<RepoName>,
    /// Key of the usage entry, where it was billed.
    pub entry: Option<String>,
}

/// What the gate lets through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gate {
    /// Both scores pass: it is billed, in the transaction that sealed this decision.
    Billed,
    /// Both scores pass, and another content of the same ticket was billed before: nothing more is due.
    BilledBefore,
    /// Both scores pass, and the period's cap is reached: it waits.
    Capped,
    /// A score is below its threshold: a person decides.
    Held,
    /// A person let it through below a threshold, and the org is charged for no such bug: it gets what a billed bug gets.
    Approved,
}

impl Gate {
    /// The word in records and reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Billed => "billed",
            Self::BilledBefore => "billed_before",
            Self::Capped => "capped",
            Self::Held => "below_threshold",
            Self::Approved => "approved",
        }
    }

    /// The bug gets its pull requests, its root cause and its messages.
    #[must_use]
    pub fn goes_on(self) -> bool {
        match self {
            Self::Billed | Self::Approved => true,
            Self::BilledBefore | Self::Capped | Self::Held => false,
        }
    }
}

/// A person's decision about a parked step.
///
/// **Shape**: a sealed step of the ledger, subject that of what is decided, step [`Decided::step`]. **Lifetime**: for ever;
/// the first decision about a fence stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// `approve`, `edit`, `reject` or `retry`.
    pub verb: String,
    /// Who.
    pub by: String,
    /// When, in ms.
    pub at_ms: u64,
    /// Why, in that person's words.
    pub note: String,
    /// The reason for which it was parked.
    pub reason: String,
}

impl Decided {
    /// The ledger's step of a decision about that step, at that fence of it.
    #[must_use]
    pub fn step(step: &str, fence: u64) -> String {
        format!("review#{step}#{fence}")
    }
}

/// A bug that a person let through without a charge. No usage entry tells of it, so the approvals of an org stand together,
/// for whoever compares what was made for them with the providers.
///
/// **Shape**: a sealed step of the ledger, subject [`Approval::subject`], step the ticket's subject. **Lifetime**: for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The ticket that reports it.
    pub ticket: TicketRef,
    /// The content that was approved.
    pub content: ContentHash,
    /// Repositories that get a pull request.
    pub repos: Vec<RepoName>,
    /// When it was let through, in ms.
    pub at_ms: u64,
}

impl Approval {
    /// The ledger's subject of the org's approvals of a month, which is one of UTC: an org may change its time zone.
    #[must_use]
    pub fn subject(org: &OrgId, month: &Period) -> String {
        format!("approved#{org}#{month}")
    }

    /// The month of a time in ms, as [`Approval::subject`] takes it.
    #[must_use]
    pub fn month(at_ms: u64) -> Period {
        Period::of(at_ms, &Zone::default())
    }
}
