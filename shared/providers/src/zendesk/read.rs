//! Tickets as Zendesk writes them, and as the stages read them.

use std::collections::BTreeMap;

use ratchet_domain::ticket::{Comment, Ticket};
use serde::Deserialize;

pub(super) use crate::wire::Id;

/// Where a list of changes goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// Seconds since 1970; Zendesk wants it at least a minute in the past.
    Time(u64),
    /// [`ChangedTickets::cursor`] of the page before.
    Cursor(String),
}

impl Since {
    pub(super) fn query(&self) -> [(&'static str, String); 1] {
        match self {
            Self::Time(seconds) => [("start_time", seconds.to_string())],
            Self::Cursor(cursor) => [("cursor", cursor.clone())],
        }
    }
}

/// A ticket that changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTicket {
    /// Its id.
    pub id: String,
    /// When it changed last, RFC 3339.
    pub updated_at: String,
    /// `open`, `solved`, `deleted`, ..; empty where it is not told.
    pub status: String,
}

/// One page of changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedTickets {
    /// In order of change; one ticket may stand in two pages.
    pub tickets: Vec<ChangedTicket>,
    /// Where to go on; none after an empty first page.
    pub cursor: Option<String>,
    /// Nothing newer is there now.
    pub end: bool,
}

#[derive(Deserialize)]
pub(super) struct ChangedPage {
    tickets: Vec<ChangedWire>,
    #[serde(default)]
    after_cursor: Option<String>,
    end_of_stream: bool,
}

#[derive(Deserialize)]
struct ChangedWire {
    id: Id,
    updated_at: String,
    #[serde(default)]
    status: Option<String>,
}

impl ChangedPage {
    pub(super) fn into_changed(self) -> ChangedTickets {
        let changed = |ticket: ChangedWire| ChangedTicket {
            id: ticket.id.0,
            updated_at: ticket.updated_at,
            status: ticket.status.unwrap_or_default(),
        };
        ChangedTickets {
            tickets: self.tickets.into_iter().map(changed).collect(),
            cursor: self.after_cursor,
            end: self.end_of_stream,
        }
    }
}

#[derive(Deserialize)]
pub(super) struct TicketEnvelope {
    pub(super) ticket: TicketWire,
}

#[derive(Deserialize)]
pub(super) struct TicketWire {
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    requester_id: Option<Id>,
    pub(super) updated_at: String,
}

#[derive(Deserialize)]
pub(super) struct CommentPage {
    pub(super) comments: Vec<CommentWire>,
    #[serde(default)]
    pub(super) users: Vec<UserWire>,
    #[serde(default)]
    pub(super) meta: Meta,
}

#[derive(Deserialize)]
pub(super) struct CommentWire {
    id: Id,
    author_id: Id,
    public: bool,
    #[serde(default)]
    plain_body: Option<String>,
    #[serde(default)]
    body: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct UserWire {
    id: Id,
    #[serde(default)]
    role: Option<String>,
}

/// A cursor list's position.
#[derive(Deserialize, Default)]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) has_more: bool,
    #[serde(default)]
    pub(super) after_cursor: Option<String>,
}

/// Comments and the roles of their authors, gathered page by page.
#[derive(Default)]
pub(super) struct Conversation {
    comments: Vec<CommentWire>,
    end_users: BTreeMap<Id, bool>,
}

impl Conversation {
    pub(super) fn add(&mut self, comments: Vec<CommentWire>, users: Vec<UserWire>) {
        self.comments.extend(comments);
        self.end_users.extend(
            users
                .into_iter()
                .map(|user| (user.id, user.role.as_deref() == Some("end-user"))),
        );
    }

    pub(super) fn into_ticket(self, ticket: TicketWire, own_user_id: &str, url: String) -> Ticket {
        let Self { comments, end_users } = self;
        let is_customer = |author: &Id| {
            let is_end_user = end_users.get(author).copied().unwrap_or(false);
            author.0 != own_user_id && (is_end_user || ticket.requester_id.as_ref() == Some(author))
        };
        let comments = comments.into_iter().map(|comment| Comment {
            from_customer: is_customer(&comment.author_id),
            id: comment.id.0,
            author: comment.author_id.0,
            public: comment.public,
            text: comment.plain_body.or(comment.body).unwrap_or_default(),
        });
        Ticket {
            subject: ticket.subject.clone().unwrap_or_default(),
            comments: comments.collect(),
            version: ticket.updated_at.clone(),
            url,
        }
    }
}
