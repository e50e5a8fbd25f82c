//! The one place that every outside call passes: its number, its fault, and what the search remembers.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use ratchet_guard::clock::{AttemptIds, Clock as _, ManualClock, Millis};

use super::dice::Chance;
use super::fault::{Fault, Plan};

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant's name.
    pub invariant: &'static str,
    /// What was seen.
    pub detail: String,
}

/// What happened over all schedules: proof that the search was not empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters(pub BTreeMap<String, u64>);

impl Counters {
    /// One more.
    pub fn hit(&mut self, what: impl Into<String>) {
        *self.0.entry(what.into()).or_default() += 1;
    }

    /// Those of another search too.
    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what.clone()).or_default() += times;
        }
    }
}

/// A request that was sent and has not landed yet.
#[derive(Debug, Clone)]
pub struct Held<L> {
    /// The point at which it was sent.
    pub point: u32,
    /// What it says.
    pub label: String,
    /// When it lands at the latest.
    pub due_ms: Millis,
    /// What lands.
    pub what: L,
}

/// Where a schedule stands: a plain value that is copied with its world.
#[derive(Debug, Clone)]
pub struct Mark<S, L> {
    /// Number of the next outside call.
    pub point: u32,
    /// Number of the next attempt id that is no invocation's.
    pub next_id: u64,
    /// Number of the next invocation.
    pub invocation: u32,
    /// On their way.
    pub held: Vec<Held<L>>,
    /// What is forbidden and happened.
    pub violations: Vec<Violation>,
    /// What the world remembers.
    pub host: S,
}

impl<S: Default, L> Default for Mark<S, L> {
    fn default() -> Self {
        Self {
            point: 0,
            next_id: 0,
            invocation: 0,
            held: Vec::new(),
            violations: Vec::new(),
            host: S::default(),
        }
    }
}

/// One invocation under way.
#[derive(Debug, Default)]
pub struct Run {
    /// The function's name.
    pub name: String,
    /// Number over the whole schedule.
    pub number: u32,
    /// When it is cut off.
    pub deadline_ms: Millis,
    /// Its process is gone.
    pub dead: bool,
    /// It must ask before each call.
    pub gated: bool,
    /// It asks now; the label of what it wants.
    pub waiting: Option<String>,
    /// It may.
    pub go: bool,
    /// A fault that lasts over the resends of a call.
    pub(super) lasting: Option<Fault>,
    /// A fingerprint of all that it was answered.
    pub heard: u64,
    /// How many attempt ids it has made.
    pub(super) ids: u64,
}

/// A call that was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Met {
    pub(super) point: u32,
    /// The place of its invocation among those that were under way.
    pub(super) run: usize,
    /// See [`super::Outside::is_read`].
    pub(super) is_read: bool,
}

/// What changes under one lock.
#[derive(Debug)]
pub struct Inner<S, L> {
    /// Where the schedule stands.
    pub at: Mark<S, L>,
    /// The faults to come.
    pub plan: Plan,
    /// Invocations under way.
    pub runs: Vec<Run>,
    /// The one that is polled now.
    pub(super) current: usize,
    /// What happened, over all schedules.
    pub counters: Counters,
    /// A line for each call, where lines are kept.
    pub trace: Option<Vec<String>>,
    /// Faults by chance, on top of the plan.
    pub chance: Option<Chance>,
    /// The calls since the plan was set.
    pub(super) calls: Vec<Met>,
}

/// See the module. `S` is what the world remembers, `L` a request that lands later.
#[derive(Debug)]
pub struct Points<S, L> {
    /// The only clock there is.
    pub clock: Arc<ManualClock>,
    inner: Mutex<Inner<S, L>>,
}

impl<S: Clone + Default, L: Clone> Points<S, L> {
    /// On this clock, before the first call.
    #[must_use]
    pub fn new(clock: Arc<ManualClock>) -> Self {
        let inner = Inner {
            at: Mark::default(),
            plan: Plan::default(),
            runs: Vec::new(),
            current: 0,
            counters: Counters::default(),
            trace: None,
            chance: None,
            calls: Vec::new(),
        };
        Self {
            clock,
            inner: Mutex::new(inner),
        }
    }

    /// Everything that is remembered.
    pub fn lock(&self) -> MutexGuard<'_, Inner<S, L>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where the schedule stands.
    pub fn save(&self) -> Mark<S, L> {
        self.lock().at.clone()
    }

    /// Goes back to where it stood then.
    pub fn load(&self, mark: &Mark<S, L>) {
        let mut inner = self.lock();
        inner.at = mark.clone();
        inner.runs.clear();
    }

    /// Sets the faults to come; with `traced`, a line is kept for each call from here on.
    pub fn begin(&self, plan: &Plan, traced: bool) {
        let mut inner = self.lock();
        inner.plan = plan.clone();
        inner.calls.clear();
        inner.trace = traced.then(Vec::new);
    }

    /// Now.
    pub fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }

    /// Moves the clock on to `to_ms`, never back.
    pub fn wait_until(&self, to_ms: Millis) {
        self.clock.set(self.now_ms().max(to_ms));
    }

    /// A line of the trace, where one is kept.
    pub fn note(&self, line: impl FnOnce() -> String) {
        if self.lock().trace.is_none() {
            return;
        }
        let line = line();
        if let Some(trace) = &mut self.lock().trace {
            trace.push(line);
        }
    }

    /// Counts that something happened.
    pub fn hit(&self, what: impl Into<String>) {
        self.lock().counters.hit(what);
    }

    /// Takes broken promises.
    pub fn violated(&self, found: Vec<Violation>) {
        for violation in found {
            self.note(|| format!("    VIOLATED {}: {}", violation.invariant, violation.detail));
            self.lock().at.violations.push(violation);
        }
    }

    /// Takes what is on its way and `which` picks, in the order in which it was sent.
    pub fn take_held(&self, which: impl Fn(&Held<L>) -> bool) -> Vec<Held<L>> {
        let mut inner = self.lock();
        let (taken, rest) = std::mem::take(&mut inner.at.held)
            .into_iter()
            .partition(|held| which(held));
        inner.at.held = rest;
        drop(inner);
        let taken: Vec<Held<L>> = taken;
        for held in &taken {
            self.note(|| {
                let now_ms = self.now_ms();
                format!("     {now_ms} landed late: point {} {}", held.point, held.label)
            });
        }
        taken
    }

    /// Something was answered to an invocation: what it knows is part of where it stands. The fields of a table's row
    /// come in any order, and mean the same in each.
    pub fn heard(&self, run: usize, answer: &[u8]) {
        use std::hash::Hasher as _;
        let mut inner = self.lock();
        if let Some(run) = inner.runs.get_mut(run)
            && run.gated
        {
            let sorted = serde_json::from_slice::<serde_json::Value>(answer).map(|mut value| {
                value.sort_all_objects();
                value.to_string()
            });
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u64(run.heard);
            hasher.write(sorted.as_deref().map_or(answer, str::as_bytes));
            run.heard = hasher.finish();
        }
    }

    /// Attempt ids that count: each invocation has its own, so that what one does before another changes no id of
    /// either, and the same schedule makes the same ids.
    pub fn fresh_id(&self) -> String {
        let mut inner = self.lock();
        let current = inner.current;
        if let Some(run) = inner.runs.get_mut(current) {
            run.ids += 1;
            return format!("attempt-{}-{}", run.number, run.ids);
        }
        inner.at.next_id += 1;
        format!("attempt-{}", inner.at.next_id)
    }

    /// The number of the invocation at this place; of none, the highest there is.
    pub fn run_number(&self, run: usize) -> u32 {
        self.lock().runs.get(run).map_or(u32::MAX, |run| run.number)
    }

    pub(super) fn current(&self) -> usize {
        self.lock().current
    }

    pub(super) fn deadline_ms(&self, run: usize) -> Millis {
        self.lock().runs.get(run).map_or(0, |run| run.deadline_ms)
    }

    pub(super) fn hold(&self, point: u32, label: &str, (what, due_ms): (L, Millis)) {
        let label = label.to_owned();
        self.lock().at.held.push(Held {
            point,
            label,
            due_ms,
            what,
        });
    }

    /// Numbers the call and says what happens to it.
    pub(super) fn meet(&self, run: usize, resend: bool, label: &str) -> (u32, Option<Fault>) {
        let now_ms = self.now_ms();
        let mut inner = self.lock();
        let point = inner.at.point;
        inner.at.point += 1;
        let thrown = inner.chance.as_mut().and_then(Chance::roll);
        let planned = inner.plan.0.get(&point).copied().or(thrown);
        let mut fault = planned;
        let mut name = String::new();
        if let Some(run) = inner.runs.get_mut(run) {
            if !resend {
                run.lasting = None;
            }
            if let Some(fault) = planned.filter(|fault| fault.lasts()) {
                run.lasting = Some(fault);
            }
            fault = planned.or(run.lasting);
            name = format!("{}/{}", run.name, run.number);
        }
        if let Some(fault) = fault {
            inner.counters.hit(format!("fault {}", fault.as_str()));
        }
        if let Some(trace) = &mut inner.trace {
            let fault = fault.map_or_else(String::new, |fault| format!("  << {}", fault.as_str()));
            trace.push(format!("{point:4} {now_ms} {name:14} {label}{fault}"));
        }
        (point, fault)
    }

    /// Waits until the scheduler lets this run make its call.
    pub(super) async fn permission(&self, run: usize, label: &str) {
        {
            let mut inner = self.lock();
            let Some(state) = inner.runs.get_mut(run) else {
                return;
            };
            if !state.gated {
                return;
            }
            state.waiting = Some(label.to_owned());
        }
        poll_fn(|_| {
            let mut inner = self.lock();
            match inner.runs.get_mut(run) {
                Some(state) if !state.go => Poll::Pending,
                Some(state) => {
                    state.go = false;
                    state.waiting = None;
                    Poll::Ready(())
                }
                None => Poll::Ready(()),
            }
        })
        .await;
    }
}

/// The schedule's attempt ids, for a guard.
#[derive(Debug)]
pub struct Ids<S, L>(pub Arc<Points<S, L>>);

impl<S, L> AttemptIds for Ids<S, L>
where
    S: Clone + Default + Send,
    L: Clone + Send,
{
    fn fresh(&self) -> String {
        self.0.fresh_id()
    }
}
