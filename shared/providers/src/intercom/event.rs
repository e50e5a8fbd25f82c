//! Intercom's webhooks.

use ratchet_domain::ids::TicketNumber;
use serde_json::Value;

use crate::event::{Document, EventError, kind_name};

/// What the webhook is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Something happened in a conversation.
    Conversation(Event),
    /// Nothing that concerns a conversation, such as a `ping`.
    Ignored {
        /// The topic, cut to 64 characters.
        kind: String,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A customer opened it.
    UserCreated,
    /// A customer replied.
    UserReplied,
    /// Another topic of a conversation, such as `conversation.admin.noted`, cut to 64 characters.
    Other(String),
}

/// A conversation's event. It is a hint: the conversation itself is read before anything is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The same on every delivery of this event.
    pub id: String,
    /// The app that is subscribed.
    pub account: String,
    /// What happened.
    pub kind: Kind,
    /// In which conversation.
    pub conversation: TicketNumber,
    /// The newest part, if the body shows one.
    pub part_id: Option<String>,
    /// Who wrote it.
    pub author_id: Option<String>,
}

impl Event {
    /// Whether that admin wrote it: our own replies come back as events.
    #[must_use]
    pub fn is_by(&self, admin_id: &str) -> bool {
        self.author_id.as_deref() == Some(admin_id)
    }
}

const ITEM: &str = "data.item.id";

/// Reads a webhook whose signature was verified.
///
/// # Errors
/// [`EventError`] names what is missing or of a wrong form.
pub fn parse(body: &[u8]) -> Result<Delivery, EventError> {
    let document = Document::parse(body)?;
    let topic = document.required_text("topic")?;
    let kind = match topic {
        "conversation.user.created" => Kind::UserCreated,
        "conversation.user.replied" => Kind::UserReplied,
        topic if topic.starts_with("conversation.") => Kind::Other(kind_name(topic)),
        topic => {
            return Ok(Delivery::Ignored {
                kind: kind_name(topic),
            });
        }
    };
    let conversation = TicketNumber::parse(document.id(ITEM)?).map_err(|_| EventError::Invalid {
        path: ITEM,
        rule: "a conversation's id: 1 to 64 of A-Z, a-z, 0-9, `-`, `_`",
    })?;
    let parts = document
        .at("data.item.conversation_parts.conversation_parts")
        .and_then(Value::as_array);
    let newest = parts.and_then(|parts| parts.last());
    let text = |pointer| {
        newest
            .and_then(|part| part.pointer(pointer))
            .and_then(Value::as_str)
            .map(kind_name)
    };
    Ok(Delivery::Conversation(Event {
        id: document.id("id")?,
        account: document.id("app_id")?,
        kind,
        conversation,
        part_id: text("/id"),
        author_id: text("/author/id"),
    }))
}
