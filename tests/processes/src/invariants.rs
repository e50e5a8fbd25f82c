//! What must hold after a case, each with its name.

use serde_json::Value;

/// The promises that a report breaks.
pub(crate) fn broken(report: &Value) -> Vec<String> {
    let number = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let list = |path: &str| {
        let found = report.pointer(path).and_then(Value::as_array);
        found.map(Vec::as_slice).unwrap_or_default()
    };
    let mut broken = Vec::new();
    let mut must_be_one = |name: &str, found: u64| {
        if found != 1 {
            broken.push(format!("{name}: {found}"));
        }
    };
    must_be_one("one-bill", number("/entries"));
    must_be_one("total-is-entries", number("/total"));
    for pulls in list("/pulls") {
        must_be_one(
            "one-pull-request",
            pulls.get(1).and_then(Value::as_u64).unwrap_or_default(),
        );
    }
    must_be_one("one-comment", number("/comments"));
    must_be_one("one-message", number("/messages"));
    must_be_one("one-issue", number("/issues"));
    if !list("/queues").is_empty() {
        broken.push(format!("drained: {:?}", list("/queues")));
    }
    for row in list("/rows") {
        let state = row.get("state").and_then(Value::as_str);
        if state == Some("receipt") {
            // What a fenced attempt came to is kept for `reconcile`, beside the result that counts.
            continue;
        }
        let is_sealed = state == Some("sealed");
        let is_open = row.get("unfinished").and_then(Value::as_bool) == Some(true);
        if !is_sealed || is_open {
            broken.push(format!("nothing-lost: {row}"));
        }
    }
    for event in list("/events") {
        if event.get("consumed").and_then(Value::as_bool) != Some(true) {
            broken.push(format!("event-consumed: {event}"));
        }
    }
    if list("/rows").is_empty() || list("/events").len() != 1 {
        broken.push("nothing-lost: no rows".to_owned());
    }
    broken
}

/// How many late results of fenced attempts a report holds.
pub(crate) fn receipts(report: &Value) -> u64 {
    let rows = report.get("rows").and_then(Value::as_array);
    let states = rows
        .into_iter()
        .flatten()
        .filter_map(|row| row.get("state")?.as_str());
    states.filter(|state| *state == "receipt").count() as u64
}
