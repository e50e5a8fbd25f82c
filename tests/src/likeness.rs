//! When two instants are so alike that whatever follows from the one follows from the other.
//!
//! Lives that met a fault and recovered differ from lives that met none in things that nothing acts on any more: the
//! fence of a sealed row, attempt ids, the times of what is past. The likeness leaves those out and keeps all the rest:
//! every state, result, intent, lease that still runs, message, delivery, comment, pull request and message at the
//! providers. Times are kept by their order, and those to come by their distance from now; hashes by where they occur.
//! A search that meets a like instant again counts what it found there instead of walking it twice, and walks some of
//! them all the same, to see that they end alike.

use std::collections::BTreeMap;

use ratchet_guard::clock::Millis;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use crate::script::Pattern;
use crate::shadow::text;
use crate::world::{START_MS, World};

/// Attributes that nothing reads once a row is sealed.
const DEAD_WHEN_SEALED: [&str; 9] = [
    "fence",
    "clean_fence",
    "attempts",
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

/// The likeness of this instant; none while a request is on its way, since it may hold anything.
pub(crate) fn of(world: &World) -> Option<[u8; 16]> {
    if !world.hub.lock().at.held.is_empty() {
        return None;
    }
    let now_ms = world.hub.now_ms();
    let whole = Value::Array(vec![tables(world), queues(world), outside(world), host(world)]);
    let mut times = BTreeMap::new();
    collect(&whole, now_ms, &mut times);
    let past: Vec<Millis> = times.into_keys().collect();
    let mut printer = Printer {
        now_ms,
        past,
        names: BTreeMap::new(),
        hasher: Sha256::new(),
    };
    printer.print(&whole);
    let digest = printer.hasher.finalize();
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(digest) {
        *to = from;
    }
    Some(short)
}

fn tables(world: &World) -> Value {
    let ledger = world.hub.scan("LedgerTable").into_iter().map(|mut row| {
        let state = text(&row, "state").to_owned();
        if let Some(row) = row.as_object_mut() {
            row.remove("attempt_id");
            if state == "sealed" {
                row.retain(|name, _| !DEAD_WHEN_SEALED.contains(&name.as_str()));
            }
        }
        row
    });
    let events = world.hub.scan("EventsTable").into_iter().map(|mut row| {
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
    });
    let usage = world.hub.scan("UsageTable").into_iter().map(|mut row| {
        let key = text(&row, "sk").to_owned();
        if let Some(row) = row.as_object_mut() {
            row.retain(|name, _| !matches!(name.as_str(), "hash" | "billed_at" | "at_ms"));
            if let Some((step, _fence)) = key.rsplit_once('#').filter(|_| key.starts_with("call#")) {
                row.insert("sk".to_owned(), json!(step));
            }
        }
        row
    });
    let sorted = |rows: Vec<Value>| {
        let mut lines: Vec<(String, Value)> = rows
            .into_iter()
            .map(|row| {
                let name = |field: &str| row.get(field).map(Value::to_string).unwrap_or_default();
                let key = ["subject", "step", "event", "org_period", "sk"]
                    .map(name)
                    .join("/");
                (key, row)
            })
            .collect();
        lines.sort_by(|one, other| one.0.cmp(&other.0));
        Value::Array(lines.into_iter().map(|(_, row)| row).collect())
    };
    json!([
        sorted(ledger.collect()),
        sorted(events.collect()),
        sorted(usage.collect())
    ])
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

fn outside(world: &World) -> Value {
    let all = world.hub.sandbox.read(|outside| {
        json!([
            outside.zendesk,
            outside.github,
            outside.slack,
            world.script.noisy.then_some(&outside.model)
        ])
    });
    let effects = world.hub.sandbox.effects();
    let mut all = json!([all, effects]);
    if !world.script.noisy {
        prune(&mut all);
    }
    all
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
        host.compared,
        host.then.as_ref().map(|(effects, _)| effects),
        host.raced,
        (world.script.pattern == Pattern::Twice || world.script.pattern == Pattern::Again)
            .then_some(&host.sent)
    ])
}

/// The time that a number or a text stands for, if it does.
fn time(value: &Value) -> Option<Millis> {
    let plausible = |ms: Millis| {
        (START_MS - 86_400_000..START_MS + 500 * 86_400_000)
            .contains(&ms)
            .then_some(ms)
    };
    match value {
        Value::Number(number) => {
            let number = number.as_u64()?;
            plausible(number).or_else(|| plausible(number.saturating_mul(1_000)))
        }
        Value::String(text) => {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if text.len() == 13 && digits(text) {
                return plausible(text.parse().ok()?);
            }
            if let Some((seconds, micros)) = text.split_once('.')
                && seconds.len() == 10
                && digits(seconds)
                && digits(micros)
            {
                return plausible(seconds.parse::<u64>().ok()?.saturating_mul(1_000));
            }
            if text.len() < 20 || text.as_bytes().get(10) != Some(&b'T') {
                return None;
            }
            let at = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            plausible(u64::try_from(at.timestamp_millis()).ok()?)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// JSON inside a text.
fn inside(text: &str) -> Option<Value> {
    let first = text.as_bytes().first()?;
    matches!(first, b'{' | b'[').then(|| serde_json::from_str(text).ok())?
}

fn collect(value: &Value, now_ms: Millis, times: &mut BTreeMap<Millis, ()>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, now_ms, times)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, now_ms, times)),
        other => {
            if let Some(at) = time(other) {
                if at <= now_ms {
                    times.insert(at, ());
                }
            } else if let Some(inner) = other.as_str().and_then(inside) {
                collect(&inner, now_ms, times);
            }
        }
    }
}

struct Printer {
    now_ms: Millis,
    past: Vec<Millis>,
    names: BTreeMap<String, usize>,
    hasher: Sha256,
}

impl Printer {
    fn put(&mut self, kind: u8, bytes: &[u8]) {
        self.hasher.update([kind]);
        self.hasher.update((bytes.len() as u64).to_be_bytes());
        self.hasher.update(bytes);
    }

    fn print(&mut self, value: &Value) {
        if let Some(at) = time(value) {
            if at > self.now_ms {
                self.put(b'>', &(at - self.now_ms).to_be_bytes());
            } else {
                let rank = self.past.partition_point(|past| *past < at) as u64;
                self.put(b'<', &rank.to_be_bytes());
            }
            return;
        }
        match value {
            Value::Array(items) => {
                self.put(b'[', &(items.len() as u64).to_be_bytes());
                items.iter().for_each(|item| self.print(item));
            }
            Value::Object(fields) => {
                // The order of an object's fields says nothing.
                let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
                self.put(b'{', &(sorted.len() as u64).to_be_bytes());
                for (name, field) in sorted {
                    self.put(b':', name.as_bytes());
                    self.print(field);
                }
            }
            Value::String(text) => {
                if let Some(inner) = inside(text) {
                    self.print(&inner);
                } else if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    let next = self.names.len();
                    let name = *self.names.entry(text.clone()).or_insert(next) as u64;
                    self.put(b'#', &name.to_be_bytes());
                } else {
                    self.put(b'"', text.as_bytes());
                }
            }
            other => self.put(b'.', other.to_string().as_bytes()),
        }
    }
}
