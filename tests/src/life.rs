//! A life: what happens next, until nothing is left to do.

mod deliver;
mod idle;
mod people;

use anyhow::Result;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::Millis;

use crate::engine::{Life, Violation};
use crate::host::{HeldRequest, Host};
use crate::hub::TicketPoints;
use crate::invariants::{self, CALLS_BOUNDED, End};
use crate::likeness;
use crate::world::{Node, REPOS, World};

/// The coarse grid of time, in ms: longer than two recoveries.
const GRID_MS: Millis = 14_400_000;

/// Outside calls that a ticket may cost: without faults about 100, and the rest for recoveries and deliveries. A message
/// that is delivered twice is handed on twice, so doubled deliveries at each of seven stages multiply: the most that
/// 1,500 seeds came to is 1,103. What never ends passes any bound.
const CALLS_MAX: u32 = 1_500;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// What was sent at this point.
    Land(u32),
    Webhook(usize),
    Queue(Stage),
}

impl Life for World {
    type State = Host;
    type Late = HeldRequest;
    type Node = Node;

    fn points(&self) -> &TicketPoints {
        &self.hub.points
    }

    fn frame(&self) -> String {
        format!("{}/{}", self.hub.variant.as_str(), self.script.print())
    }

    fn start(&self) -> Node {
        self.start.clone()
    }

    fn fork(&self) -> Result<Node> {
        self.save()
    }

    fn back_to(&self, node: &Node) -> Result<()> {
        self.load(node)
    }

    fn likeness(&self) -> Option<[u8; 16]> {
        likeness::of(self)
    }

    fn step(&self) -> Result<bool> {
        self.people();
        self.announce();
        let Some((at_ms, next)) = self.next() else {
            return self.idle();
        };
        self.hub.clock.set(self.hub.now_ms().max(at_ms));
        match next {
            Next::Land(at) => {
                let due = self.hub.take_held(|held| held.point == at);
                self.hub.land(due);
            }
            Next::Webhook(at) => self.deliver_webhook(at)?,
            Next::Queue(stage) => self.deliver_messages(stage)?,
        }
        self.hub.lock().at.host.sweeps = 0;
        self.line_up();
        Ok(true)
    }

    fn check(&self) {
        let (shadow, acked, calls, slept) = {
            let inner = self.hub.lock();
            (
                inner.at.host.shadow.clone(),
                inner.at.host.acked.clone(),
                inner.at.point,
                inner.at.host.slept,
            )
        };
        let events = self.hub.scan("EventsTable");
        let all = self.hub.sandbox.effects();
        let left = self.left();
        let acked = self.tickets_of(&acked);
        let poison = std::collections::BTreeSet::new();
        let mut found = invariants::at_the_end(&End {
            shadow: &shadow,
            events: &events,
            effects: &all,
            slept,
            left: &left,
            acked: &acked,
            repos: REPOS.len(),
            poison: &poison,
        });
        found.extend(invariants::usage(&self.hub.scan("UsageTable")));
        found.extend(
            self.hub
                .sandbox
                .read(|world| invariants::effects(world, &all, slept)),
        );
        if calls > CALLS_MAX * self.script.tickets {
            found.push(Violation {
                invariant: CALLS_BOUNDED,
                detail: format!("{calls} calls"),
            });
        }
        self.hub.violated(found);
    }
}

impl World {
    fn next(&self) -> Option<(Millis, Next)> {
        let now_ms = self.hub.now_ms();
        let mut choices: Vec<(Millis, u8, Next)> = Vec::new();
        {
            let inner = self.hub.lock();
            let held = inner.at.held.iter();
            choices.extend(held.map(|held| (held.due_ms, 0, Next::Land(held.point))));
            let host = &inner.at.host;
            let webhooks = host.deliveries.iter().enumerate();
            choices.extend(webhooks.map(|(at, one)| (one.due_ms.max(now_ms), 1, Next::Webhook(at))));
        }
        self.hub.aws.sqs.read(|state| {
            for (place, (stage, name)) in self.queues.iter().enumerate() {
                let times = state
                    .queues
                    .get(name)
                    .into_iter()
                    .flat_map(|queue| queue.messages.values());
                if let Some(at_ms) = times.map(|message| message.visible_ms).min() {
                    let order = u8::try_from(place).unwrap_or(u8::MAX).saturating_add(2);
                    choices.push((at_ms.max(now_ms), order, Next::Queue(*stage)));
                }
            }
        });
        // A held write of AWS waits for another attempt; it is no reason to move the clock while other things wait.
        choices.sort_by_key(|(at_ms, order, _)| (*at_ms, *order));
        choices.into_iter().next().map(|(at_ms, _, next)| (at_ms, next))
    }

    /// The next mark of the grid after `at_ms`.
    fn mark_after(&self, at_ms: Millis) -> Millis {
        if self.script.grid {
            (at_ms / GRID_MS + 1) * GRID_MS
        } else {
            at_ms
        }
    }
}
