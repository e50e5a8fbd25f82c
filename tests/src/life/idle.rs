//! Nothing is due: what a sweep brings back, then a redrive of dead letters, then everything once more.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::Result;
use local::sqs::Sqs;
use ratchet_domain::stage::Stage;
use ratchet_guard::Ledger;
use ratchet_guard::clock::{Clock, ManualClock, Millis};
use ratchet_guard::intake::{Admission, Intake};
use ratchet_guard::record::Unfinished;
use ratchet_guard::timing::Timing;
use serde_json::json;

use crate::host::{Delivery, Violation};
use crate::hub::Ids;
use crate::invariants::DUPLICATE_IS_SAME;
use crate::script::Pattern;
use crate::world::World;

/// Further ahead than any wait that a ticket's life knows, in ms.
const FAR_MS: Millis = 10 * 365 * 86_400_000;

/// Sweeps in a row that may find the same work before it counts as stuck.
const SWEEPS_MAX: u32 = 12;

/// Sends messages of unfinished work again; the operator's function does the same on a schedule.
pub(crate) trait Sweep {
    /// How many messages were sent, and when the next piece of unfinished work is due.
    ///
    /// # Errors
    /// When the tables or the queues do not answer.
    fn sweep(&self, world: &World) -> Result<(usize, Option<Millis>)>;
}

/// Events past their hand-over and ledger rows past their time.
pub(crate) struct ByIndex;

impl Sweep for ByIndex {
    fn sweep(&self, world: &World) -> Result<(usize, Option<Millis>)> {
        let link = world.hub.aws.link();
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&world.hub.clock);
        let ids = Arc::new(Ids(Arc::clone(&world.hub)));
        let intake = Intake::new(
            link.dynamo(),
            "EventsTable",
            Arc::clone(&clock),
            Arc::<Ids>::clone(&ids),
            30_000,
            3_456_000,
        );
        let timing = Timing {
            request_life_ms_max: 60_000,
            lease_margin_ms: 5_000,
            backoff_ms_base: 2_000,
            backoff_ms_max: 900_000,
            attempts_max: 8,
        };
        let ledger = Ledger::new(link.dynamo(), "LedgerTable", clock, ids, timing);
        world.runtime.block_on(by_index(world, &intake, &ledger))
    }
}

async fn by_index(world: &World, intake: &Intake, ledger: &Ledger) -> Result<(usize, Option<Millis>)> {
    let now_ms = world.hub.now_ms();
    let (mut sent, mut next): (usize, Option<Millis>) = (0, None);
    let mut later = |due: Millis| next = Some(next.map_or(due, |next| next.min(due)));
    for shard in Ledger::shards() {
        let (waiting, _) = intake.waiting(shard, now_ms + FAR_MS, None).await?;
        for event in waiting {
            if event.due_at > now_ms {
                later(event.due_at);
            } else if let Admission::HandOver(_) = intake.take_over(&event.key, event.due_at).await? {
                world.send_again(&event.stage, &event.message);
                sent += 1;
            }
        }
        for kind in [Unfinished::Claimed, Unfinished::Waiting] {
            for record in ledger
                .unfinished(kind, shard, now_ms + FAR_MS, None)
                .await?
                .records
            {
                match record.due_at {
                    Some(due) if due > now_ms => later(due),
                    _ => {
                        world.send_again(&record.stage, &record.message);
                        sent += 1;
                    }
                }
            }
        }
    }
    Ok((sent, next))
}

impl World {
    pub(super) fn idle(&self) -> Result<bool> {
        let (sent, next) = ByIndex.sweep(self)?;
        if sent > 0 {
            self.hub.lock().counters.hit("sweep sent again");
            self.hub
                .note(|| format!("     {} a sweep sends {sent} again", self.hub.now_ms()));
            self.line_up();
            let mut inner = self.hub.lock();
            inner.host.stage += 1;
            return Ok(inner.host.stage < SWEEPS_MAX * 4);
        }
        if let Some(due) = next {
            self.hub.clock.set(due);
            let mut inner = self.hub.lock();
            inner.host.sweeps += 1;
            return Ok(inner.host.sweeps < SWEEPS_MAX);
        }
        if self.redrive() {
            return Ok(true);
        }
        self.once_more()
    }

    fn send_again(&self, stage: &str, message: &str) {
        if let Some(queue) = Stage::from_name(stage).and_then(|stage| self.queues.get(&stage)) {
            self.hub.ask_sqs(
                "SendMessage",
                &json!({ "QueueUrl": Sqs::queue_url(queue), "MessageBody": message }),
            );
        }
    }

    /// Moves dead letters back once; whether there were any.
    fn redrive(&self) -> bool {
        let dead: Vec<String> = self
            .left()
            .into_keys()
            .filter(|name| name.contains("Dlq"))
            .collect();
        let mut inner = self.hub.lock();
        if dead.is_empty() || inner.host.stage >= 1_000 {
            return false;
        }
        inner.host.stage += 1_000;
        inner.counters.hit("redrive");
        drop(inner);
        for name in dead {
            self.hub.ask_sqs(
                "StartMessageMoveTask",
                &json!({ "SourceArn": local::sqs::arn(&name) }),
            );
        }
        self.hub.clock.advance(60_000);
        true
    }

    /// Every webhook and every message once more, where the pattern says so.
    fn once_more(&self) -> Result<bool> {
        if self.script.pattern != Pattern::Again {
            return Ok(false);
        }
        let effects = self.hub.sandbox.effects().len();
        let before = self.hub.lock().host.effects_then;
        match before {
            None => {
                let now_ms = self.hub.now_ms();
                let sent: Vec<(String, String)> = {
                    let mut inner = self.hub.lock();
                    inner.host.effects_then = Some(effects);
                    for event in 0..inner.host.events.len() {
                        inner.host.deliveries.push(Delivery {
                            event,
                            due_ms: now_ms,
                            tries: 0,
                        });
                    }
                    inner.host.sent.iter().cloned().collect()
                };
                for (queue, body) in sent {
                    self.hub.ask_sqs(
                        "SendMessage",
                        &json!({ "QueueUrl": Sqs::queue_url(&queue), "MessageBody": body }),
                    );
                }
                self.line_up();
                Ok(true)
            }
            Some(then) if then != effects => {
                let detail = format!("{effects} effects after a second run and {then} before");
                self.hub.violated(vec![Violation {
                    invariant: DUPLICATE_IS_SAME,
                    detail,
                }]);
                Ok(false)
            }
            Some(_) => Ok(false),
        }
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
