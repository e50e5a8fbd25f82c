//! Which commit of each repository is mapped: the intent of the work.

use ratchet_domain::bug::{PinnedTree, Unusable};
use ratchet_domain::ids::RepoName;
use ratchet_guard::StageError;
use ratchet_providers::error::ProviderError;
use ratchet_runtime::connect::GithubAccess;
use ratchet_runtime::outcome::{code, not_read};
use serde::{Deserialize, Serialize};

/// The reasons of a repository that cannot be read, those of the credentials first.
const REASONS: [&str; 6] = [
    "unauthorized",
    "forbidden",
    "repository_missing",
    "repository_archived",
    "repository_empty",
    "repository_too_large",
];

/// Repositories at their commits, and those that cannot be read, with the reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pins {
    pub(crate) trees: Vec<PinnedTree>,
    pub(crate) unusable: Vec<Unusable>,
}

impl Pins {
    /// Where every repository of the org stands now.
    ///
    /// # Errors
    /// [`StageError::NotRead`] while GitHub cannot answer; a repository that is missing, empty or archived is noted,
    /// and is no error.
    pub(crate) async fn now(github: &GithubAccess) -> Result<Self, StageError> {
        let mut pins = Self {
            trees: Vec::new(),
            unusable: Vec::new(),
        };
        for repo in &github.settings().repos {
            match pin(github, repo).await {
                Ok(Ok(tree)) => pins.trees.push(tree),
                Ok(Err(reason)) => pins.leave_out(repo, reason),
                Err(error) if error.is_retryable() => return Err(not_read(&error)),
                Err(error) => pins.leave_out(repo, repository_reason(&error)),
            }
        }
        Ok(pins)
    }

    pub(crate) fn leave_out(&mut self, repo: &RepoName, reason: &'static str) {
        self.unusable.push(Unusable {
            repo: repo.clone(),
            reason: reason.to_owned(),
        });
    }

    /// Why nothing can be searched, as a word of the closed list. Credentials that are refused come first: they are why
    /// the others are not seen either.
    pub(crate) fn why_nothing(&self) -> &'static str {
        REASONS
            .into_iter()
            .find(|known| self.unusable.iter().any(|unusable| unusable.reason == *known))
            .unwrap_or("repository_missing")
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(crate) fn of_json(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// One sentence about what cannot be read.
    pub(crate) fn unusable_text(&self) -> String {
        self.unusable
            .iter()
            .map(|Unusable { repo, reason }| format!("{repo}: {reason}"))
            .collect::<Vec<_>>()
            .join(", ")
    }
}

async fn pin(
    github: &GithubAccess,
    repo: &RepoName,
) -> Result<Result<PinnedTree, &'static str>, ProviderError> {
    let client = github.client();
    let about = client.repo(repo).await?;
    if about.archived || about.disabled {
        return Ok(Err("repository_archived"));
    }
    let head = client.head(repo, &about.default_branch).await?;
    Ok(Ok(PinnedTree {
        repo: repo.clone(),
        base_branch: about.default_branch,
        commit: head.commit,
        tree: head.tree,
    }))
}

/// The reason of a repository that cannot be read, from the closed list.
pub(crate) fn repository_reason(error: &ProviderError) -> &'static str {
    match code(error) {
        "not_found" => "repository_missing",
        "too_large" => "repository_too_large",
        other => other,
    }
}
