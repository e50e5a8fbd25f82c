//! What the stages say to each other over SQS: keys, never content.
//!
//! A message names a record; the record holds the result.
//! The one text in any of them is an operator's note on a credit, since no record holds it before it is asked for.
//! So a message stays far below SQS's size limit, carries no customer's word, and a redelivered one reads
//! what is on record now.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::credit::CreditAsked;
use crate::ids::{ContentHash, RepoName, TicketRef};
use crate::stage::Stage;

/// The version of the envelope that this build writes.
pub const VERSION: u32 = 1;

/// A message that no stage can act on; it is parked with this reason and never retried.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MessageError {
    /// Not JSON of the envelope's shape.
    #[error("message does not parse line=`{line}` column=`{column}`")]
    Malformed {
        /// Line of the first error, from 1.
        line: usize,
        /// Column of the first error, from 1.
        column: usize,
    },
    /// An envelope from another build.
    #[error("message version is unknown, expected {VERSION} version=`{0}`")]
    Version(u32),
    /// A message in the wrong queue.
    #[error("message is for another stage expected=`{expected}` kind=`{found}`")]
    Stage {
        /// The stage that read it.
        expected: Stage,
        /// The stage it names.
        found: Stage,
    },
}

/// The body of a message; the variant says which stage reads it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Body {
    /// A ticket was touched: fetch it and extract its bug.
    Extract(TicketTouched),
    /// An extracted bug is on record: map it.
    Map(BugAt),
    /// Locations are on record: decide and bill.
    Qualify(BugAt),
    /// A billed bug: one child a repository.
    FanOut(BugAt),
    /// One repository of a billed bug: patch and pull request.
    OpenPr(BugInRepo),
    /// All pull requests are settled: root cause to the ticket.
    PublishRca(BugAt),
    /// The comment is out: Slack and tracker.
    Notify(BugAt),
    /// A pull request of ours was merged: compare it with the mapping.
    PullMerged(PullEnded),
    /// A pull request of ours was closed without a merge: nothing more is to come of it.
    PullClosed(PullEnded),
    /// Somebody claims that the bug was mapped wrongly.
    Credit(CreditAsked),
}

impl Body {
    /// The stage that reads it.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self {
            Self::Extract(_) => Stage::Extract,
            Self::Map(_) => Stage::Map,
            Self::Qualify(_) | Self::Credit(_) => Stage::Qualify,
            Self::FanOut(_) => Stage::FanOut,
            Self::OpenPr(_) | Self::PullMerged(_) | Self::PullClosed(_) => Stage::OpenPr,
            Self::PublishRca(_) => Stage::PublishRca,
            Self::Notify(_) => Stage::Notify,
        }
    }

    /// The ticket that it is about.
    #[must_use]
    pub fn ticket(&self) -> &TicketRef {
        match self {
            Self::Extract(touched) => &touched.ticket,
            Self::Map(at)
            | Self::Qualify(at)
            | Self::FanOut(at)
            | Self::PublishRca(at)
            | Self::Notify(at) => &at.ticket,
            Self::OpenPr(at) => &at.ticket,
            Self::PullMerged(ended) | Self::PullClosed(ended) => &ended.ticket,
            Self::Credit(claim) => &claim.ticket,
        }
    }
}

/// A webhook said that a ticket changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketTouched {
    /// The ticket.
    pub ticket: TicketRef,
    /// Key of the event's row in the events table, to mark it as consumed; none for a sweep or an operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// A bug as extracted from one content of its ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BugAt {
    /// The ticket that reports it.
    pub ticket: TicketRef,
    /// The customer content it was extracted from.
    pub content: ContentHash,
}

/// One repository's share of a bug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BugInRepo {
    /// The ticket that reports it.
    pub ticket: TicketRef,
    /// The customer content it was extracted from.
    pub content: ContentHash,
    /// The repository.
    pub repo: RepoName,
}

/// A webhook said that a pull request of ours was merged, or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullEnded {
    /// The ticket that reports the bug.
    pub ticket: TicketRef,
    /// The repository.
    pub repo: RepoName,
    /// The pull request's number there.
    pub number: u64,
    /// When, by GitHub's clock, in ms; none where GitHub did not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// Key of the event's row in the events table, to mark it as consumed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

/// Version, trace and body: what an SQS message body holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// See [`VERSION`].
    pub v: u32,
    /// W3C trace id (32 hex digits) of the ticket's first webhook; one ticket, one trace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace: Option<String>,
    /// What is asked of the stage.
    #[serde(flatten)]
    pub body: Body,
}

impl Envelope {
    /// An envelope of this build's version.
    #[must_use]
    pub fn new(trace: Option<String>, body: Body) -> Self {
        Self {
            v: VERSION,
            trace,
            body,
        }
    }

    /// The bytes that go into the queue. Equal envelopes give equal bytes.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a message of `stage`.
    ///
    /// # Errors
    /// [`MessageError`]: not the shape, not the version, not the stage. None of them is worth a retry.
    pub fn parse(stage: Stage, text: &str) -> Result<Self, MessageError> {
        #[derive(Deserialize)]
        struct Versioned {
            v: u32,
        }
        let malformed = |error: serde_json::Error| MessageError::Malformed {
            line: error.line(),
            column: error.column(),
        };
        let Versioned { v } = serde_json::from_str(text).map_err(malformed)?;
        if v != VERSION {
            return Err(MessageError::Version(v));
        }
        let envelope: Self = serde_json::from_str(text).map_err(malformed)?;
        match envelope.body.stage() {
            found if found == stage => Ok(envelope),
            found => Err(MessageError::Stage {
                expected: stage,
                found,
            }),
        }
    }
}
