//! Zendesk's webhooks: event subscriptions, whose body is Zendesk's, and triggers, whose body an admin wrote.

use ratchet_domain::ids::TicketNumber;

use crate::event::{Document, EventError, checked_id, kind_name};

/// What the webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Something happened to a ticket.
    Ticket(Event),
    /// Nothing that concerns a ticket.
    Ignored {
        /// The event's type, cut to 64 characters.
        kind: String,
    },
}

/// What happened to the ticket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `ticket.created`.
    Created,
    /// `ticket.comment_added`.
    CommentAdded,
    /// A trigger or an automation called; its body does not say what happened.
    Trigger,
    /// Another event of a ticket, such as `ticket.status_changed`, cut to 64 characters.
    Other(String),
}

/// A ticket's event. It is a hint: the ticket itself is read before anything is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same on every delivery of this event.
    pub id: String,
    /// Zendesk's id of the account, or `-` where a trigger does not tell.
    pub account: String,
    /// What happened.
    pub kind: Kind,
    /// To which ticket.
    pub ticket: TicketNumber,
    /// Who did it.
    pub actor_id: Option<String>,
    /// The comment, if it is about one.
    pub comment_id: Option<String>,
    /// Who wrote the comment.
    pub author_id: Option<String>,
    /// Whether the comment's author is staff.
    pub is_staff: Option<bool>,
    /// Whether the customer sees the comment (or, on creation, the description).
    pub is_public: Option<bool>,
    /// The ticket's version after the event, RFC 3339.
    pub updated_at: Option<String>,
}

impl Event {
    /// Whether that user did it or wrote it: our own comments come back as events.
    #[must_use]
    pub fn is_by(&self, user_id: &str) -> bool {
        [&self.actor_id, &self.author_id]
            .into_iter()
            .flatten()
            .any(|id| id == user_id)
    }
}

const INVOCATION: &str = "x-zendesk-webhook-invocation-id";
const EVENT_TYPE: &str = "zen:event-type:";
const ACCOUNT: &str = "x-zendesk-account-id";
const TICKET_RULE: &str = "a ticket's id: 1 to 64 of A-Z, a-z, 0-9, `-`, `_`";

/// Reads a webhook whose signature was verified. `header` looks up by lower-case name.
///
/// # Errors
/// [`EventError`] names what is missing or of a wrong form.
pub fn parse<'h>(header: impl Fn(&str) -> Option<&'h str>, body: &[u8]) -> Result<Delivery, EventError> {
    let document = Document::parse(body)?;
    // The author of a trigger chooses its body, and `type` is a word that he may want for himself.
    let is_subscription = document
        .text("type")
        .is_some_and(|kind| kind.starts_with(EVENT_TYPE));
    let names_a_ticket = document.at("ticket_id").is_some() || document.at("ticket.id").is_some();
    if document.at("type").is_none() || (!is_subscription && names_a_ticket) {
        return trigger(header, &document).map(Delivery::Ticket);
    }
    let kind = document.required_text("type")?;
    let kind = kind.strip_prefix(EVENT_TYPE).unwrap_or(kind);
    if !kind.starts_with("ticket.") {
        return Ok(Delivery::Ignored {
            kind: kind_name(kind),
        });
    }
    let optional = |path| document.optional_id(path).ok().flatten();
    Ok(Delivery::Ticket(Event {
        id: document.id("id")?,
        account: document.id("account_id")?,
        kind: match kind {
            "ticket.created" => Kind::Created,
            "ticket.comment_added" => Kind::CommentAdded,
            _ => Kind::Other(kind_name(kind)),
        },
        ticket: ticket_number("detail.id", &document.id("detail.id")?)?,
        actor_id: optional("detail.actor_id"),
        comment_id: optional("event.comment.id"),
        author_id: optional("event.comment.author.id"),
        is_staff: document.flag("event.comment.author.is_staff"),
        is_public: document
            .flag("event.comment.is_public")
            .or_else(|| document.flag("detail.is_public")),
        updated_at: document.text("detail.updated_at").map(kind_name),
    }))
}

fn trigger<'h>(header: impl Fn(&str) -> Option<&'h str>, document: &Document) -> Result<Event, EventError> {
    let id = header(INVOCATION).ok_or(EventError::Missing { path: INVOCATION })?;
    let account = match header(ACCOUNT) {
        Some(account) => checked_id(ACCOUNT, account)?,
        None => document
            .optional_id("account_id")?
            .unwrap_or_else(|| "-".to_owned()),
    };
    let path = if document.at("ticket_id").is_some() || document.at("ticket.id").is_none() {
        "ticket_id"
    } else {
        "ticket.id"
    };
    Ok(Event {
        id: checked_id(INVOCATION, id)?,
        account,
        kind: Kind::Trigger,
        ticket: ticket_number(path, &document.id(path)?)?,
        actor_id: document.optional_id("actor_id").ok().flatten(),
        comment_id: None,
        author_id: None,
        is_staff: None,
        is_public: None,
        updated_at: None,
    })
}

fn ticket_number(path: &'static str, text: &str) -> Result<TicketNumber, EventError> {
    TicketNumber::parse(text).map_err(|_| EventError::Invalid {
        path,
        rule: TICKET_RULE,
    })
}

#[cfg(test)]
mod tests;
