//! Zendesk Support: webhooks in, tickets read, comments posted under compare-and-set.
//!
//! A comment is posted by updating its ticket. Two things close the crash window: the update carries the ticket's
//! `updated_at` as read before (the server refuses it once anything changed), and the comment's audit carries our
//! effect key, so that [`Zendesk::find_effect`] finds it in the ticket's own audits, which are no search index.

mod comment;
pub mod event;
mod read;

pub use comment::{CommentPosted, CommentRequest, comment_body};
pub use event::{Delivery, Event, Kind, parse};
pub use read::{ChangedTicket, ChangedTickets, Since};

use http::Method;
use ratchet_domain::ids::TicketNumber;
use ratchet_domain::ticket::Ticket;
use serde_json::Value;
use url::Url;

use crate::error::{Call, ProviderError, machine_code};
use crate::secret::Secret;
use crate::wire::{Draft, Reply, Wire, endpoint};

/// Most pages of 100 comments or audits that one read follows. Source: Zendesk keeps 5,000 comments a ticket at most.
const PAGES_MAX: u64 = 60;

/// Zendesk Support of one account.
#[derive(Clone, Copy)]
pub struct Zendesk<'a> {
    wire: Wire<'a>,
    base_url: &'a str,
    email: &'a str,
    api_token: &'a Secret,
    own_user_id: &'a str,
}

impl<'a> Zendesk<'a> {
    /// `base_url` is `https://acme.zendesk.com`; `email` and `api_token` are the integration user's, and `own_user_id`
    /// is that user's id: what it wrote is never the customer's word.
    #[must_use]
    pub fn new(
        wire: Wire<'a>,
        base_url: &'a str,
        email: &'a str,
        api_token: &'a Secret,
        own_user_id: &'a str,
    ) -> Self {
        Self {
            wire,
            base_url,
            email,
            api_token,
            own_user_id,
        }
    }

    /// The ticket with its whole conversation, oldest first.
    ///
    /// `version` is read before the comments: a comment that arrives in between makes a later compare-and-set fail,
    /// never pass.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] for a deleted ticket; [`ProviderError::TooLarge`] beyond 6,000 comments.
    pub async fn ticket(&self, number: &TicketNumber) -> Result<Ticket, ProviderError> {
        let call = call("read ticket");
        let ticket: read::TicketEnvelope = self.get(call, &["tickets", number.as_str()], &[]).await?;
        let mut conversation = read::Conversation::default();
        let query = [("sort", "created_at"), ("include", "users")];
        self.pages(
            call,
            &["tickets", number.as_str(), "comments"],
            &query,
            |page: read::CommentPage| {
                conversation.add(page.comments, page.users);
                Some(page.meta)
            },
        )
        .await?;
        let url = format!("{}/agent/tickets/{number}", self.base_url.trim_end_matches('/'));
        Ok(conversation.into_ticket(ticket.ticket, self.own_user_id, url))
    }

    /// The ticket's version as it is now: the token of the next compare-and-set.
    ///
    /// # Errors
    /// [`ProviderError::NotFound`] for a deleted ticket.
    pub async fn version(&self, number: &TicketNumber) -> Result<String, ProviderError> {
        let ticket: read::TicketEnvelope = self
            .get(call("read ticket"), &["tickets", number.as_str()], &[])
            .await?;
        Ok(ticket.ticket.updated_at)
    }

    /// Posts the comment whose body [`comment_body`] made. The bytes are sent as they are.
    ///
    /// # Errors
    /// [`ProviderError::Conflict`] when the ticket changed since its `updated_stamp` was read, perhaps by an earlier
    /// attempt of this very comment: look with [`find_effect`](Self::find_effect) before anything else.
    pub async fn post_comment(
        &self,
        ticket: &TicketNumber,
        body: String,
    ) -> Result<CommentPosted, ProviderError> {
        let call = call("post comment");
        let url = self.url(call, &["tickets", ticket.as_str()], &[])?;
        let reply = self.send(Draft::new(call, Method::PUT, &url).json(body)).await?;
        let updated: comment::Updated = reply.json()?;
        updated
            .audit
            .posted()
            .ok_or_else(|| reply.malformed("audit holds no comment"))
    }

    /// The comment that carries this effect key, if the ticket has one. Reads the ticket's audits, all of them.
    ///
    /// # Errors
    /// Any failed page is an error: "none" is only said after the whole list was read.
    pub async fn find_effect(
        &self,
        ticket: &TicketNumber,
        effect: &str,
    ) -> Result<Option<CommentPosted>, ProviderError> {
        let call = call("read audits");
        let mut found = None;
        self.pages(
            call,
            &["tickets", ticket.as_str(), "audits"],
            &[("sort", "-created_at")],
            |page: comment::AuditPage| {
                found = page.audits.into_iter().find(|audit| audit.carries(effect));
                found.is_none().then_some(page.meta)
            },
        )
        .await?;
        match found.as_ref().map(comment::Audit::posted) {
            None => Ok(None),
            Some(Some(posted)) => Ok(Some(posted)),
            Some(None) => Err(ProviderError::Malformed {
                call,
                what: "marked audit holds no comment".to_owned(),
            }),
        }
    }

    /// One page of the tickets that changed since a time or a cursor, in order of change. Zendesk allows ten such
    /// reads a minute.
    ///
    /// # Errors
    /// As any read.
    pub async fn changed_tickets(&self, since: &Since) -> Result<ChangedTickets, ProviderError> {
        let query = since.query();
        let query: Vec<(&str, &str)> = query
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let page: read::ChangedPage = self
            .get(
                call("read changed tickets"),
                &["incremental", "tickets", "cursor"],
                &query,
            )
            .await?;
        Ok(page.into_changed())
    }

    /// Follows a list's cursor until `take` wants no more or the list ends.
    async fn pages<T: serde::de::DeserializeOwned>(
        &self,
        call: Call,
        segments: &[&str],
        query: &[(&str, &str)],
        mut take: impl FnMut(T) -> Option<read::Meta>,
    ) -> Result<(), ProviderError> {
        let mut cursor = String::new();
        for _ in 0..PAGES_MAX {
            let mut query = query.to_vec();
            query.push(("page[size]", "100"));
            if !cursor.is_empty() {
                query.push(("page[after]", &cursor));
            }
            let page: T = self.get(call, segments, &query).await?;
            match take(page) {
                Some(read::Meta {
                    has_more: true,
                    after_cursor: Some(next),
                }) if next != cursor => cursor = next,
                Some(read::Meta { has_more: true, .. }) => {
                    return Err(ProviderError::Malformed {
                        call,
                        what: "list has more but no next cursor".to_owned(),
                    });
                }
                Some(read::Meta { has_more: false, .. }) | None => return Ok(()),
            }
        }
        Err(ProviderError::TooLarge {
            call,
            what: "pages",
            limit: PAGES_MAX,
        })
    }

    async fn get<T: serde::de::DeserializeOwned>(
        &self,
        call: Call,
        segments: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, ProviderError> {
        let url = self.url(call, segments, query)?;
        self.send(Draft::get(call, &url)).await?.json()
    }

    fn url(&self, call: Call, segments: &[&str], query: &[(&str, &str)]) -> Result<Url, ProviderError> {
        endpoint(call, self.base_url, &[&["api", "v2"], segments].concat(), query)
    }

    async fn send(&self, draft: Draft) -> Result<Reply, ProviderError> {
        let reply = self
            .wire
            .send(draft.basic(&format!("{}/token", self.email), self.api_token))
            .await?;
        if reply.status == 200 {
            Ok(reply)
        } else {
            Err(failure(&reply))
        }
    }
}

const fn call(operation: &'static str) -> Call {
    Call {
        provider: "zendesk",
        operation,
    }
}

/// Zendesk keeps to HTTP's meanings; `error` is a code or, in older answers, an object.
fn failure(reply: &Reply) -> ProviderError {
    let body = reply.any_json();
    let code = body.get("error").and_then(Value::as_str).unwrap_or_default();
    reply.failure(machine_code(code))
}

#[cfg(test)]
mod tests;
