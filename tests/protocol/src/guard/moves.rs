//! Building the states that follow one state.

use super::rules::{Fault, Guard};
use super::state::{At, Orphan, State, Wire, Worker};
use crate::protocol::Step;

/// Collects the steps out of one state.
pub(super) struct Moves<'a> {
    pub(super) guard: &'a Guard,
    pub(super) from: &'a State,
    pub(super) out: &'a mut Vec<Step<State>>,
}

impl Moves<'_> {
    /// A step that nothing prevents.
    pub(super) fn step(&mut self, name: &'static str, who: u8, next: State) {
        self.push(name, who, false, next);
    }

    /// A step that may happen, and that nothing may depend on.
    pub(super) fn chance(&mut self, name: &'static str, who: u8, next: State) {
        self.push(name, who, true, next);
    }

    /// A step that takes one of the run's faults, if that kind may happen.
    pub(super) fn fault(&mut self, kind: Fault, name: &'static str, who: u8, mut next: State) {
        if self.may(kind) {
            next.faults -= 1;
            self.push(name, who, true, next);
        }
    }

    /// A fault of that kind may happen now.
    pub(super) fn may(&self, kind: Fault) -> bool {
        self.from.faults > 0 && self.guard.kinds.contains(&kind)
    }

    fn push(&mut self, name: &'static str, who: u8, chance: bool, mut next: State) {
        next.workers.sort_unstable();
        next.orphans.sort_unstable();
        self.out.push(Step {
            name,
            who,
            chance,
            next,
        });
    }

    /// The state in which that attempt is gone.
    pub(super) fn without(&self, index: usize) -> State {
        let mut next = self.from.clone();
        next.workers.remove(index);
        next
    }

    /// The state in which that attempt has become `worker`.
    pub(super) fn with(&self, index: usize, worker: Worker) -> State {
        let mut next = self.without(index);
        next.workers.push(worker);
        next
    }

    /// The state in which that attempt has gone on to `at`.
    pub(super) fn at(&self, index: usize, worker: &Worker, at: At) -> State {
        self.with(index, Worker { at, ..worker.clone() })
    }

    /// Leaves the attempt's request behind, if one is under way.
    pub(super) fn orphan(&self, next: &mut State, worker: &Worker) {
        if worker.at == At::Waiting(Wire::Flying) {
            next.orphans.push(Orphan {
                left: self.guard.timing.request_life,
                intent: worker.intent,
            });
        }
    }
}
