//! A claim that a bug was mapped wrongly, and what became of it.

use serde::{Deserialize, Serialize};

use crate::ids::{TicketRef, digest_of};

/// Longest note of a claim, in characters. Reason: it stands in a message, a row and an entry.
pub const NOTE_CHARS_MAX: usize = 200;

/// Who claims it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A person, through the operator's command line.
    Operator,
    /// The merge of the bug's pull requests, none of which touched a mapped file.
    Merge,
}

impl Source {
    /// The word in records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Merge => "merge",
        }
    }
}

/// A claim, as its message carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreditAsked {
    /// The ticket of the bug.
    pub ticket: TicketRef,
    /// Who claims it.
    pub source: Source,
    /// A person's name, or what was merged.
    pub by: String,
    /// Why, in a person's words; at most [`NOTE_CHARS_MAX`].
    pub note: String,
    /// When it was claimed, in ms.
    pub asked_at_ms: u64,
}

impl CreditAsked {
    /// Names the claim: the same words of the same person about the same bug are one claim, however often they come.
    #[must_use]
    pub fn id(&self) -> String {
        let id = digest_of(&["credit", self.source.as_str(), &self.by, &self.note]);
        id.chars().take(16).collect()
    }
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The charge is given back by an entry of its own.
    Credited,
    /// Another claim was credited before; this one is on record.
    CreditedBefore,
    /// It came more than seven days after the charge.
    TooLate,
    /// There is no charge.
    NotBilled,
}

/// The sealed result of a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    /// What became of it.
    pub verdict: Verdict,
    /// The claim.
    pub claim: CreditAsked,
    /// Key of the credit's entry, where there is one.
    pub entry: Option<String>,
}
