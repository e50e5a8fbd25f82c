//! What landed at the providers: the log that every promise of exactly-once is checked against.

use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};

use super::Provider;

/// What kind of thing appeared or changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// A comment on a ticket.
    Comment,
    /// A ticket changed without a comment.
    TicketChange,
    /// A branch was created.
    Branch,
    /// A branch was moved.
    BranchMove,
    /// A branch was deleted.
    BranchDelete,
    /// A pull request was opened.
    PullRequest,
    /// A pull request's title, body or state changed through the interface.
    PullRequestChange,
    /// An issue was opened.
    Issue,
    /// A comment on an issue or a pull request.
    IssueComment,
    /// A chat message was posted.
    Message,
    /// A chat message was rewritten.
    MessageChange,
    /// A chat message was deleted.
    MessageDelete,
}

/// One thing that landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// When, in milliseconds since the epoch.
    pub at_ms: Millis,
    /// Where.
    pub provider: Provider,
    /// What.
    pub kind: EffectKind,
    /// On what: a ticket's number, `owner/name` of a repository, a channel.
    pub target: String,
    /// The provider's id of it: comment id, pull request number, branch, message timestamp.
    pub id: String,
    /// The effect key that it carries, where it carries one.
    pub marker: Option<String>,
}
