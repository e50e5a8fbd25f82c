//! One outside call, and what each fault makes of it.

use ratchet_guard::clock::Millis;

use super::fault::Fault;
use super::points::{Held, Points};

/// One outside call, as the faults treat it. `run` is the place of the invocation that makes it.
pub trait Outside: Send + Sync {
    /// What its caller is told.
    type Answer: Send;
    /// What is left of it when it lands later.
    type Late: Clone;

    /// What it says, in one line.
    fn label(&self) -> String;

    /// The same call as before, sent again by the caller's client: a fault that lasts meets it too.
    fn is_resend(&self) -> bool {
        false
    }

    /// The service does it, the rules that hold at every instant are checked, and this is its answer.
    fn apply(&self, run: usize) -> Self::Answer;

    /// The service says no and does nothing; the number of the point picks the kind of no.
    fn refused(&self, run: usize, point: u32, fault: Fault) -> Self::Answer;

    /// It is applied, and the caller is not told; [`Fault::Lost`] may differ from [`Fault::LostOnce`].
    fn lost(&self, run: usize, fault: Fault) -> Self::Answer;

    /// The caller's client gave up waiting.
    fn timed_out(&self) -> Self::Answer;

    /// How long the caller's client waits, in ms.
    fn timeout_ms(&self) -> Millis;

    /// What lands later, and the latest instant at which it does, when it was sent now by an invocation that is cut
    /// off at `end_ms`.
    fn late(&self, now_ms: Millis, end_ms: Millis) -> (Self::Late, Millis);

    /// Has these land, which were on their way for as long as they could be.
    fn land(&self, due: Vec<Held<Self::Late>>);
}

/// How one call ends.
enum Verdict<A> {
    /// With this.
    Answer(A),
    /// Not at all: the process is gone.
    Gone,
}

impl<S: Clone + Default, L: Clone> Points<S, L> {
    /// Has the call made: it waits for its turn where invocations go in turns, is numbered, and meets its fault. A
    /// caller whose process is gone is never answered.
    pub async fn pass<O: Outside<Late = L>>(&self, call: &O) -> O::Answer {
        let run = self.current();
        let label = call.label();
        self.permission(run, &label).await;
        // While another invocation hung, the clock went past the time at which these have landed.
        let now_ms = self.now_ms();
        let due = self.take_held(|held| held.due_ms <= now_ms);
        if !due.is_empty() {
            call.land(due);
        }
        let verdict = self.decide(run, call, &label);
        match verdict {
            Verdict::Answer(answer) => answer,
            Verdict::Gone => std::future::pending().await,
        }
    }

    fn decide<O: Outside<Late = L>>(&self, run: usize, call: &O, label: &str) -> Verdict<O::Answer> {
        let (point, fault) = self.meet(run, call.is_resend(), label);
        let end_ms = self.deadline_ms(run);
        let Some(fault) = fault else {
            return Verdict::Answer(call.apply(run));
        };
        self.heard(run, fault.as_str().as_bytes());
        match fault {
            Fault::CrashBefore => self.gone(run),
            Fault::CrashAfter => {
                call.apply(run);
                self.gone(run)
            }
            Fault::Refused | Fault::Down => Verdict::Answer(call.refused(run, point, fault)),
            Fault::LostOnce | Fault::Lost => Verdict::Answer(call.lost(run, fault)),
            Fault::Late => {
                self.hold(point, label, call.late(self.now_ms(), end_ms));
                self.wait_until((self.now_ms() + call.timeout_ms()).min(end_ms));
                Verdict::Answer(call.timed_out())
            }
            Fault::Slow => {
                self.wait_until(end_ms);
                self.gone(run)
            }
            Fault::SlowApplied => {
                call.apply(run);
                self.wait_until(end_ms);
                self.gone(run)
            }
            Fault::SlowLate => {
                self.hold(point, label, call.late(self.now_ms(), end_ms));
                self.wait_until(end_ms);
                self.gone(run)
            }
        }
    }

    fn gone<A>(&self, run: usize) -> Verdict<A> {
        if let Some(run) = self.lock().runs.get_mut(run) {
            run.dead = true;
        }
        Verdict::Gone
    }
}
