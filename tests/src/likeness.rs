//! When two instants are so alike that whatever follows from the one follows from the other.
//!
//! Lives that met a fault and recovered differ from lives that met none in things that nothing acts on any more: the
//! fence of a sealed row, attempt ids, the times of what is past. The likeness leaves those out and keeps all the rest:
//! every state, result, intent, lease that still runs, message, delivery, comment, pull request and message at the
//! providers. Times are kept by their order, and those to come by their distance from now; hashes by where they occur.
//! A search that meets a like instant again counts what it found there instead of walking it twice, and walks some of
//! them all the same, to see that they end alike.
//!
//! What a row or a provider says is worked out once for each text of it: most of them are the same at most instants.

mod part;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::engine::Held;
use crate::host::HeldRequest;
use crate::script::Pattern;
use crate::shadow::text;
use crate::world::World;
use part::{Part, digest};

/// Attributes that nothing reads once a row is sealed.
const DEAD_WHEN_SEALED: [&str; 11] = [
    "fence",
    "clean_fence",
    "accounted",
    "attempts",
    "taken_up_at",
    "claimed_at",
    "settled_at",
    "resumed_at",
    "detail",
    "attempt_id",
    "message",
];

/// Fields of the providers' memory that change no answer.
const DEAD_OUTSIDE: [&str; 8] = [
    "objects",
    "hooks",
    "asked",
    "answered",
    "usage",
    "cached",
    "last_ts_us",
    "calls",
];

/// Parts by the texts that they were made from.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<BTreeMap<String, Arc<Part>>>);

/// Parts that are kept at most.
const KNOWN_MAX: usize = 20_000;

impl Known {
    /// The part that `make` makes of this text, which `kind` tells from the same text of another kind.
    fn part(&self, kind: char, text: &str, make: impl FnOnce(Value) -> Value) -> Arc<Part> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{kind}{text}");
        if let Some(part) = known.get(&name) {
            return Arc::clone(part);
        }
        let part = Arc::new(Part::of(&make(serde_json::from_str(text).unwrap_or_default())));
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(name, Arc::clone(&part));
        part
    }
}

/// The likeness of this instant. While a request is on its way it may ask for anything, so everything is kept then.
pub(crate) fn of(world: &World) -> Option<[u8; 16]> {
    let held = held(world);
    let mut parts = tables(world, held.is_empty());
    parts.push(Arc::new(Part::of(&json!(held))));
    parts.push(Arc::new(Part::of(&queues(world))));
    parts.extend(outside(world));
    parts.push(Arc::new(Part::of(&host(world))));
    Some(digest(&parts, world.hub.now_ms()))
}

/// Leaves out of a row what nothing acts on.
type Make = fn(Value) -> Value;

/// What is on its way, and when it lands.
fn held(world: &World) -> Vec<Value> {
    let one = |held: &Held<HeldRequest>| {
        let what = match &held.what {
            HeldRequest::Aws(call, _) => json!([call.operation, call.attempt, call.json()]),
            HeldRequest::Provider(request) => {
                json!([held.label, String::from_utf8_lossy(request.body())])
            }
        };
        json!([held.due_ms, what])
    };
    world.hub.lock().at.held.iter().map(one).collect()
}

fn tables(world: &World, is_quiet: bool) -> Vec<Arc<Part>> {
    let whole: Make = |row| row;
    let kinds: [(&str, char, Make); 3] = if is_quiet {
        [
            ("LedgerTable", 'l', ledger),
            ("EventsTable", 'e', event),
            ("UsageTable", 'u', usage),
        ]
    } else {
        [
            ("LedgerTable", 'w', whole),
            ("EventsTable", 'w', whole),
            ("UsageTable", 'w', whole),
        ]
    };
    let mut parts = Vec::new();
    for (table, kind, make) in kinds {
        let rows = world.hub.aws.dynamo.rows(table).unwrap_or_default();
        parts.push(Arc::new(Part::of(&json!([table, rows.len()]))));
        parts.extend(rows.iter().map(|row| world.known.part(kind, row, make)));
    }
    parts
}

fn ledger(mut row: Value) -> Value {
    let state = text(&row, "state").to_owned();
    if let Some(row) = row.as_object_mut() {
        row.remove("attempt_id");
        if state == "sealed" {
            row.retain(|name, _| !DEAD_WHEN_SEALED.contains(&name.as_str()));
        }
    }
    row
}

fn event(mut row: Value) -> Value {
    if let Some(row) = row.as_object_mut() {
        row.retain(|name, _| {
            !matches!(
                name.as_str(),
                "attempt_id" | "received_at" | "ttl" | "consumed_at_time"
            )
        });
        if row.contains_key("consumed_at") {
            row.retain(|name, _| !matches!(name.as_str(), "hand_over_until" | "due_at"));
        }
    }
    row
}

fn usage(mut row: Value) -> Value {
    let key = text(&row, "sk").to_owned();
    if let Some(row) = row.as_object_mut() {
        row.retain(|name, _| !matches!(name.as_str(), "hash" | "billed_at" | "at_ms"));
        if let Some((step, _fence)) = key.rsplit_once('#').filter(|_| key.starts_with("call#")) {
            row.insert("sk".to_owned(), json!(step));
        }
    }
    row
}

fn queues(world: &World) -> Value {
    world.hub.aws.sqs.read(|state| {
        let mut all = Map::new();
        for (name, queue) in state
            .queues
            .iter()
            .filter(|(_, queue)| !queue.messages.is_empty())
        {
            let messages = queue.messages.values().map(|message| {
                json!({ "body": message.body, "visible": message.visible_ms, "receives": message.receives })
            });
            all.insert(name.clone(), messages.collect());
        }
        Value::Object(all)
    })
}

fn outside(world: &World) -> Vec<Arc<Part>> {
    let noisy = world.script.noisy;
    let make = move |mut value: Value| {
        if !noisy {
            prune(&mut value);
        }
        value
    };
    let (mut texts, effects) = world.hub.sandbox.read(|outside| {
        let texts = vec![
            ('z', written(&outside.zendesk)),
            ('g', written(&outside.github.without_objects())),
            ('s', written(&outside.slack)),
        ];
        (texts, written(&outside.effects()))
    });
    texts.push(('x', effects));
    if noisy {
        texts.push(('m', world.hub.sandbox.read(|outside| written(&outside.model))));
    }
    let texts = texts.iter();
    texts
        .map(|(kind, text)| world.known.part(*kind, text, make))
        .collect()
}

fn written(what: &impl Serialize) -> String {
    serde_json::to_string(what).unwrap_or_default()
}

fn prune(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(prune),
        Value::Object(fields) => {
            fields.retain(|name, _| !DEAD_OUTSIDE.contains(&name.as_str()));
            fields.values_mut().for_each(prune);
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn host(world: &World) -> Value {
    let inner = world.hub.lock();
    let host = &inner.at.host;
    let deliveries: Vec<Value> = host
        .deliveries
        .iter()
        .map(|one| json!([one.event, one.due_ms, one.tries]))
        .collect();
    json!([
        deliveries,
        host.acked,
        host.acted,
        host.stage,
        host.sweeps,
        host.slept,
        host.compared,
        host.then.as_ref().map(|(effects, _)| effects),
        host.raced,
        (world.script.pattern == Pattern::Twice || world.script.pattern == Pattern::Again)
            .then_some(&host.sent)
    ])
}
