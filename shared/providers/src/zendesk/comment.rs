//! A comment of ours: the bytes that post it and the audit that proves it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::text::{Html, Text};
use crate::wire::to_json;
use crate::zendesk::read::{Id, Meta};

/// What to post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommentRequest<'a> {
    /// The text.
    pub html_body: &'a Text<Html>,
    /// Whether the customer sees it.
    pub public: bool,
    /// The ticket's version as read before: the update fails once the ticket has another.
    pub updated_stamp: &'a str,
    /// The effect key; it ends up in the audit's metadata, which holds 1 KB.
    pub effect: &'a str,
    /// Tags to add; those that the ticket has are kept.
    pub tags: &'a [&'a str],
}

/// The comment as Zendesk recorded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentPosted {
    /// Id of the comment.
    pub comment_id: String,
    /// Id of the audit that carries the effect key.
    pub audit_id: String,
}

#[derive(Serialize)]
struct Update<'a> {
    ticket: UpdateTicket<'a>,
}

#[derive(Serialize)]
struct UpdateTicket<'a> {
    comment: NewComment<'a>,
    #[serde(skip_serializing_if = "<[&str]>::is_empty")]
    additional_tags: &'a [&'a str],
    metadata: Metadata<'a>,
    safe_update: bool,
    updated_stamp: &'a str,
}

#[derive(Serialize)]
struct NewComment<'a> {
    html_body: &'a str,
    public: bool,
}

#[derive(Serialize)]
struct Metadata<'a> {
    ratchet_effect: &'a str,
}

/// The exact body that posts the comment: equal requests give equal bytes, to be kept as the effect's intent.
#[must_use]
pub fn comment_body(request: &CommentRequest<'_>) -> String {
    to_json(&Update {
        ticket: UpdateTicket {
            comment: NewComment {
                html_body: request.html_body.as_str(),
                public: request.public,
            },
            additional_tags: request.tags,
            metadata: Metadata {
                ratchet_effect: request.effect,
            },
            safe_update: true,
            updated_stamp: request.updated_stamp,
        },
    })
}

#[derive(Deserialize)]
pub(super) struct Updated {
    pub(super) audit: Audit,
}

#[derive(Deserialize)]
pub(super) struct AuditPage {
    pub(super) audits: Vec<Audit>,
    #[serde(default)]
    pub(super) meta: Meta,
}

#[derive(Deserialize)]
pub(super) struct Audit {
    id: Id,
    #[serde(default)]
    metadata: Value,
    #[serde(default)]
    events: Vec<AuditEvent>,
}

#[derive(Deserialize)]
struct AuditEvent {
    id: Id,
    #[serde(rename = "type", default)]
    kind: Value,
}

impl Audit {
    pub(super) fn carries(&self, effect: &str) -> bool {
        self.metadata
            .pointer("/custom/ratchet_effect")
            .and_then(Value::as_str)
            == Some(effect)
    }

    pub(super) fn posted(&self) -> Option<CommentPosted> {
        let comment = self
            .events
            .iter()
            .find(|event| event.kind.as_str() == Some("Comment"))?;
        Some(CommentPosted {
            comment_id: comment.id.0.clone(),
            audit_id: self.id.0.clone(),
        })
    }
}
