//! Requests to tables and queues, as a broken variant sends them.

use local::aws::{Call, Next, Reply, Service};
use serde_json::{Value, json};

use super::Variant;
use crate::hub::Hub;
use crate::shadow::{number, text};

pub(super) fn apply(variant: Variant, hub: &Hub, run: u32, call: &Call, next: &Next) -> Reply {
    let mut body = call.json();
    if call.service == Service::Sqs {
        return match swallowed(variant, call, &body) {
            Some(reply) => reply,
            None => next.apply(),
        };
    }
    match variant {
        Variant::NoFence => parts(&mut body).into_iter().for_each(unfenced),
        Variant::AttemptIdIgnored => parts(&mut body).into_iter().for_each(other_id),
        Variant::MarkedBeforeWork => {
            for part in parts(&mut body) {
                set_value(part, ":claimed", json!({ "S": "sealed" }));
                if is_first_claim(part) {
                    set_item(part, "state", json!({ "S": "sealed" }));
                }
            }
        }
        Variant::SeenFlag if is_take_over(&body) => {
            let never =
                "fence = :fence AND attempt_id = :seen AND #state = :state AND attribute_not_exists(subject)";
            put(&mut body, "ConditionExpression", json!(never));
        }
        Variant::ConsumedAtTheDoor if body.get("TableName") == Some(&json!("EventsTable")) => {
            let consumed = json!({ "N": hub.now_ms().to_string() });
            if let Some(item) = body.get_mut("Item") {
                put(item, "consumed_at", consumed);
            }
        }
        Variant::AddWithoutEntry => drop(take_part(&mut body, is_entry)),
        Variant::BillWithoutFlag => drop(take_part(&mut body, is_flag)),
        Variant::TotalOutside => {
            if let Some(total) = take_part(&mut body, is_total) {
                hub.ask("UpdateItem", &total);
            }
        }
        Variant::KeyWithAttempt => parts(&mut body)
            .into_iter()
            .for_each(|part| rename_step(part, run)),
        Variant::ScoreAgain if is_claim(&body) => forget_score(hub, &body),
        Variant::LooksBeforeItSettles if call.operation == "Query" => return life_before(hub, next),
        _ => return next.apply(),
    }
    next.apply_as(&call.operation, body.to_string().as_bytes())
}

/// The function hears that its message is sent; it is not.
fn swallowed(variant: Variant, call: &Call, body: &Value) -> Option<Reply> {
    let queue = body.get("QueueUrl").and_then(Value::as_str).unwrap_or_default();
    let is_intake = queue.ends_with("/ExtractQueue") && call.operation == "SendMessage";
    (variant == Variant::AckBeforeEnqueue && is_intake)
        .then(|| Reply::ok(json!({ "MessageId": "unsent" }).to_string()))
}

/// The request itself, or each part of a transaction.
fn parts(body: &mut Value) -> Vec<&mut Value> {
    if body.get("TransactItems").is_none() {
        return vec![body];
    }
    body.get_mut("TransactItems")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(|item| item.as_object_mut()?.values_mut().next())
        .collect()
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
}

fn set_value(part: &mut Value, name: &str, value: Value) {
    if let Some(values) = part
        .get_mut("ExpressionAttributeValues")
        .filter(|values| values.get(name).is_some())
    {
        put(values, name, value);
    }
}

fn forget_value(part: &mut Value, name: &str) {
    if let Some(values) = part
        .get_mut("ExpressionAttributeValues")
        .and_then(Value::as_object_mut)
    {
        values.remove(name);
    }
}

fn says(part: &Value, field: &str, words: &str) -> bool {
    part.get(field)
        .and_then(Value::as_str)
        .is_some_and(|text| text.contains(words))
}

/// A claim of either kind.
pub(crate) fn is_claim(part: &Value) -> bool {
    is_first_claim(part) || is_take_over(part)
}

/// The claim of work that is new.
pub(crate) fn is_first_claim(part: &Value) -> bool {
    part.get("Item")
        .is_some_and(|item| text(item, "state") == "claimed" && !text(item, "step").is_empty())
}

fn is_take_over(part: &Value) -> bool {
    says(part, "UpdateExpression", "fence = fence + :one")
}

/// Sets an attribute of a whole item, if it has it.
fn set_item(part: &mut Value, name: &str, value: Value) {
    if let Some(item) = part.get_mut("Item").filter(|item| item.get(name).is_some()) {
        put(item, name, value);
    }
}

fn unfenced(part: &mut Value) {
    if says(part, "ConditionExpression", "fence = :mine") {
        put(part, "ConditionExpression", json!("attribute_exists(subject)"));
        if !says(part, "UpdateExpression", ":mine") {
            forget_value(part, ":mine");
        }
        if !says(part, "UpdateExpression", ":claimed") {
            forget_value(part, ":claimed");
        }
        if !says(part, "UpdateExpression", "#state")
            && let Some(part) = part.as_object_mut()
        {
            part.remove("ExpressionAttributeNames");
        }
    }
}

fn other_id(part: &mut Value) {
    let given = part
        .get("ExpressionAttributeValues")
        .map(|values| text(values, ":attempt").to_owned());
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        set_value(part, ":attempt", json!({ "S": format!("{given}-sent") }));
    }
    let given = part.get("Item").map(|item| text(item, "attempt_id").to_owned());
    if let Some(given) = given.filter(|given| !given.is_empty()) {
        set_item(part, "attempt_id", json!({ "S": format!("{given}-sent") }));
    }
}

/// Takes one part out of a transaction and hands back its request.
fn take_part(body: &mut Value, which: fn(&Value) -> bool) -> Option<Value> {
    let items = body.get_mut("TransactItems")?.as_array_mut()?;
    let at = items.iter().position(|item| {
        item.as_object()
            .and_then(|item| item.values().next())
            .is_some_and(which)
    })?;
    items.remove(at).as_object()?.values().next().cloned()
}

fn is_entry(part: &Value) -> bool {
    part.get("Item")
        .is_some_and(|item| text(item, "sk").starts_with("entry#"))
}

fn is_flag(part: &Value) -> bool {
    part.get("Item").is_some_and(|item| text(item, "step") == "bill")
}

fn is_total(part: &Value) -> bool {
    part.get("Key").is_some_and(|key| text(key, "sk") == "total")
}

fn rename_step(part: &mut Value, run: u32) {
    for place in ["Key", "Item"] {
        if let Some(key) = part.get_mut(place) {
            let step = text(key, "step").to_owned();
            if step.starts_with("slack#") {
                put(key, "step", json!({ "S": format!("{step}#{run}") }));
            }
        }
    }
}

/// A score that is on record is asked for again.
fn forget_score(hub: &Hub, body: &Value) {
    let Some(item) = body.get("Item") else { return };
    if text(item, "step").starts_with("extract#") {
        let key = json!({ "subject": item.get("subject"), "step": item.get("step") });
        hub.ask("DeleteItem", &json!({ "TableName": "LedgerTable", "Key": key }));
    }
}

/// A subject's life without what was settled at this very moment.
fn life_before(hub: &Hub, next: &Next) -> Reply {
    let mut reply = next.apply();
    let mut answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    if let Some(items) = answer.get_mut("Items").and_then(Value::as_array_mut) {
        items.retain(|item| number(item, "settled_at") != Some(hub.now_ms()));
    }
    reply.body = answer.to_string();
    reply
}
