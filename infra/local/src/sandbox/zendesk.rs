//! Zendesk Support: tickets, comments, audits, and the webhooks that tell of them.

pub(crate) mod api;
pub mod events;
mod page;
mod ticket;
mod update;

use std::collections::BTreeMap;

use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use events::Event;
pub(crate) use ticket::{Audit, Comment, Ticket};

/// What opens the account, and how it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// The account's number, an integer in webhooks.
    pub account_id: u64,
    /// The integration's user.
    pub email: String,
    /// Its API token.
    pub api_token: String,
    /// Id of that user.
    pub integration_user_id: u64,
    /// The webhook's id.
    pub webhook_id: String,
    /// The webhook's signing secret.
    pub signing_secret: String,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            account_id: 22_129_848,
            email: "bot@acme.test".to_owned(),
            api_token: "sandbox-zendesk-token".to_owned(),
            integration_user_id: 8447,
            webhook_id: "01SANDBOXWEBHOOK0000000001".to_owned(),
            signing_secret: "sandbox-zendesk-signing-secret".to_owned(),
        }
    }
}

/// Who a user is to the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A customer.
    EndUser,
    /// Staff, and integrations.
    Agent,
}

impl Role {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::EndUser => "end-user",
            Self::Agent => "agent",
        }
    }
}

/// A person or an integration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) role: Role,
}

/// A ticket to be added by hand.
#[derive(Debug, Clone, Default)]
pub struct NewTicket<'a> {
    /// Its number; the next free one where none is given.
    pub id: Option<u64>,
    /// One line.
    pub subject: &'a str,
    /// The customer's first words.
    pub text: &'a str,
    /// The customer; the same name is the same person. `Jo Customer` where it is empty.
    pub requester: &'a str,
    /// `low`, `normal`, `high` or `urgent`; `normal` where it is empty.
    pub priority: &'a str,
}

/// The account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Zendesk {
    /// Credentials; change them to play another account.
    pub access: Access,
    pub(crate) seed: u64,
    pub(crate) users: BTreeMap<u64, User>,
    pub(crate) tickets: BTreeMap<u64, Ticket>,
    pub(crate) events: Vec<Event>,
    taken_events: usize,
    next_id: u64,
}

/// Ids of users, comments, audits and events come from one sequence that starts here.
const FIRST_ID: u64 = 9_876_543_210;
const FIRST_TICKET: u64 = 5001;

impl Zendesk {
    pub(crate) fn new(seed: u64) -> Self {
        let access = Access::default();
        let bot = User {
            name: "Ratchet".to_owned(),
            email: access.email.clone(),
            role: Role::Agent,
        };
        Self {
            users: BTreeMap::from([(access.integration_user_id, bot)]),
            access,
            seed,
            tickets: BTreeMap::new(),
            events: Vec::new(),
            taken_events: 0,
            next_id: FIRST_ID,
        }
    }

    /// A customer opens a ticket; its number. The webhook's event is recorded (see [`Zendesk::take_events`]).
    pub fn add_ticket(&mut self, now_ms: Millis, new: &NewTicket<'_>) -> u64 {
        let name = if new.requester.is_empty() {
            "Jo Customer"
        } else {
            new.requester
        };
        let requester = self.user(name, Role::EndUser);
        let next = self
            .tickets
            .keys()
            .next_back()
            .map_or(FIRST_TICKET, |last| last + 1);
        let id = new.id.unwrap_or(next);
        let priority = if new.priority.is_empty() {
            "normal"
        } else {
            new.priority
        };
        let ticket = Ticket::new(id, requester, new.subject, new.text, priority, now_ms);
        self.tickets.insert(id, ticket);
        self.add_comment(
            now_ms,
            id,
            requester,
            Words::plain(new.text, true),
            Map::new(),
            Vec::new(),
        );
        self.record_created(id, now_ms);
        id
    }

    /// The requester says more, in public; the comment's id. None where the ticket does not exist.
    pub fn customer_comment(&mut self, now_ms: Millis, ticket: u64, text: &str) -> Option<u64> {
        let author = self.tickets.get(&ticket)?.requester_id;
        self.comment_by(now_ms, ticket, author, text, true)
    }

    /// A colleague writes on the ticket; the comment's id. None where the ticket does not exist.
    pub fn agent_comment(&mut self, now_ms: Millis, ticket: u64, text: &str, public: bool) -> Option<u64> {
        let author = self.user("Sam Support", Role::Agent);
        self.comment_by(now_ms, ticket, author, text, public)
    }

    fn comment_by(
        &mut self,
        now_ms: Millis,
        ticket: u64,
        author: u64,
        text: &str,
        public: bool,
    ) -> Option<u64> {
        self.tickets.get(&ticket)?;
        let comment = self.add_comment(
            now_ms,
            ticket,
            author,
            Words::plain(text, public),
            Map::new(),
            Vec::new(),
        );
        self.record_comment(ticket, comment, now_ms);
        Some(comment)
    }

    /// Sets the status (`open`, `solved`, `closed`, ..) and touches the ticket; whether it exists.
    pub fn set_status(&mut self, now_ms: Millis, ticket: u64, status: &str) -> bool {
        let found = self.tickets.get_mut(&ticket);
        found.is_some_and(|ticket| {
            status.clone_into(&mut ticket.status);
            ticket.updated_ms = now_ms;
            true
        })
    }

    /// The ticket vanishes, as when it is deleted for good; whether it existed.
    pub fn remove_ticket(&mut self, ticket: u64) -> bool {
        self.tickets.remove(&ticket).is_some()
    }

    /// The numbers of all tickets.
    #[must_use]
    pub fn ticket_ids(&self) -> Vec<u64> {
        self.tickets.keys().copied().collect()
    }

    /// How many comments of the ticket carry an effect key, by key.
    #[must_use]
    pub fn marked_comments(&self, ticket: u64, field: &str) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for audit in self
            .tickets
            .get(&ticket)
            .map(|ticket| ticket.audits.as_slice())
            .unwrap_or_default()
        {
            if let (Some(key), Some(_)) = (audit.custom.get(field).and_then(Value::as_str), audit.comment) {
                *counts.entry(key.to_owned()).or_default() += 1;
            }
        }
        counts
    }

    /// The webhook events since the last call, in order: what the account would send now.
    pub fn take_events(&mut self) -> Vec<Event> {
        let fresh = self
            .events
            .get(self.taken_events..)
            .map(<[Event]>::to_vec)
            .unwrap_or_default();
        self.taken_events = self.events.len();
        fresh
    }

    /// Every event of a ticket, in order, taken or not.
    pub fn events_of(&self, ticket: u64) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| event.ticket == ticket)
    }

    pub(crate) fn fresh_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// The user of that name, made where there is none.
    pub(crate) fn user(&mut self, name: &str, role: Role) -> u64 {
        if let Some((&id, _)) = self
            .users
            .iter()
            .find(|(_, user)| user.name == name && user.role == role)
        {
            return id;
        }
        let id = self.fresh_id();
        let email = format!("{}@customer.test", name.to_lowercase().replace(' ', "."));
        self.users.insert(
            id,
            User {
                name: name.to_owned(),
                email,
                role,
            },
        );
        id
    }

    pub(crate) fn add_comment(
        &mut self,
        now_ms: Millis,
        ticket: u64,
        author_id: u64,
        words: Words,
        custom: Map<String, Value>,
        changes: Vec<Value>,
    ) -> u64 {
        let (audit_id, id) = (self.fresh_id(), self.fresh_id());
        let Words {
            body,
            html_body,
            public,
        } = words;
        if let Some(ticket) = self.tickets.get_mut(&ticket) {
            ticket.comments.push(Comment {
                id,
                audit_id,
                author_id,
                body,
                html_body,
                public,
                created_ms: now_ms,
            });
            ticket.audits.push(Audit {
                id: audit_id,
                author_id,
                created_ms: now_ms,
                custom,
                changes,
                comment: Some(id),
            });
            ticket.updated_ms = now_ms;
        }
        id
    }
}

/// What a comment says.
pub(crate) struct Words {
    pub(crate) body: String,
    pub(crate) html_body: String,
    pub(crate) public: bool,
}

impl Words {
    pub(crate) fn plain(text: &str, public: bool) -> Self {
        let escaped = text
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;");
        Self {
            body: text.to_owned(),
            html_body: format!(
                "<div class=\"zd-comment\"><p>{}</p></div>",
                escaped.replace('\n', "<br>")
            ),
            public,
        }
    }

    /// From `html_body`: comments and scripts are dropped, as the vendor's sanitizer drops them; the text
    /// form has no tags.
    pub(crate) fn html(html: &str, public: bool) -> Self {
        let clean = without(&without(html, "<!--", "-->"), "<script", "</script>");
        let body = without(&clean.replace("<br>", "\n").replace("</p>", "\n"), "<", ">")
            .trim()
            .to_owned();
        Self {
            html_body: format!("<div class=\"zd-comment\">{clean}</div>"),
            body,
            public,
        }
    }
}

/// The text without every stretch from `open` to `close`; one that is never closed runs to the end.
fn without(text: &str, open: &str, close: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(open) {
        out.push_str(before);
        rest = after.split_once(close).map_or("", |(_, tail)| tail);
    }
    out.push_str(rest);
    out
}
