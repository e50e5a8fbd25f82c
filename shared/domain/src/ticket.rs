//! A ticket as the stages read it, whatever provider it lives at.

use serde::{Deserialize, Serialize};

use crate::ids::ContentHash;

/// One message of the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// The provider's id.
    pub id: String,
    /// The provider's id of who wrote it.
    pub author: String,
    /// Written by the customer, not by staff or by an integration.
    pub from_customer: bool,
    /// Visible to the customer.
    pub public: bool,
    /// Plain text.
    pub text: String,
}

/// A ticket, read just now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// One line.
    pub subject: String,
    /// The conversation in order, the description first.
    pub comments: Vec<Comment>,
    /// The provider's compare-and-set token: `updated_at` at Zendesk.
    pub version: String,
    /// Link for people.
    pub url: String,
}

impl Ticket {
    /// Hash of what the customer said: the subject and the customer's own public comments in order.
    /// Our comments, staff notes, tags and states do not enter, so they never cause new work.
    #[must_use]
    pub fn content(&self) -> ContentHash {
        let mut parts = vec![self.subject.as_str()];
        parts.extend(self.customer_text());
        ContentHash::of(&parts)
    }

    /// The customer's own public comments in order.
    pub fn customer_text(&self) -> impl Iterator<Item = &str> {
        self.comments
            .iter()
            .filter(|comment| comment.from_customer && comment.public)
            .map(|comment| comment.text.as_str())
    }
}
