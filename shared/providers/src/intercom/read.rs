//! Conversations as Intercom writes them, and as the stages read them.

use ratchet_domain::ids::TicketNumber;
use ratchet_domain::ticket::{Comment, Ticket};
use serde::Deserialize;

use super::reply::{ReplyPosted, marker_line};
use crate::html::last_line;
use crate::wire::Id;

/// A conversation that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedConversation {
    /// Its id.
    pub id: String,
    /// When it changed last, in seconds since 1970.
    pub updated_at_s: u64,
}

/// One page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedConversations {
    /// In order of change.
    pub conversations: Vec<ChangedConversation>,
    /// Leads to the next page; none on the last.
    pub cursor: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct SearchPage {
    conversations: Vec<FoundWire>,
    #[serde(default)]
    pages: Option<PagesWire>,
}

#[derive(Deserialize)]
struct FoundWire {
    id: Id,
    updated_at: u64,
}

#[derive(Deserialize)]
struct PagesWire {
    #[serde(default)]
    next: Option<NextWire>,
}

#[derive(Deserialize)]
struct NextWire {
    #[serde(default)]
    starting_after: Option<String>,
}

impl SearchPage {
    pub(super) fn into_changed(self) -> ChangedConversations {
        let changed = |found: FoundWire| ChangedConversation {
            id: found.id.0,
            updated_at_s: found.updated_at,
        };
        ChangedConversations {
            conversations: self.conversations.into_iter().map(changed).collect(),
            cursor: self
                .pages
                .and_then(|pages| pages.next)
                .and_then(|next| next.starting_after),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct Conversation {
    #[serde(default)]
    title: Option<String>,
    updated_at: u64,
    source: Source,
    #[serde(default)]
    conversation_parts: Parts,
}

#[derive(Deserialize)]
struct Source {
    #[serde(default)]
    id: Option<Id>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    body: Option<String>,
    author: Author,
}

#[derive(Deserialize, Default)]
struct Parts {
    #[serde(default)]
    conversation_parts: Vec<Part>,
    #[serde(default)]
    total_count: usize,
}

#[derive(Deserialize)]
struct Part {
    id: Id,
    #[serde(default)]
    part_type: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    created_at: u64,
    author: Author,
}

#[derive(Deserialize)]
struct Author {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    id: Option<Id>,
}

impl Author {
    fn is_customer(&self) -> bool {
        matches!(self.kind.as_str(), "user" | "lead" | "contact")
    }

    fn into_id(self) -> String {
        self.id.map(|id| id.0).unwrap_or_default()
    }
}

impl Conversation {
    /// Parts that are there and not shown.
    pub(super) fn hidden_parts(&self) -> usize {
        self.conversation_parts
            .total_count
            .saturating_sub(self.conversation_parts.conversation_parts.len())
    }

    /// Whether a part from before that time is shown.
    pub(super) fn reaches_back_to(&self, since_s: u64) -> bool {
        self.conversation_parts
            .conversation_parts
            .iter()
            .any(|part| part.created_at < since_s)
    }

    /// The part of that admin which ends in the effect's line.
    pub(super) fn find(&self, admin_id: &str, effect: &str) -> Option<ReplyPosted> {
        let line = marker_line(effect);
        let is_ours = |part: &&Part| {
            part.author.kind == "admin"
                && part.author.id.as_ref().is_some_and(|id| id.0 == admin_id)
                && matches!(part.part_type.as_str(), "comment" | "note")
                && part.body.as_ref().is_some_and(|body| last_line(body) == line)
        };
        let part = self.conversation_parts.conversation_parts.iter().find(is_ours)?;
        Some(ReplyPosted {
            part_id: part.id.0.clone(),
        })
    }

    pub(super) fn into_ticket(self, url: String) -> Ticket {
        let opening = Comment {
            id: self.source.id.map(|id| id.0).unwrap_or_default(),
            from_customer: self.source.author.is_customer(),
            author: self.source.author.into_id(),
            public: true,
            text: self.source.body.unwrap_or_default(),
        };
        let parts = self
            .conversation_parts
            .conversation_parts
            .into_iter()
            .filter_map(|part| {
                let text = part.body.filter(|body| !body.trim().is_empty())?;
                Some(Comment {
                    id: part.id.0,
                    from_customer: part.author.is_customer(),
                    author: part.author.into_id(),
                    public: part.part_type != "note",
                    text,
                })
            });
        let title = self.title.filter(|title| !title.is_empty());
        Ticket {
            subject: title.or(self.source.subject).unwrap_or_default(),
            comments: std::iter::once(opening).chain(parts).collect(),
            version: self.updated_at.to_string(),
            url,
        }
    }
}

/// Where people read a conversation; at a host that is not Intercom's, where we read it.
pub(super) fn address(base_url: &str, id: &TicketNumber) -> String {
    let app = match base_url.trim_end_matches('/') {
        "https://api.intercom.io" => "https://app.intercom.com",
        "https://api.eu.intercom.io" => "https://app.eu.intercom.com",
        "https://api.au.intercom.io" => "https://app.au.intercom.com",
        other => return format!("{other}/conversations/{id}"),
    };
    format!("{app}/a/inbox/_/inbox/conversation/{id}")
}
