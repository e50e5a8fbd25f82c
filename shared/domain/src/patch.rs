//! A change to one repository, and what became of it.

use serde::{Deserialize, Serialize};

use crate::ids::RepoName;

/// Replace one exact piece of text in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// Path from the repository's root.
    pub path: String,
    /// Must occur exactly once in the file.
    pub search: String,
    /// Takes its place.
    pub replace: String,
}

/// The sealed result of the `patch` step: everything the pull request needs, so that a retry sends the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The repository.
    pub repo: RepoName,
    /// One paragraph of what changes and why.
    pub summary: String,
    /// Base branch of the pull request.
    pub base_branch: String,
    /// Parent of the commit.
    pub base_commit: String,
    /// Tree that the files are laid over.
    pub base_tree: String,
    /// What changes. The files themselves are read again at `base_commit`, which cannot change, so the record stays
    /// small and a retry builds the same bytes.
    pub edits: Vec<Edit>,
}

/// A pull request as the provider recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// The repository.
    pub repo: RepoName,
    /// Its number there.
    pub number: u64,
    /// For people.
    pub url: String,
    /// Head commit.
    pub head: String,
}

/// The sealed result of the `merged` step: a pull request of ours that somebody merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// The repository.
    pub repo: RepoName,
    /// Its number there.
    pub number: u64,
    /// It touched a mapped file: one with a place at or above the threshold that the bug passed.
    pub touched_mapped: bool,
    /// When it was merged, in ms: GitHub's time, and never later than that of the record; none in records of older builds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
}

/// The sealed result of the `closed` step: a pull request of ours that somebody closed without a merge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The repository.
    pub repo: RepoName,
    /// Its number there.
    pub number: u64,
    /// When, in ms; as [`Merged::at_ms`].
    pub at_ms: u64,
}

/// The sealed result of the `rca` step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootCause {
    /// Who was hit, and how.
    pub customer_impact: String,
    /// What in the code went wrong.
    pub root_cause: String,
    /// What the pull requests change.
    pub fix: String,
    /// What would have caught it.
    pub prevention: String,
}
