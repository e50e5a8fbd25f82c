//! Intercom: webhooks in, conversations read, replies and notes written.
//!
//! Intercom has no key against repeats and keeps no hidden text. A reply ends in a visible line, `ref <effect>`, and the
//! conversation's own parts are read for it.

pub mod event;
mod read;
mod reply;

pub use event::{Delivery, Event, Kind, parse};
pub use read::{ChangedConversation, ChangedConversations};
pub use reply::{ReplyPosted, ReplyRequest, reply_body};

use http::Method;
use http::header::HeaderName;
use ratchet_domain::ids::TicketNumber;
use ratchet_domain::ticket::Ticket;
use serde_json::{Value, json};

use crate::error::{Call, ProviderError, machine_code};
use crate::secret::Secret;
use crate::wire::{Draft, Reply, Wire, endpoint};

/// The API version that these wire types were read from.
const VERSION: &str = "2.14";

/// Intercom of one workspace, as one admin.
#[derive(Clone, Copy)]
pub struct Intercom<'a> {
    wire: Wire<'a>,
    base_url: &'a str,
    access_token: &'a Secret,
    admin_id: &'a str,
}

impl<'a> Intercom<'a> {
    /// `base_url` is `https://api.intercom.io`, or the EU or AU host; `admin_id` is the admin that we write as.
    #[must_use]
    pub fn new(wire: Wire<'a>, base_url: &'a str, access_token: &'a Secret, admin_id: &'a str) -> Self {
        Self {
            wire,
            base_url,
            access_token,
            admin_id,
        }
    }

    /// The conversation in order, its opening first, as plain text.
    ///
    /// # Errors
    /// [`ProviderError::TooLarge`] where Intercom no longer shows all parts (it shows the latest 500): what the
    /// customer said could not be told whole.
    pub async fn conversation(&self, id: &TicketNumber) -> Result<Ticket, ProviderError> {
        let call = call("read conversation");
        let conversation = self.read(call, id).await?;
        if conversation.hidden_parts() > 0 {
            return Err(ProviderError::TooLarge {
                call,
                what: "parts",
                limit: 500,
            });
        }
        Ok(conversation.into_ticket(read::address(self.base_url, id)))
    }

    /// Writes the reply or note whose body [`reply_body`] made. The bytes are sent as they are.
    ///
    /// # Errors
    /// As any write; nothing at Intercom refuses a second one.
    pub async fn reply(
        &self,
        id: &TicketNumber,
        effect: &str,
        body: String,
    ) -> Result<ReplyPosted, ProviderError> {
        let call = call("post reply");
        let url = endpoint(call, self.base_url, &["conversations", id.as_str(), "reply"], &[])?;
        let reply = self.send(Draft::new(call, Method::POST, &url).json(body)).await?;
        let conversation: read::Conversation = reply.json()?;
        let posted = conversation.find(self.admin_id, effect);
        posted.ok_or_else(|| reply.malformed("conversation does not hold the reply"))
    }

    /// The reply or note that ends in this effect's line. `since_s` is some time before the first attempt, in seconds
    /// since 1970.
    ///
    /// # Errors
    /// [`ProviderError::TooLarge`] where more parts came since than Intercom shows: none cannot be said then.
    pub async fn find_reply(
        &self,
        id: &TicketNumber,
        effect: &str,
        since_s: u64,
    ) -> Result<Option<ReplyPosted>, ProviderError> {
        let call = call("read conversation");
        let conversation = self.read(call, id).await?;
        let found = conversation.find(self.admin_id, effect);
        if found.is_none() && conversation.hidden_parts() > 0 && !conversation.reaches_back_to(since_s) {
            return Err(ProviderError::TooLarge {
                call,
                what: "parts",
                limit: 500,
            });
        }
        Ok(found)
    }

    /// One page of the conversations that changed after a time, in seconds since 1970, in order of change.
    ///
    /// # Errors
    /// As any read.
    pub async fn changed_conversations(
        &self,
        since_s: u64,
        cursor: Option<&str>,
    ) -> Result<ChangedConversations, ProviderError> {
        let call = call("search conversations");
        let mut pagination = json!({ "per_page": 150 });
        if let (Some(cursor), Some(fields)) = (cursor, pagination.as_object_mut()) {
            fields.insert("starting_after".to_owned(), cursor.into());
        }
        let body = json!({
            "query": { "field": "updated_at", "operator": ">", "value": since_s },
            "pagination": pagination,
            "sort_field": "updated_at",
            "sort_order": "ascending",
        });
        let url = endpoint(call, self.base_url, &["conversations", "search"], &[])?;
        let page: read::SearchPage = self
            .send(Draft::new(call, Method::POST, &url).json(body.to_string()))
            .await?
            .json()?;
        Ok(page.into_changed())
    }

    async fn read(&self, call: Call, id: &TicketNumber) -> Result<read::Conversation, ProviderError> {
        let query = [("display_as", "plaintext")];
        let url = endpoint(call, self.base_url, &["conversations", id.as_str()], &query)?;
        self.send(Draft::get(call, &url)).await?.json()
    }

    async fn send(&self, draft: Draft) -> Result<Reply, ProviderError> {
        let draft = draft
            .bearer(self.access_token)
            .header(HeaderName::from_static("intercom-version"), VERSION);
        let reply = self.wire.send(draft).await?;
        if reply.status == 200 {
            Ok(reply)
        } else {
            Err(failure(&reply))
        }
    }
}

const fn call(operation: &'static str) -> Call {
    Call {
        provider: "intercom",
        operation,
    }
}

fn failure(reply: &Reply) -> ProviderError {
    let Reply { call, status, .. } = *reply;
    if status == 429 {
        let retry_after_ms = reply
            .retry_after_ms()
            .or_else(|| reply.reset_ms("x-ratelimit-reset"));
        return ProviderError::RateLimited {
            call,
            status,
            retry_after_ms,
        };
    }
    let body = reply.any_json();
    reply.failure(machine_code(
        body.pointer("/errors/0/code")
            .and_then(Value::as_str)
            .unwrap_or_default(),
    ))
}

#[cfg(test)]
mod tests;
