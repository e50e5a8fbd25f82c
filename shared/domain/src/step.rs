//! The ledger's sort keys: one step of a ticket's life each.

use crate::ids::{ContentHash, RepoName};

/// What every extraction's step begins with.
pub const EXTRACT: &str = "extract#";

/// Extraction of one customer content.
/// Lifetime: for ever. Value: [`crate::bug::Extraction`].
#[must_use]
pub fn extract(content: &ContentHash) -> String {
    format!("{EXTRACT}{}", content.short())
}

/// Mapping of one extracted bug, over the trees pinned by its first claim.
/// Lifetime: for ever. Value: [`crate::bug::Mapping`].
#[must_use]
pub fn map(content: &ContentHash) -> String {
    format!("map#{}", content.short())
}

/// The gate's decision about one mapped content.
/// Lifetime: for ever. Value: the decision, with the scores and thresholds it was made from.
#[must_use]
pub fn qualify(content: &ContentHash) -> String {
    format!("qualify#{}", content.short())
}

/// The billable flag of the bug: written once by the charge's transaction, or by a person's approval without a charge,
/// whatever contents qualify later.
/// Lifetime: for ever. Value: [`crate::bill::Flag`].
pub const BILL: &str = "bill";

/// The credit flag of the bug: written once by the credit's transaction, whatever claims follow.
/// Lifetime: for ever. Value: the credit entry's key.
pub const CREDIT: &str = "credit";

/// What every claim's step begins with.
pub const CREDIT_CLAIM: &str = "credit-claim#";

/// One claim that the bug was mapped wrongly, by its id.
/// Lifetime: for ever. Value: [`crate::credit::Judged`].
#[must_use]
pub fn credit_claim(id: &str) -> String {
    format!("{CREDIT_CLAIM}{id}")
}

/// The list of repositories that get a pull request.
/// Lifetime: for ever. Value: the repositories.
pub const FAN_OUT: &str = "fan-out";

/// The memoised patch of one repository.
/// Lifetime: for ever. Value: [`crate::patch::Patch`].
#[must_use]
pub fn patch(repo: &RepoName) -> String {
    format!("patch#{repo}")
}

/// The draft pull request of one repository.
/// Lifetime: for ever. Value: [`crate::patch::PullRequest`].
#[must_use]
pub fn pr(repo: &RepoName) -> String {
    format!("pr#{repo}")
}

/// The merge of one repository's pull request.
/// Lifetime: for ever. Value: [`crate::patch::Merged`].
#[must_use]
pub fn merged(repo: &RepoName) -> String {
    format!("merged#{repo}")
}

/// The closing of one repository's pull request without a merge. It may be opened again and merged then, so a merge is a
/// step of its own, and counts for more.
/// Lifetime: for ever. Value: [`crate::patch::Closed`].
#[must_use]
pub fn closed(repo: &RepoName) -> String {
    format!("closed#{repo}")
}

/// The memoised root-cause document.
/// Lifetime: for ever. Value: [`crate::patch::RootCause`].
pub const RCA: &str = "rca";

/// The comment on the ticket.
/// Lifetime: for ever. Value: the provider's id of the comment.
pub const RCA_COMMENT: &str = "rca-comment";

/// The Slack message.
/// Lifetime: for ever. Value: channel and timestamp.
#[must_use]
pub fn slack(channel: &str) -> String {
    format!("slack#{channel}")
}

/// The tracker's issue.
/// Lifetime: for ever. Value: the tracker's id and link.
#[must_use]
pub fn tracker(kind: &str) -> String {
    format!("tracker#{kind}")
}
