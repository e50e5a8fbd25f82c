//! A ticket and how it reads on the wire.

use std::collections::{BTreeMap, BTreeSet};

use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::User;
use crate::sandbox::time;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) id: u64,
    pub(crate) requester_id: u64,
    pub(crate) subject: String,
    pub(crate) description: String,
    pub(crate) priority: String,
    pub(crate) status: String,
    pub(crate) external_id: Option<String>,
    pub(crate) tags: BTreeSet<String>,
    pub(crate) created_ms: Millis,
    pub(crate) updated_ms: Millis,
    pub(crate) comments: Vec<Comment>,
    pub(crate) audits: Vec<Audit>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) audit_id: u64,
    pub(crate) author_id: u64,
    pub(crate) body: String,
    pub(crate) html_body: String,
    pub(crate) public: bool,
    pub(crate) created_ms: Millis,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Audit {
    pub(crate) id: u64,
    pub(crate) author_id: u64,
    pub(crate) created_ms: Millis,
    /// What the update's `metadata` held.
    pub(crate) custom: Map<String, Value>,
    pub(crate) changes: Vec<Value>,
    pub(crate) comment: Option<u64>,
}

impl Ticket {
    pub(crate) fn new(
        id: u64,
        requester: u64,
        subject: &str,
        text: &str,
        priority: &str,
        now_ms: Millis,
    ) -> Self {
        Self {
            id,
            requester_id: requester,
            subject: subject.to_owned(),
            description: text.to_owned(),
            priority: priority.to_owned(),
            status: "open".to_owned(),
            external_id: None,
            tags: BTreeSet::new(),
            created_ms: now_ms,
            updated_ms: now_ms,
            comments: Vec::new(),
            audits: Vec::new(),
        }
    }

    pub(crate) fn to_json(&self, base: &str) -> Value {
        json!({
            "url": format!("{base}/api/v2/tickets/{}.json", self.id),
            "id": self.id,
            "external_id": self.external_id,
            "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": null}},
            "created_at": time::seconds(self.created_ms),
            "updated_at": time::seconds(self.updated_ms),
            "generated_timestamp": self.updated_ms / 1000,
            "type": "problem",
            "subject": self.subject,
            "raw_subject": self.subject,
            "description": self.description,
            "priority": self.priority,
            "status": self.status,
            "recipient": null,
            "requester_id": self.requester_id,
            "submitter_id": self.requester_id,
            "assignee_id": null,
            "organization_id": null,
            "group_id": null,
            "collaborator_ids": [],
            "follower_ids": [],
            "is_public": true,
            "tags": self.tags,
            "custom_fields": [],
            "allow_channelback": false,
        })
    }

    pub(crate) fn audit_json(&self, audit: &Audit) -> Value {
        let mut events = Vec::new();
        if let Some(comment) = self
            .comments
            .iter()
            .find(|comment| Some(comment.id) == audit.comment)
        {
            events.push(json!({
                "id": comment.id,
                "type": "Comment",
                "author_id": comment.author_id,
                "body": comment.body,
                "html_body": comment.html_body,
                "plain_body": comment.body,
                "public": comment.public,
                "attachments": [],
                "audit_id": comment.audit_id,
            }));
        }
        events.extend(audit.changes.iter().cloned());
        json!({
            "id": audit.id,
            "ticket_id": self.id,
            "created_at": time::seconds(audit.created_ms),
            "author_id": audit.author_id,
            "metadata": {"system": {"client": "sandbox", "ip_address": "127.0.0.1"}, "custom": audit.custom},
            "events": events,
            "via": {"channel": "api", "source": {"from": {}, "to": {}, "rel": null}},
        })
    }
}

impl Comment {
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "type": "Comment",
            "author_id": self.author_id,
            "body": self.body,
            "html_body": self.html_body,
            "plain_body": self.body,
            "public": self.public,
            "attachments": [],
            "audit_id": self.audit_id,
            "via": {"channel": "web", "source": {"from": {}, "to": {}, "rel": null}},
            "created_at": time::seconds(self.created_ms),
            "metadata": {"system": {}, "custom": {}},
        })
    }
}

/// The users of some ids, as `include=users` sideloads them; each once, in order of ids.
pub(crate) fn users_json(users: &BTreeMap<u64, User>, ids: &BTreeSet<u64>) -> Value {
    ids.iter()
        .filter_map(|id| users.get(id).map(|user| (id, user)))
        .map(|(id, user)| {
            json!({"id": id, "name": user.name, "email": user.email,
            "role": user.role.as_str(), "active": true})
        })
        .collect()
}
