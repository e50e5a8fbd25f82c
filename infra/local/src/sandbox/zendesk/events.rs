//! Event-subscription webhooks: what the account sends when a ticket is created or commented on.

use bytes::Bytes;
use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

use super::{Role, Zendesk};
use crate::sandbox::time;
use crate::sandbox::webhook::{Delivery, zendesk_signature};

/// One event. Its body was fixed when it happened, so that every delivery of it carries the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// The event's id: the same on every delivery of it.
    pub id: String,
    /// `zen:event-type:ticket.created` or `zen:event-type:ticket.comment_added`.
    pub kind: String,
    /// The ticket's number.
    pub ticket: u64,
    /// The comment's id, where it is about one.
    pub comment: Option<u64>,
    /// The exact body.
    pub body: String,
}

impl Zendesk {
    /// One delivery of an event, signed at `sent_ms`. Every send is another invocation: its number is in
    /// `X-Zendesk-Webhook-Invocation-Id`; the vendor's own retries of one invocation share it.
    #[must_use]
    pub fn delivery(&self, event: &Event, sent_ms: Millis, invocation: u32) -> Delivery {
        let timestamp = time::seconds(sent_ms);
        let signature = zendesk_signature(&self.access.signing_secret, &timestamp, event.body.as_bytes());
        let headers = [
            ("content-type", "application/json; charset=utf-8".to_owned()),
            ("user-agent", "Zendesk Webhook".to_owned()),
            ("x-zendesk-account-id", self.access.account_id.to_string()),
            ("x-zendesk-webhook-id", self.access.webhook_id.clone()),
            (
                "x-zendesk-webhook-invocation-id",
                self.opaque(&["invocation", &event.id, &invocation.to_string()]),
            ),
            ("x-zendesk-webhook-signature", signature),
            ("x-zendesk-webhook-signature-timestamp", timestamp),
        ];
        let headers: BTreeMap<String, String> = headers
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Delivery {
            headers,
            body: Bytes::from(event.body.clone()),
        }
    }

    pub(crate) fn record_created(&mut self, ticket: u64, now_ms: Millis) {
        let actor = self
            .tickets
            .get(&ticket)
            .map(|ticket| ticket.requester_id)
            .unwrap_or_default();
        self.record(ticket, None, "created", actor, json!({}), now_ms);
    }

    pub(crate) fn record_comment(&mut self, ticket: u64, comment: u64, now_ms: Millis) {
        let found = self.tickets.get(&ticket).and_then(|ticket| {
            let comment = ticket.comments.iter().find(|candidate| candidate.id == comment)?;
            let user = self.users.get(&comment.author_id)?;
            let object = json!({"comment": {
                "id": comment.id.to_string(),
                "body": comment.body,
                "is_public": comment.public,
                "author": {
                    "id": comment.author_id.to_string(),
                    "is_staff": user.role == Role::Agent,
                    "name": user.name,
                },
            }});
            Some((comment.author_id, object))
        });
        if let Some((author, object)) = found {
            self.record(ticket, Some(comment), "comment_added", author, object, now_ms);
        }
    }

    fn record(
        &mut self,
        ticket: u64,
        comment: Option<u64>,
        verb: &str,
        actor: u64,
        mut event: Value,
        now_ms: Millis,
    ) {
        let Some(detail) = self.detail(ticket, actor) else {
            return;
        };
        let about = comment.map(|comment| comment.to_string()).unwrap_or_default();
        let id = self.uuid(&["event", verb, &ticket.to_string(), &about]);
        let sequence = self.opaque(&["sequence", verb, &ticket.to_string(), &about]);
        if let Some(event) = event.as_object_mut() {
            event.insert(
                "meta".to_owned(),
                json!({"sequence": {"id": sequence, "position": 1}}),
            );
        }
        let kind = format!("zen:event-type:ticket.{verb}");
        let body = json!({
            "type": kind,
            "account_id": self.access.account_id,
            "id": id,
            "time": time::nanoseconds(now_ms),
            "zendesk_event_version": "2022-11-06",
            "subject": format!("zen:ticket:{ticket}"),
            "detail": detail,
            "event": event,
        });
        self.events.push(Event {
            id,
            kind,
            ticket,
            comment,
            body: body.to_string(),
        });
    }

    /// The ticket as an event describes it: every id is a string, every state in upper case.
    fn detail(&self, ticket: u64, actor: u64) -> Option<Value> {
        let ticket = self.tickets.get(&ticket)?;
        Some(json!({
            "actor_id": actor.to_string(),
            "assignee_id": null,
            "brand_id": "8447346621310",
            "created_at": time::seconds(ticket.created_ms),
            "custom_status": "8447320465790",
            "description": ticket.description,
            "external_id": ticket.external_id,
            "form_id": "8646151517822",
            "group_id": null,
            "id": ticket.id.to_string(),
            "is_public": true,
            "organization_id": null,
            "priority": ticket.priority.to_uppercase(),
            "requester_id": ticket.requester_id.to_string(),
            "status": ticket.status.to_uppercase(),
            "subject": ticket.subject,
            "submitter_id": ticket.requester_id.to_string(),
            "tags": ticket.tags,
            "type": "PROBLEM",
            "updated_at": time::seconds(ticket.updated_ms),
            "via": {"channel": "web_service"},
        }))
    }

    fn digest(&self, parts: &[&str]) -> String {
        let mut hasher = Sha256::new();
        hasher.update(self.seed.to_be_bytes());
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        hex::encode(hasher.finalize())
    }

    /// 26 characters, as the vendor's sequence and invocation ids have.
    fn opaque(&self, parts: &[&str]) -> String {
        self.digest(parts).to_uppercase().chars().take(26).collect()
    }

    /// A UUID of version 4's form, made from the parts.
    fn uuid(&self, parts: &[&str]) -> String {
        let digest = self.digest(parts);
        let part = |from: usize, length: usize| digest.chars().skip(from).take(length).collect::<String>();
        format!(
            "{}-{}-4{}-a{}-{}",
            part(0, 8),
            part(8, 4),
            part(12, 3),
            part(15, 3),
            part(18, 12)
        )
    }
}
