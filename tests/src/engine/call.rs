//! One outside call, and what each fault makes of it.

use ratchet_guard::clock::Millis;

use super::fault::Fault;
use super::points::{Held, Met, Points};

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

    /// It changes nothing at its service, so that it makes no difference whether a caller that dies had it done.
    fn is_read(&self) -> bool {
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
        self.lock().calls.push(Met {
            point,
            run,
            is_read: call.is_read(),
        });
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use anyhow::Result;
    use ratchet_guard::clock::ManualClock;

    use super::*;
    use crate::engine::{Invocation, Plan, in_turns};

    /// A call that is answered with what has landed late so far.
    struct Asks(Arc<Points<Vec<u32>, u32>>);

    impl Outside for Asks {
        type Answer = Vec<u32>;
        type Late = u32;

        fn label(&self) -> String {
            "asks".to_owned()
        }

        fn apply(&self, _: usize) -> Vec<u32> {
            self.0.lock().at.host.clone()
        }

        fn refused(&self, _: usize, _: u32, _: Fault) -> Vec<u32> {
            Vec::new()
        }

        fn lost(&self, _: usize, _: Fault) -> Vec<u32> {
            Vec::new()
        }

        fn timed_out(&self) -> Vec<u32> {
            Vec::new()
        }

        fn timeout_ms(&self) -> Millis {
            20
        }

        fn late(&self, now_ms: Millis, _: Millis) -> (u32, Millis) {
            (7, now_ms + 500)
        }

        fn land(&self, due: Vec<Held<u32>>) {
            self.0
                .lock()
                .at
                .host
                .extend(due.into_iter().map(|held| held.what));
        }
    }

    #[test]
    fn request_on_its_way_has_landed_when_another_hung_past_its_time() {
        let points = Arc::new(Points::new(Arc::new(ManualClock::at(0))));
        let plan = Plan::default().with(0, Fault::Late).with(1, Fault::Slow);
        points.begin(&plan, false);
        let invocation = |deadline_ms| {
            let asks = Asks(Arc::clone(&points));
            let future = Box::pin(async move { Ok(asks.0.pass(&asks).await) });
            Invocation {
                name: "asks".to_owned(),
                deadline_ms,
                future: future as std::pin::Pin<Box<dyn Future<Output = Result<Vec<u32>>>>>,
            }
        };
        let all = [100, 1_000, 2_000].map(invocation);
        let told = points.drive(all.into(), &mut in_turns()).unwrap();
        assert_eq!(told, [Some(Vec::new()), None, Some(vec![7])]);
    }
}
