//! Which way the guard went, as its writes and their answers tell: proof that the search has seen each of them.

use local::aws::Reply;
use ratchet_guard::clock::Millis;
use serde_json::Value;

use crate::shadow::{number, text};
use crate::variant::{is_claim, is_first_claim};

/// Each branch that a refused write takes, by name.
pub(super) fn branches(request: &Value, reply: &Reply, now_ms: Millis) -> Vec<&'static str> {
    if reply.status == 200 {
        return Vec::new();
    }
    let answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    if let Some(item) = answer.get("Item") {
        return branch(request, item, now_ms).into_iter().collect();
    }
    let parts = request.get("TransactItems").and_then(Value::as_array);
    let reasons = answer.get("CancellationReasons").and_then(Value::as_array);
    let (Some(parts), Some(reasons)) = (parts, reasons) else {
        return Vec::new();
    };
    let pairs = parts.iter().zip(reasons);
    let refused = pairs.filter_map(|(part, reason)| {
        let part = part.as_object()?.values().next()?;
        if reason.get("Code")?.as_str()? != "ConditionalCheckFailed" {
            return None;
        }
        match reason.get("Item").filter(|_| has_fence(part)) {
            Some(item) => branch(part, item, now_ms),
            None => Some("guard: a companion was refused"),
        }
    });
    refused.collect()
}

fn values(part: &Value) -> Option<&Value> {
    part.get("ExpressionAttributeValues")
}

fn has_fence(part: &Value) -> bool {
    values(part).is_some_and(|values| values.get(":mine").is_some())
}

fn branch(part: &Value, found: &Value, now_ms: Millis) -> Option<&'static str> {
    if text(found, "step").is_empty() {
        return None;
    }
    let sent = match part.get("Item") {
        Some(item) => text(item, "attempt_id"),
        None => values(part).map_or("", |values| text(values, ":attempt")),
    };
    let ours = !sent.is_empty() && text(found, "attempt_id") == sent;
    Some(if is_first_claim(part) {
        match text(found, "state") {
            _ if ours => "guard: a resent claim was ours",
            "sealed" => "guard: a claim met a result",
            "parked" => "guard: a claim met parked work",
            _ if number(found, "lease_until").unwrap_or(0) > now_ms => "guard: a claim met a live lease",
            _ => "guard: a claim met an ended lease",
        }
    } else if is_claim(part) {
        if ours {
            "guard: a resent take-over was ours"
        } else {
            "guard: a take-over came too late"
        }
    } else if has_fence(part) {
        if ours {
            "guard: a resent write was ours"
        } else {
            "guard: a write was fenced off"
        }
    } else {
        return None;
    })
}
