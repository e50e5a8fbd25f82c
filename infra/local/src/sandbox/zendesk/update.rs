//! `PUT /tickets/{id}`: comment, tags, status, with compare-and-set and the marker in the audit.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::api::not_found;
use super::{Audit, Words, Zendesk};
use crate::sandbox::Provider;
use crate::sandbox::ask::Ask;
use crate::sandbox::effect::{Effect, EffectKind};
use crate::sandbox::reply::{self, Reply};
use crate::sandbox::time;

/// Most bytes of `metadata` that one audit keeps.
const METADATA_BYTES_MAX: usize = 1024;
/// Most comments of one ticket.
const COMMENTS_MAX: usize = 5000;

/// The name under which the product leaves its effect key.
const MARKER: &str = "ratchet_effect";

impl Zendesk {
    pub(crate) fn update(&mut self, ask: &Ask<'_>, id: u64, effects: &mut Vec<Effect>) -> Reply {
        let body = ask.json().unwrap_or_default();
        let Some(wanted) = body.get("ticket").and_then(Value::as_object) else {
            return reply::json(
                400,
                &json!({"error": "BadRequest", "description": "ticket is missing"}),
            );
        };
        if let Err(reply) = self.check(id, wanted) {
            return reply;
        }
        let author = wanted
            .get("comment")
            .and_then(|comment| comment.get("author_id"))
            .and_then(Value::as_u64)
            .unwrap_or(self.access.integration_user_id);
        let custom = wanted
            .get("metadata")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        let changes = self.change_fields(id, wanted);
        let comment = wanted.get("comment").and_then(words);
        let marker = custom.get(MARKER).and_then(Value::as_str).map(str::to_owned);
        let landed = match comment {
            Some(words) => {
                let comment = self.add_comment(ask.now_ms, id, author, words, custom, changes);
                self.record_comment(id, comment, ask.now_ms);
                Some((EffectKind::Comment, comment.to_string()))
            }
            // Metadata is kept only with an update that changes something.
            None if changes.is_empty() => None,
            None => Some((
                EffectKind::TicketChange,
                self.add_audit(ask, id, author, custom, changes).to_string(),
            )),
        };
        let audit = self
            .tickets
            .get(&id)
            .filter(|_| landed.is_some())
            .and_then(|ticket| ticket.audits.last().map(|audit| ticket.audit_json(audit)));
        if let Some((kind, effect_id)) = landed {
            effects.push(Effect {
                at_ms: ask.now_ms,
                provider: Provider::Zendesk,
                kind,
                target: id.to_string(),
                id: effect_id,
                marker,
            });
        }
        let ticket = self.tickets.get(&id).map(|ticket| ticket.to_json(&ask.base));
        let audit =
            audit.unwrap_or_else(|| json!({"ticket_id": id, "events": [], "metadata": {"custom": {}}}));
        reply::json(200, &json!({"ticket": ticket, "audit": audit}))
    }

    fn check(&self, id: u64, wanted: &Map<String, Value>) -> Result<(), Reply> {
        let ticket = self.tickets.get(&id).ok_or_else(not_found)?;
        if wanted.get("safe_update").and_then(Value::as_bool) == Some(true) {
            let stamp = wanted.get("updated_stamp").and_then(Value::as_str);
            // Both sides have whole seconds: a change within the stamp's own second is not seen.
            if stamp.and_then(time::parse).map(|at| at / 1000) != Some(ticket.updated_ms / 1000) {
                return Err(reply::json(
                    409,
                    &json!({"error": "UpdateConflict",
                        "description": "Safe Update prevented the update due to outdated ticket data."}),
                ));
            }
        }
        if ticket.status == "closed" {
            return Err(invalid("status", "Status: closed prevents ticket update"));
        }
        let metadata = wanted
            .get("metadata")
            .map(|metadata| metadata.to_string().len())
            .unwrap_or_default();
        if metadata > METADATA_BYTES_MAX {
            return Err(invalid("metadata", "Metadata is over 1 kilobyte"));
        }
        if let Some(comment) = wanted.get("comment") {
            if words(comment).is_none() {
                return Err(invalid("comment", "Comment: cannot be blank"));
            }
            if ticket.comments.len() >= COMMENTS_MAX {
                return Err(invalid("comment", "Comment: the ticket has 5000 comments"));
            }
            let author = comment.get("author_id").and_then(Value::as_u64);
            if author.is_some_and(|author| !self.users.contains_key(&author)) {
                return Err(invalid("author", "Author: is invalid"));
            }
        }
        Ok(())
    }

    /// Sets what the update names; the changes as audit events.
    fn change_fields(&mut self, id: u64, wanted: &Map<String, Value>) -> Vec<Value> {
        let Some(ticket) = self.tickets.get_mut(&id) else {
            return Vec::new();
        };
        let mut changed = Vec::new();
        let list = |name: &str| {
            let items = wanted.get(name).and_then(Value::as_array);
            items.map(|items| {
                items
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_lowercase)
                    .collect::<BTreeSet<_>>()
            })
        };
        let mut tags = list("tags").unwrap_or_else(|| ticket.tags.clone());
        tags.extend(list("additional_tags").unwrap_or_default());
        for gone in list("remove_tags").unwrap_or_default() {
            tags.remove(&gone);
        }
        if tags != ticket.tags {
            changed.push(("tags", json!(ticket.tags), json!(tags)));
            ticket.tags = tags;
        }
        for (name, field) in [("status", &mut ticket.status), ("priority", &mut ticket.priority)] {
            let value = wanted.get(name).and_then(Value::as_str);
            if let Some(value) = value.filter(|value| *value != field.as_str()) {
                changed.push((name, json!(field), json!(value)));
                value.clone_into(field);
            }
        }
        if let Some(external) = wanted.get("external_id").and_then(Value::as_str)
            && ticket.external_id.as_deref() != Some(external)
        {
            changed.push(("external_id", json!(ticket.external_id), json!(external)));
            ticket.external_id = Some(external.to_owned());
        }
        changed
            .into_iter()
            .map(|(field, before, after)| {
                json!({"id": self.fresh_id(), "type": "Change", "field_name": field,
                    "previous_value": before, "value": after})
            })
            .collect()
    }

    fn add_audit(
        &mut self,
        ask: &Ask<'_>,
        id: u64,
        author: u64,
        custom: Map<String, Value>,
        changes: Vec<Value>,
    ) -> u64 {
        let audit = self.fresh_id();
        if let Some(ticket) = self.tickets.get_mut(&id) {
            ticket.updated_ms = ask.now_ms;
            ticket.audits.push(Audit {
                id: audit,
                author_id: author,
                created_ms: ask.now_ms,
                custom,
                changes,
                comment: None,
            });
        }
        audit
    }
}

/// What a comment object says; none where it says nothing.
fn words(comment: &Value) -> Option<Words> {
    let public = comment.get("public").and_then(Value::as_bool).unwrap_or(true);
    let text = |name: &str| {
        comment
            .get(name)
            .and_then(Value::as_str)
            .filter(|text| !text.trim().is_empty())
    };
    match (text("html_body"), text("body")) {
        (Some(html), _) => Some(Words::html(html, public)),
        (None, Some(body)) => Some(Words::plain(body, public)),
        (None, None) => None,
    }
}

fn invalid(field: &str, description: &str) -> Reply {
    reply::json(
        422,
        &json!({"error": "RecordInvalid", "description": "Record validation errors",
            "details": {field: [{"description": description}]}}),
    )
}
