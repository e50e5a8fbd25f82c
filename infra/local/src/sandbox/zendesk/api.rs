//! Zendesk's REST interface: which call a request is, who may make it, and the reads.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::page::page;
use super::ticket::users_json;
use super::{NewTicket, Zendesk};
use crate::sandbox::ask::Ask;
use crate::sandbox::effect::Effect;
use crate::sandbox::reply::{self, Reply};

/// A call of the interface.
enum Call {
    Ticket(u64),
    Update(u64),
    Create,
    Comments(u64),
    Audits(u64),
    Incremental,
    Me,
    Unknown,
}

impl Call {
    fn of(ask: &Ask<'_>) -> Self {
        let mut parts = ask.parts();
        // Every path may end in `.json`.
        if let Some(last) = parts.last_mut() {
            *last = last.strip_suffix(".json").unwrap_or(last);
        }
        match (ask.method, parts.as_slice()) {
            ("GET", ["api", "v2", "tickets", id]) => id.parse().map_or(Self::Unknown, Self::Ticket),
            ("PUT", ["api", "v2", "tickets", id]) => id.parse().map_or(Self::Unknown, Self::Update),
            ("POST", ["api", "v2", "tickets"]) => Self::Create,
            ("GET", ["api", "v2", "tickets", id, "comments"]) => {
                id.parse().map_or(Self::Unknown, Self::Comments)
            }
            ("GET", ["api", "v2", "tickets", id, "audits"]) => id.parse().map_or(Self::Unknown, Self::Audits),
            ("GET", ["api", "v2", "incremental", "tickets", "cursor"]) => Self::Incremental,
            ("GET", ["api", "v2", "users", "me"]) => Self::Me,
            _ => Self::Unknown,
        }
    }
}

/// The name that counts and fault plans use.
pub(crate) fn operation(ask: &Ask<'_>) -> &'static str {
    match Call::of(ask) {
        Call::Ticket(_) => "tickets.get",
        Call::Update(_) => "tickets.update",
        Call::Create => "tickets.create",
        Call::Comments(_) => "comments.list",
        Call::Audits(_) => "audits.list",
        Call::Incremental => "incremental.tickets",
        Call::Me => "users.me",
        Call::Unknown => "unknown",
    }
}

/// The body of an error that is planned, not earned.
pub(crate) fn failure(status: u16) -> Value {
    match status {
        429 => {
            json!({"error": "APIRateLimitExceeded",
                "description": "Number of allowed API requests per minute exceeded"})
        }
        401 => json!({"error": "Couldn't authenticate you"}),
        409 => json!({"error": "DatabaseConflict", "description": "Database collision"}),
        _ => json!({"error": "InternalError", "description": "Internal error"}),
    }
}

pub(crate) fn not_found() -> Reply {
    reply::json(
        404,
        &json!({"error": "RecordNotFound", "description": "Not found"}),
    )
}

impl Zendesk {
    pub(crate) fn answer(&mut self, ask: &Ask<'_>, effects: &mut Vec<Effect>) -> Reply {
        let user = format!("{}/token", self.access.email);
        if ask.basic() != Some((user, self.access.api_token.clone())) {
            return reply::json(401, &json!({"error": "Couldn't authenticate you"}));
        }
        let reply = match Call::of(ask) {
            Call::Ticket(id) => self.ticket(ask, id),
            Call::Update(id) => self.update(ask, id, effects),
            Call::Create => self.create(ask),
            Call::Comments(id) => self.comments(ask, id),
            Call::Audits(id) => self.audits(ask, id),
            Call::Incremental => self.incremental(ask),
            Call::Me => self.me(),
            Call::Unknown => reply::json(
                404,
                &json!({"error": "InvalidEndpoint", "description": "Not found"}),
            ),
        };
        let reply = reply::with(reply, "x-rate-limit", "700");
        reply::with(reply, "x-rate-limit-remaining", "699")
    }

    fn ticket(&self, ask: &Ask<'_>, id: u64) -> Reply {
        let Some(ticket) = self.tickets.get(&id) else {
            return not_found();
        };
        reply::json(200, &json!({"ticket": ticket.to_json(&ask.base)}))
    }

    fn create(&mut self, ask: &Ask<'_>) -> Reply {
        let body = ask.json().unwrap_or_default();
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (subject, words) = (text("/ticket/subject"), text("/ticket/comment/body"));
        if words.is_empty() {
            return reply::json(
                422,
                &json!({"error": "RecordInvalid", "description": "Record validation errors",
                    "details": {"base": [{"description": "Description: cannot be blank",
                        "error": "BlankValue"}]}}),
            );
        }
        let new = NewTicket {
            id: None,
            subject,
            text: words,
            requester: text("/ticket/requester/name"),
            priority: text("/ticket/priority"),
        };
        let id = self.add_ticket(ask.now_ms, &new);
        let ticket = self.tickets.get(&id).map(|ticket| ticket.to_json(&ask.base));
        reply::json(201, &json!({"ticket": ticket}))
    }

    fn comments(&self, ask: &Ask<'_>, id: u64) -> Reply {
        let Some(ticket) = self.tickets.get(&id) else {
            return not_found();
        };
        let items = ticket
            .comments
            .iter()
            .map(|comment| (comment.id, comment.to_json()))
            .collect();
        match page(
            ask,
            "comments",
            &format!("/api/v2/tickets/{id}/comments.json"),
            items,
        ) {
            Err(reply) => reply,
            Ok((mut body, shown)) => {
                if ask
                    .param("include")
                    .is_some_and(|include| include.split(',').any(|name| name == "users"))
                {
                    let authors: BTreeSet<u64> = shown
                        .iter()
                        .filter_map(|comment| comment.get("author_id")?.as_u64())
                        .collect();
                    if let Some(body) = body.as_object_mut() {
                        body.insert("users".to_owned(), users_json(&self.users, &authors));
                    }
                }
                reply::json(200, &body)
            }
        }
    }

    fn audits(&self, ask: &Ask<'_>, id: u64) -> Reply {
        let Some(ticket) = self.tickets.get(&id) else {
            return not_found();
        };
        let items = ticket
            .audits
            .iter()
            .map(|audit| (audit.id, ticket.audit_json(audit)))
            .collect();
        match page(ask, "audits", &format!("/api/v2/tickets/{id}/audits.json"), items) {
            Ok((body, _)) => reply::json(200, &body),
            Err(reply) => reply,
        }
    }

    /// Tickets by time of change. What changed in the last minute is left out, as the vendor documents it.
    fn incremental(&self, ask: &Ask<'_>) -> Reply {
        let from = match (ask.param("cursor"), ask.number("start_time")) {
            (Some(cursor), _) => read_cursor(cursor),
            (None, Some(start)) => Some((start.saturating_mul(1000), 0)),
            (None, None) => None,
        };
        let Some(from) = from else {
            return reply::json(
                400,
                &json!({"error": "InvalidParameters", "description": "start_time or cursor is required"}),
            );
        };
        let size = usize::try_from(ask.number("per_page").unwrap_or(1000))
            .unwrap_or(1000)
            .clamp(1, 1000);
        let settled_ms = ask.now_ms.saturating_sub(60_000);
        let mut due: Vec<_> = self
            .tickets
            .values()
            .filter(|ticket| (ticket.updated_ms, ticket.id) >= from && ticket.updated_ms < settled_ms)
            .collect();
        due.sort_by_key(|ticket| (ticket.updated_ms, ticket.id));
        let end_of_stream = due.len() <= size;
        due.truncate(size);
        let after = due
            .last()
            .map_or(from, |ticket| (ticket.updated_ms, ticket.id + 1));
        let after_cursor = format!("{}-{}", after.0, after.1);
        let path = format!("{}/api/v2/incremental/tickets/cursor.json", ask.base);
        let tickets: Vec<Value> = due.into_iter().map(|ticket| ticket.to_json(&ask.base)).collect();
        reply::json(
            200,
            &json!({
                "tickets": tickets,
                "after_url": format!("{path}?cursor={after_cursor}"),
                "after_cursor": after_cursor,
                "before_url": null,
                "before_cursor": null,
                "end_of_stream": end_of_stream,
            }),
        )
    }

    fn me(&self) -> Reply {
        let id = self.access.integration_user_id;
        reply::json(
            200,
            &json!({"user": {"id": id, "email": self.access.email, "role": "agent"}}),
        )
    }
}

fn read_cursor(cursor: &str) -> Option<(u64, u64)> {
    let (at, id) = cursor.split_once('-')?;
    Some((at.parse().ok()?, id.parse().ok()?))
}
