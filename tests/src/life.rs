//! A life: what happens next, until nothing is left to do.

mod deliver;
mod idle;
mod people;

use anyhow::{Result, bail};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::Millis;

use crate::host::HeldRequest;
use crate::host::Violation;
use crate::invariants::{self, CALLS_BOUNDED, End};
use crate::world::{REPOS, World};

/// The coarse grid of time, in ms: longer than two recoveries.
const GRID_MS: Millis = 14_400_000;

/// Steps after which a life is taken to be without end.
const STEPS_MAX: u32 = 2_000;

/// Outside calls that a ticket may cost: without faults about 100, and the rest for recoveries and deliveries.
const CALLS_MAX: u32 = 900;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Land(usize),
    Webhook(usize),
    Queue(Stage),
}

impl World {
    /// Does the next thing; false when nothing is left.
    pub(crate) fn step(&self) -> Result<bool> {
        self.people();
        self.announce();
        let Some((at_ms, next)) = self.next() else {
            return self.idle();
        };
        self.hub.clock.set(self.hub.now_ms().max(at_ms));
        match next {
            Next::Land(at) => {
                let held = self.hub.lock().host.held.remove(at);
                self.hub.land(held);
            }
            Next::Webhook(at) => self.deliver_webhook(at)?,
            Next::Queue(stage) => self.deliver_messages(stage)?,
        }
        self.hub.lock().host.sweeps = 0;
        self.line_up();
        Ok(true)
    }

    /// Runs to the end and applies the rules of the end.
    pub(crate) fn finish(&self) -> Result<()> {
        for _ in 0..STEPS_MAX {
            if !self.step()? {
                self.end();
                return Ok(());
            }
        }
        let found = Violation {
            invariant: invariants::PROGRESS,
            detail: format!("no end after {STEPS_MAX} steps"),
        };
        self.hub.violated(vec![found]);
        Ok(())
    }

    /// The rules of the end.
    pub(crate) fn end(&self) {
        let (shadow, acked, calls) = {
            let inner = self.hub.lock();
            (
                inner.host.shadow.clone(),
                inner.host.acked.clone(),
                inner.host.point,
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
            left: &left,
            acked: &acked,
            repos: REPOS.len(),
            poison: &poison,
        });
        found.extend(invariants::usage(&self.hub.scan("UsageTable")));
        found.extend(self.hub.sandbox.read(|world| invariants::effects(world, &all)));
        if calls > CALLS_MAX * self.script.tickets {
            found.push(Violation {
                invariant: CALLS_BOUNDED,
                detail: format!("{calls} calls"),
            });
        }
        self.hub.violated(found);
    }

    fn next(&self) -> Option<(Millis, Next)> {
        let now_ms = self.hub.now_ms();
        let mut choices: Vec<(Millis, u8, Next)> = Vec::new();
        {
            let inner = self.hub.lock();
            let host = &inner.host;
            choices.extend(
                host.held
                    .iter()
                    .enumerate()
                    .map(|(at, held)| (held.due_ms, 0, Next::Land(at))),
            );
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

    /// Whether something is on its way that will land by itself.
    pub(crate) fn holds_something(&self) -> bool {
        let inner = self.hub.lock();
        inner
            .host
            .held
            .iter()
            .any(|held| matches!(held.what, HeldRequest::Aws(..) | HeldRequest::Provider(_)))
    }

    /// Polls invocations until all of them are answered or gone. With `turns`, each call asks first and `turns` picks
    /// whose turn it is among those that ask.
    pub(crate) fn drive(
        &self,
        invocations: Vec<(String, Millis, crate::world::Invocation)>,
        mut turns: Option<&mut dyn FnMut(&World, &[usize]) -> Option<usize>>,
    ) -> Result<Vec<Option<crate::world::Told>>> {
        use std::task::{Context, Poll, Waker};
        let gated = turns.is_some();
        let mut told: Vec<Option<crate::world::Told>> = Vec::new();
        let mut futures = Vec::new();
        {
            let mut inner = self.hub.lock();
            inner.runs.clear();
            for (name, deadline_ms, future) in invocations {
                let number = inner.host.invocation;
                inner.host.invocation += 1;
                inner.runs.push(crate::hub::Run {
                    name,
                    number,
                    deadline_ms,
                    gated,
                    ..crate::hub::Run::default()
                });
                futures.push(Some(future));
                told.push(None);
            }
        }
        let _entered = self.runtime.enter();
        let mut context = Context::from_waker(Waker::noop());
        let mut pick: Vec<usize> = (0..futures.len()).collect();
        loop {
            for at in pick.drain(..) {
                self.hub.lock().current = at;
                let Some(Some(future)) = futures.get_mut(at) else {
                    continue;
                };
                let polled = future.as_mut().poll(&mut context);
                let (dead, waits) = {
                    let inner = self.hub.lock();
                    inner
                        .runs
                        .get(at)
                        .map_or((true, false), |run| (run.dead, run.waiting.is_some()))
                };
                let over = match polled {
                    Poll::Ready(answer) => {
                        if let Some(slot) = told.get_mut(at) {
                            *slot = Some(answer?);
                        }
                        true
                    }
                    Poll::Pending if dead => true,
                    Poll::Pending if waits => false,
                    Poll::Pending => {
                        bail!("an invocation waits for something that the harness does not know")
                    }
                };
                if over && let Some(slot) = futures.get_mut(at) {
                    *slot = None;
                }
            }
            let waiting: Vec<usize> = futures
                .iter()
                .enumerate()
                .filter(|(_, slot)| slot.is_some())
                .map(|(at, _)| at)
                .collect();
            if waiting.is_empty() {
                break;
            }
            let Some(turns) = turns.as_mut() else {
                bail!("an invocation waits without turns")
            };
            let Some(next) = turns(self, &waiting) else { break };
            if let Some(run) = self.hub.lock().runs.get_mut(next) {
                run.go = true;
            }
            pick.push(next);
        }
        Ok(told)
    }
}
