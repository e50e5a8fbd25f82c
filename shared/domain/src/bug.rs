//! What the model made of a ticket, and where in the code it points.

use serde::{Deserialize, Serialize};

use crate::ids::RepoName;
use crate::redact::redact;

/// How bad it is for the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Data loss, money, security, or everybody is down.
    Critical,
    /// A main function fails and there is no way around.
    High,
    /// A function fails and there is a way around.
    Medium,
    /// Cosmetic.
    Low,
}

impl Severity {
    /// The word of the wire and of reports.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::High => "high",
            Self::Medium => "medium",
            Self::Low => "low",
        }
    }
}

/// A structured bug. Every field is the model's reading of the ticket, checked for shape and length.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bug {
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// In order.
    pub steps_to_reproduce: Vec<String>,
    /// What the customer expected.
    pub expected: String,
    /// What happened.
    pub actual: String,
    /// Which function of the product.
    pub affected_feature: String,
    /// Who is hit, and how.
    pub customer_impact: String,
    /// Verbatim from the customer's own words: the sentence that shows the bug. Empty where the model gave none.
    pub quote: String,
    /// Why there is no quote, where the model gave one that the customer never wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_note: Option<String>,
    /// 0 to 1: how sure the model is that this is a bug with enough in it to work on.
    pub ai_confidence: f64,
}

impl Bug {
    /// The bug without addresses and secrets in any of its texts: what is asked about it then repeats none.
    #[must_use]
    pub fn redacted(&self) -> Self {
        Self {
            title: redact(&self.title),
            severity: self.severity,
            steps_to_reproduce: self.steps_to_reproduce.iter().map(|step| redact(step)).collect(),
            expected: redact(&self.expected),
            actual: redact(&self.actual),
            affected_feature: redact(&self.affected_feature),
            customer_impact: redact(&self.customer_impact),
            quote: redact(&self.quote),
            quote_note: self.quote_note.clone(),
            ai_confidence: self.ai_confidence,
        }
    }
}

/// The sealed result of `extract`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Extraction {
    /// A bug.
    Bug(Bug),
    /// Not a bug, and why; the ticket is left alone.
    NotABug {
        /// The model's reason.
        reason: String,
    },
}

/// One place in the code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// The repository.
    pub repo: RepoName,
    /// Path from the repository's root.
    pub file: String,
    /// Function, method or type; empty where the lines belong to none.
    pub symbol: String,
    /// First line, from 1.
    pub start_line: u32,
    /// Last line, inclusive.
    pub end_line: u32,
    /// Why this place.
    pub explanation: String,
    /// 0 to 1.
    pub confidence: f64,
    /// The file is executable at the pinned commit, and stays so when it is patched.
    #[serde(default, skip_serializing_if = "is_false")]
    pub executable: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A repository of the org that was not searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unusable {
    /// The repository.
    pub repo: RepoName,
    /// Why, as a word of the closed list of reasons.
    pub reason: String,
}

/// The commit of a repository that was read, pinned when `map` first claimed the work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PinnedTree {
    /// The repository.
    pub repo: RepoName,
    /// The default branch, the base of a pull request.
    pub base_branch: String,
    /// Commit SHA of its head when pinned.
    pub commit: String,
    /// Tree SHA of that commit.
    pub tree: String,
}

/// The sealed result of `map`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mapping {
    /// What was read.
    pub trees: Vec<PinnedTree>,
    /// What was not: a bug may be in there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<Unusable>,
    /// Best first.
    pub locations: Vec<Location>,
    /// Hash over the candidate list that the rerank saw.
    pub candidates_hash: String,
}

impl Mapping {
    /// The best location's confidence, or 0 where there is none.
    #[must_use]
    pub fn best_confidence(&self) -> f64 {
        self.locations
            .iter()
            .map(|location| location.confidence)
            .fold(0.0, f64::max)
    }

    /// The locations at or above the threshold, best first: what is billed for.
    pub fn places_at(&self, threshold: f64) -> impl Iterator<Item = &Location> {
        self.locations
            .iter()
            .filter(move |location| location.confidence >= threshold)
    }

    /// The repositories with a location at or above the threshold, in order of their names.
    #[must_use]
    pub fn repos_at(&self, threshold: f64) -> Vec<RepoName> {
        let mut repos: Vec<RepoName> = self
            .places_at(threshold)
            .map(|location| location.repo.clone())
            .collect();
        repos.sort();
        repos.dedup();
        repos
    }
}
