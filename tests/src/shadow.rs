//! The ledger as the harness last saw it, and the rules that hold from one write to the next.

use std::collections::BTreeMap;

use ratchet_guard::clock::Millis;
use serde_json::Value;

use crate::engine::Violation;
use crate::invariants as named;

/// What of a ledger row the rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) state: String,
    pub(crate) fence: u64,
    pub(crate) lease_until: Millis,
    pub(crate) body: String,
    pub(crate) content: String,
    pub(crate) external_id: Option<String>,
    pub(crate) reason: Option<String>,
    /// Of the last write: a transaction that is sent again with its token is answered and not applied again.
    pub(crate) attempt_id: String,
}

/// Subject and step.
pub(crate) type Key = (String, String);

/// Rows by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shadow(pub(crate) BTreeMap<Key, Row>);

/// A text of an item on the wire.
pub(crate) fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item.get(name)
        .and_then(|value| value.get("S"))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// A number of an item on the wire.
pub(crate) fn number(item: &Value, name: &str) -> Option<u64> {
    item.get(name)?.get("N")?.as_str()?.parse().ok()
}

impl Row {
    pub(crate) fn of(item: &Value) -> Self {
        let maybe = |name: &str| {
            Some(text(item, name))
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Self {
            state: text(item, "state").to_owned(),
            fence: number(item, "fence").unwrap_or(0),
            lease_until: number(item, "lease_until").unwrap_or(0),
            body: text(item, "body").to_owned(),
            content: text(item, "content").to_owned(),
            external_id: maybe("external_id"),
            reason: maybe("reason"),
            attempt_id: text(item, "attempt_id").to_owned(),
        }
    }
}

/// The key of an item on the wire.
pub(crate) fn key_of(item: &Value) -> Key {
    (text(item, "subject").to_owned(), text(item, "step").to_owned())
}

impl Shadow {
    /// Decisions that stood then and read differently now.
    pub(crate) fn changed_since(&self, then: &Self) -> Vec<String> {
        let settled = then.0.iter().filter(|(_, row)| row.state == "sealed");
        let same = |before: &Row, now: &Row| {
            before.state == now.state && before.body == now.body && before.external_id == now.external_id
        };
        let changed = settled.filter(|(key, before)| !self.0.get(*key).is_some_and(|now| same(before, now)));
        changed
            .map(|((subject, step), _)| format!("{subject}/{step} reads differently after a second run"))
            .collect()
    }

    /// A row was written: `now` is how it stands, `mine` the fence that the writer carried, if it carried one.
    pub(crate) fn wrote(
        &mut self,
        key: Key,
        now: Option<Row>,
        mine: Option<u64>,
        at_ms: Millis,
    ) -> Vec<Violation> {
        let before = match &now {
            Some(row) => self.0.insert(key.clone(), row.clone()),
            None => self.0.remove(&key),
        };
        let Some(before) = before.filter(|before| now.as_ref() != Some(before)) else {
            return Vec::new();
        };
        judged(&key, &before, now.as_ref(), mine, at_ms)
    }
}

fn judged(
    (subject, step): &Key,
    before: &Row,
    now: Option<&Row>,
    mine: Option<u64>,
    at_ms: Millis,
) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut say = |invariant: &'static str, detail: String| {
        found.push(Violation {
            invariant,
            detail: format!("{subject}/{step}: {detail}"),
        });
    };
    let Some(now) = now else {
        say(named::RECORDS_STAY, "row is gone".to_owned());
        return found;
    };
    if now.fence < before.fence {
        say(
            named::FENCE_RISES,
            format!("fence {} after {}", now.fence, before.fence),
        );
    }
    if before.state == "sealed" && (now.state != "sealed" || now.body != before.body) {
        say(named::RECORDS_STAY, format!("sealed result is {} now", now.state));
    }
    if let Some(mine) = mine
        && (mine != before.fence || before.state != "claimed")
    {
        say(
            named::FENCE_HOLDS,
            format!(
                "fence {mine} wrote over fence {} state {}",
                before.fence, before.state
            ),
        );
    }
    if now.fence > before.fence {
        if now.fence != before.fence + 1 {
            say(
                named::FENCE_RISES,
                format!("fence {} after {}", now.fence, before.fence),
            );
        }
        if before.state == "claimed" && before.lease_until > at_ms {
            say(
                named::LEASE_HOLDS,
                format!("claimed {} ms before its lease ends", before.lease_until - at_ms),
            );
        }
    }
    if now.content != before.content && !before.content.is_empty() {
        say(named::RECORDS_STAY, "content has changed".to_owned());
    }
    found
}
