//! Nothing is due: the operator's sweep brings stuck work back, then everything comes once more.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use local::sandbox::effect::{Effect, EffectKind};
use local::sqs::Sqs;
use ratchet_guard::clock::Millis;
use ratchet_runtime::serve::Function as _;
use serde_json::{Value, json};

use crate::engine::Violation;
use crate::host::Delivery;
use crate::invariants::{DUPLICATE_IS_SAME, LOG_EQUALS_LEDGER};
use crate::script::Pattern;
use crate::shadow::number;
use crate::world::{START_MS, World};

/// Of how many lives with nothing to look at one is compared all the same, by the number of its calls.
const COMPARED_ONE_IN: u32 = 16;

/// Comparisons of one life: a repair may bring work back that ends in the need of another.
const COMPARISONS_MAX: u32 = 3;

/// Sweeps in a row that may find the same work before it counts as stuck.
const SWEEPS_MAX: u32 = 8;

impl World {
    /// Runs the scheduled sweep when the index holds work, and moves the clock to the earliest time that a row waits
    /// for; false when there is nothing left to wait for.
    pub(super) fn idle(&self) -> Result<bool> {
        let Some(due) = self.first_due_ms() else {
            return Ok(self.compare()? || self.once_more()?);
        };
        let turn = {
            let mut inner = self.hub.lock();
            inner.at.host.sweeps += 1;
            inner.at.host.sweeps
        };
        if turn > SWEEPS_MAX {
            return self.once_more();
        }
        self.hub.wait_until(due);
        self.sweep()?;
        Ok(true)
    }

    /// When the earliest unfinished row or dead letter is to be looked at.
    fn first_due_ms(&self) -> Option<Millis> {
        let rows = ["LedgerTable", "EventsTable"]
            .into_iter()
            .flat_map(|table| self.hub.scan(table));
        let due = rows.filter_map(|row| {
            row.get("unfinished")?;
            let due_ms = number(&row, "due_at")?.max(number(&row, "resend_at").unwrap_or(0));
            (!is_for_a_person(&row)).then_some(due_ms)
        });
        let dead = self.left().into_keys().any(|name| name.contains("Dlq"));
        due.chain(dead.then(|| self.hub.now_ms())).min()
    }

    /// The production function, as its schedule calls it; past every fault.
    fn sweep(&self) -> Result<()> {
        let now_ms = self.hub.now_ms();
        let event = json!({ "source": "schedule", "schedule": "sweep", "time": printed(now_ms)? });
        let deadline_ms = now_ms + self.timeout_ms("replay");
        let summary = self.runtime.block_on(self.replay.call(event, deadline_ms));
        let summary = summary.map_err(|error| anyhow::anyhow!("sweep failed: {error}"))?;
        let told = serde_json::to_value(&summary)?;
        self.hub.note(|| format!("     {now_ms} a sweep: {told}"));
        for name in ["events", "claims", "waiting"] {
            if told
                .get(name)
                .and_then(Value::as_u64)
                .is_some_and(|sent| sent > 0)
            {
                self.hub.hit(format!("sweep sent {name} again"));
            }
        }
        if told
            .get("redriven")
            .and_then(Value::as_array)
            .is_some_and(|all| !all.is_empty())
        {
            self.hub.hit("sweep redrove dead letters");
        }
        self.line_up();
        Ok(())
    }

    /// The production function's plan of repairs, and its apply, as an operator asks for them once nothing is due: where a
    /// row waits for somebody to look (a late receipt, or parked work), and in one life of a few where none does and all
    /// must agree. False when there is nothing that it mends.
    fn compare(&self) -> Result<bool> {
        let (turn, point) = {
            let inner = self.hub.lock();
            (inner.at.host.compared + 1, inner.at.point)
        };
        let waits = self.hub.scan("LedgerTable").iter().any(is_for_a_person);
        let is_asked = waits || point.is_multiple_of(COMPARED_ONE_IN);
        if turn > COMPARISONS_MAX || !is_asked {
            return Ok(false);
        }
        self.hub.lock().at.host.compared = turn;
        let before = self.hub.sandbox.effects();
        let plan = self.reconciled(&format!("plan {turn}"), None)?;
        let is_mended = plan
            .items
            .iter()
            .any(|item| item.repair != reconcile::Repair::Look);
        self.hub.hit("reconcile compared");
        let agrees = plan.items.is_empty() && plan.unread.is_empty();
        if !waits && !agrees {
            let (invariant, detail) = (LOG_EQUALS_LEDGER, format!("reconcile: {plan:?}"));
            self.hub.violated(vec![Violation { invariant, detail }]);
            return Ok(false);
        }
        if is_mended {
            let applied = self.reconciled(&format!("apply {turn}"), Some(&plan.plan_hash))?;
            self.hub.hit("reconcile mended something");
            self.hub.note(|| format!("     reconcile: {applied:?}"));
        }
        // It may take back what came twice where that was accepted, and makes nothing.
        let after = self.hub.sandbox.effects();
        let is_made = |one: &&Effect| one.kind != EffectKind::MessageDelete && !before.contains(*one);
        if let Some(made) = after.iter().find(is_made) {
            let (invariant, detail) = (LOG_EQUALS_LEDGER, format!("reconcile made {made:?}"));
            self.hub.violated(vec![Violation { invariant, detail }]);
        }
        if after.len() > before.len() {
            self.hub.hit("reconcile took back what came twice");
        }
        self.line_up();
        Ok(is_mended)
    }

    fn reconciled(&self, id: &str, apply: Option<&str>) -> Result<reconcile::Plan> {
        let now_ms = self.hub.now_ms();
        // A life may have nothing to do at its very start, and a window must not be empty.
        let (since, until) = (printed(START_MS - 1_000)?, printed(now_ms)?);
        let event = json!({
            "source": "operator", "id": id, "org": "acme", "since": since, "until": until, "apply": apply,
        });
        let deadline_ms = now_ms + self.timeout_ms("reconcile");
        let plan = self.runtime.block_on(self.reconcile.call(event, deadline_ms));
        plan.map_err(|error| anyhow::anyhow!("comparison failed: {error}"))
    }

    /// Every webhook and every message once more, where the pattern says so.
    fn once_more(&self) -> Result<bool> {
        if self.script.pattern != Pattern::Again {
            return Ok(false);
        }
        let effects = self.hub.sandbox.read(|world| world.effects().len());
        let mut inner = self.hub.lock();
        if let Some((effects_then, rows_then)) = inner.at.host.then.clone() {
            let mut found = inner.at.host.shadow.changed_since(&rows_then);
            drop(inner);
            if effects != effects_then {
                let detail = format!("{effects} effects after a second run and {effects_then} before");
                found.push(detail);
            }
            let invariant = DUPLICATE_IS_SAME;
            let found = found.into_iter();
            self.hub
                .violated(found.map(|detail| Violation { invariant, detail }).collect());
            return Ok(false);
        }
        let due_ms = self.hub.now_ms();
        let host = &mut inner.at.host;
        host.then = Some((effects, host.shadow.clone()));
        let events = 0..host.events.len();
        host.deliveries.extend(events.map(|event| Delivery {
            event,
            due_ms,
            tries: 0,
        }));
        let sent: Vec<(String, String)> = host.sent.iter().cloned().collect();
        drop(inner);
        for (queue, body) in sent {
            self.hub.ask_sqs(
                "SendMessage",
                &json!({ "QueueUrl": Sqs::queue_url(&queue), "MessageBody": body }),
            );
        }
        self.line_up();
        Ok(true)
    }

    /// What is left in the queues.
    pub(super) fn left(&self) -> BTreeMap<String, Vec<String>> {
        self.hub.aws.sqs.read(|state| {
            state
                .queues
                .iter()
                .filter(|(_, queue)| !queue.messages.is_empty())
                .map(|(name, queue)| {
                    (
                        name.clone(),
                        queue
                            .messages
                            .values()
                            .map(|message| message.body.clone())
                            .collect(),
                    )
                })
                .collect()
        })
    }
}

/// The row stands in the index until somebody looks at it.
fn is_for_a_person(row: &Value) -> bool {
    let kind = row.pointer("/unfinished/S").and_then(Value::as_str);
    kind.is_some_and(|kind| ["review", "receipt"].iter().any(|word| kind.starts_with(word)))
}

fn printed(at_ms: Millis) -> Result<String> {
    let at = i64::try_from(at_ms)
        .ok()
        .and_then(chrono::DateTime::from_timestamp_millis);
    Ok(at.context("the clock stands at no time")?.to_rfc3339())
}
