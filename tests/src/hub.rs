//! The one place that every outside call passes: it numbers the call, lets its fault happen, and looks at what was
//! applied.

mod aws;
mod provider;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use bytes::Bytes;
use local::aws::{Aws, Broken, Call, Choke, Next, Reply};
use local::sandbox::Sandbox;
use ratchet_guard::clock::{AttemptIds, Clock as _, ManualClock, Millis};
use ratchet_providers::transport::{Transport, TransportError};

use crate::fault::{Fault, Plan};
use crate::host::{Counters, Held, HeldRequest, Host, Violation};
use crate::seeds::Chance;
use crate::variant::Variant;

/// One invocation under way.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The function's name.
    pub(crate) name: String,
    /// Number over the whole schedule.
    pub(crate) number: u32,
    /// When it is cut off.
    pub(crate) deadline_ms: Millis,
    /// Its process is gone.
    pub(crate) dead: bool,
    /// It must ask before each call.
    pub(crate) gated: bool,
    /// It asks now; the label of what it wants.
    pub(crate) waiting: Option<String>,
    /// It may.
    pub(crate) go: bool,
    /// A fault that lasts over the resends of a call.
    pub(crate) lasting: Option<Fault>,
    /// A fingerprint of all that it was answered.
    pub(crate) heard: u64,
}

/// What a hub changes under one lock.
pub(crate) struct Inner {
    pub(crate) host: Host,
    pub(crate) plan: Plan,
    pub(crate) runs: Vec<Run>,
    pub(crate) current: usize,
    pub(crate) counters: Counters,
    pub(crate) trace: Option<Vec<String>>,
    /// Faults by chance, on top of the plan.
    pub(crate) chance: Option<Chance>,
    /// Faults that happened, by point.
    pub(crate) fired: BTreeMap<u32, Fault>,
}

/// See the module.
pub(crate) struct Hub {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) aws: Aws,
    pub(crate) sandbox: Sandbox,
    pub(crate) variant: Variant,
    inner: Mutex<Inner>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hub")
    }
}

/// How one call ends.
enum Verdict<T> {
    /// With this.
    Answer(T),
    /// Not at all: the process is gone.
    Gone,
}

impl Hub {
    pub(crate) fn new(clock: Arc<ManualClock>, aws: Aws, sandbox: Sandbox, variant: Variant) -> Self {
        let inner = Inner {
            host: Host::default(),
            plan: Plan::default(),
            runs: Vec::new(),
            current: 0,
            counters: Counters::default(),
            trace: None,
            chance: None,
            fired: BTreeMap::new(),
        };
        Self {
            clock,
            aws,
            sandbox,
            variant,
            inner: Mutex::new(inner),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }

    /// A line of the trace, where one is kept.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        let mut inner = self.lock();
        if inner.trace.is_some() {
            let line = line();
            if let Some(trace) = &mut inner.trace {
                trace.push(line);
            }
        }
    }

    pub(crate) fn violated(&self, found: Vec<Violation>) {
        for violation in found {
            self.note(|| format!("    VIOLATED {}: {}", violation.invariant, violation.detail));
            self.lock().host.violations.push(violation);
        }
    }

    /// Numbers the call and says what happens to it.
    fn meet(&self, run: usize, resend: bool, label: &str) -> (u32, Option<Fault>) {
        let mut inner = self.lock();
        let point = inner.host.point;
        inner.host.point += 1;
        let thrown = inner.chance.as_mut().and_then(Chance::roll);
        let planned = inner.plan.0.get(&point).copied().or(thrown);
        let now_ms = self.now_ms();
        let name = match inner.runs.get_mut(run) {
            Some(run) => {
                if !resend {
                    run.lasting = None;
                }
                if let Some(fault) = planned.filter(|fault| fault.lasts()) {
                    run.lasting = Some(fault);
                }
                format!("{}/{}", run.name, run.number)
            }
            None => String::new(),
        };
        let fault = planned.or_else(|| inner.runs.get(run).and_then(|run| run.lasting));
        if let Some(fault) = fault {
            inner.fired.insert(point, fault);
            inner.counters.hit(format!("fault {}", fault.as_str()));
        }
        if let Some(trace) = &mut inner.trace {
            let fault = fault.map_or_else(String::new, |fault| format!("  << {}", fault.as_str()));
            trace.push(format!("{point:4} {now_ms} {name:14} {label}{fault}"));
        }
        (point, fault)
    }

    fn die(&self, run: usize) {
        let mut inner = self.lock();
        if let Some(run) = inner.runs.get_mut(run) {
            run.dead = true;
        }
    }

    fn deadline_ms(&self, run: usize) -> Millis {
        self.lock().runs.get(run).map_or(0, |run| run.deadline_ms)
    }

    fn hold(&self, point: u32, label: &str, due_ms: Millis, what: HeldRequest) {
        self.lock().host.held.push(Held {
            point,
            label: label.to_owned(),
            due_ms,
            what,
        });
    }

    /// Moves the clock on to `to_ms`, never back.
    fn wait_until(&self, to_ms: Millis) {
        self.clock.set(self.now_ms().max(to_ms));
    }

    /// Lets a held request land.
    pub(crate) fn land(&self, held: Held) {
        self.note(|| {
            format!(
                "     {} landed late: point {} {}",
                self.now_ms(),
                held.point,
                held.label
            )
        });
        match held.what {
            HeldRequest::Aws(call, next) => {
                self.apply_aws(usize::MAX, &call, &next);
            }
            HeldRequest::Provider(request) => {
                self.apply_provider(usize::MAX, &request);
            }
        }
    }

    /// Waits until the scheduler lets this run make its call.
    async fn permission(&self, run: usize, label: &str) {
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

    fn heard(&self, run: usize, answer: &[u8]) {
        use std::hash::Hasher as _;
        let mut inner = self.lock();
        if let Some(run) = inner.runs.get_mut(run)
            && run.gated
        {
            let mut hasher = std::hash::DefaultHasher::new();
            hasher.write_u64(run.heard);
            hasher.write(answer);
            run.heard = hasher.finish();
        }
    }

    fn current(&self) -> usize {
        self.lock().current
    }
}

#[async_trait]
impl Choke for Hub {
    async fn around(&self, call: &Call, next: Next) -> Result<Reply, Broken> {
        let run = self.current();
        let label = aws::label(call);
        self.permission(run, &label).await;
        let verdict = self.decide_aws(run, call, &next, &label);
        match verdict {
            Verdict::Answer(answer) => answer,
            Verdict::Gone => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Transport for Hub {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        let run = self.current();
        let label = provider::label(&request);
        self.permission(run, &label).await;
        let verdict = self.decide_provider(run, request, &label);
        match verdict {
            Verdict::Answer(answer) => answer,
            Verdict::Gone => std::future::pending().await,
        }
    }
}

/// Attempt ids that count, from the schedule's own counter: the same schedule makes the same ids.
pub(crate) struct Ids(pub(crate) Arc<Hub>);

impl AttemptIds for Ids {
    fn fresh(&self) -> String {
        let mut inner = self.0.lock();
        inner.host.next_id += 1;
        format!("attempt-{}", inner.host.next_id)
    }
}
