//! The queue's side: copies of one message, receives, waits, dead letters, and bringing them back.

pub mod rules;

use stateright::Property;

use crate::protocol::{Checked, Protocol, Step};
use rules::{Broken, DEAD_IS_SETTLED, Fault, GONE_IS_SETTLED, ONE_EFFECT, Redrive};

/// Ticks of a lease, and of the wait after an attempt that died.
const LEASE: u8 = 2;
/// Ticks of the wait after an attempt that ended without an effect.
const BACKOFF: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Row {
    Absent,
    Claimed,
    Sealed,
    Parked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Place {
    /// In the queue; ticks until it can be received.
    Queue(u8),
    /// With an attempt that has not claimed yet.
    Received,
    /// With an attempt that holds the claim.
    Works,
    /// In the dead-letter queue.
    Dead,
}

/// One copy of the message. A standard queue may bring a message more than once, and a sweep sends it again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Copied {
    place: Place,
    receives: u8,
}

/// A state of the queue's model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    row: Row,
    lease: u8,
    attempts: u8,
    copies: Vec<Copied>,
    effects: u8,
    faults: u8,
}

impl State {
    fn is_settled(&self) -> bool {
        matches!(self.row, Row::Sealed | Row::Parked)
    }
}

struct Moves<'a> {
    model: &'a Redrive,
    from: &'a State,
    out: &'a mut Vec<Step<State>>,
}

impl Moves<'_> {
    fn step(&mut self, name: &'static str, mut next: State) {
        next.copies.sort_unstable();
        self.out.push(Step {
            name,
            who: 0,
            chance: false,
            next,
        });
    }

    fn fault(&mut self, kind: Fault, name: &'static str, mut next: State) {
        if self.from.faults > 0 && self.model.kinds.contains(&kind) {
            next.faults -= 1;
            next.copies.sort_unstable();
            self.out.push(Step {
                name,
                who: 0,
                chance: true,
                next,
            });
        }
    }

    fn to(&self, index: usize, copy: Option<Copied>) -> State {
        let mut next = self.from.clone();
        next.copies.remove(index);
        next.copies.extend(copy);
        next
    }

    fn copy(&mut self, index: usize, copy: &Copied) {
        let placed = |place| {
            Some(Copied {
                place,
                ..copy.clone()
            })
        };
        match copy.place {
            Place::Queue(0) if copy.receives >= self.model.receives_max => {
                self.step(
                    "received too often: dead letter",
                    self.to(index, placed(Place::Dead)),
                );
            }
            Place::Queue(0) => {
                let received = Copied {
                    place: Place::Received,
                    receives: copy.receives + 1,
                };
                self.step("receive", self.to(index, Some(received)));
            }
            Place::Queue(_) => {}
            Place::Received => {
                self.claim(index, copy);
                let next = self.to(index, placed(Place::Queue(BACKOFF)));
                self.fault(Fault::DiesBeforeClaim, "crash before the claim", next);
            }
            Place::Works => self.work(index, copy),
            // An operator, or the alarm's function.
            Place::Dead => {
                let back = Copied {
                    place: Place::Queue(0),
                    receives: 0,
                };
                self.step("redrive", self.to(index, Some(back)));
            }
        }
    }

    fn claim(&mut self, index: usize, copy: &Copied) {
        if self.from.is_settled() {
            return self.step("on record: delete", self.to(index, None));
        }
        if self.from.lease > 0 {
            let wait = if self.model.breaks(Broken::BusyIsFailure) {
                0
            } else {
                self.from.lease
            };
            let back = Copied {
                place: Place::Queue(wait),
                ..copy.clone()
            };
            return self.step("busy", self.to(index, Some(back)));
        }
        let attempts = self.from.attempts + 1;
        if attempts > self.model.attempts_max {
            let next = State {
                row: Row::Parked,
                ..self.to(index, None)
            };
            return self.step("one claim too many: park, delete", next);
        }
        let works = Copied {
            place: Place::Works,
            ..copy.clone()
        };
        let next = State {
            row: Row::Claimed,
            lease: LEASE,
            attempts,
            ..self.to(index, Some(works))
        };
        self.step("claim", next);
    }

    fn work(&mut self, index: usize, copy: &Copied) {
        let waits = |ticks| {
            Some(Copied {
                place: Place::Queue(ticks),
                ..copy.clone()
            })
        };
        let released = State {
            lease: 0,
            ..self.to(index, waits(BACKOFF))
        };
        let died = self.to(index, waits(LEASE));
        if self.model.poison {
            // Poison fails whatever is done; it is no fault of the run's.
            self.step("fail: release", released);
            self.step("fail: die", died);
            return;
        }
        let mut next = self.to(index, None);
        next.row = Row::Sealed;
        next.lease = 0;
        next.effects += 1;
        self.step("act, seal, delete", next);
        self.fault(Fault::Fails, "fail: release", released);
        self.fault(Fault::Fails, "fail: die", died);
    }

    /// Whoever works when the lease ends has died by then: the guard's model shows why.
    fn tick(&mut self) {
        if self.from.lease == 1 && self.from.copies.iter().any(|copy| copy.place == Place::Works) {
            return;
        }
        let mut next = self.from.clone();
        next.lease = next.lease.saturating_sub(1);
        for copy in &mut next.copies {
            if let Place::Queue(wait) = copy.place {
                copy.place = Place::Queue(wait.saturating_sub(1));
            }
        }
        if next != *self.from {
            self.step("tick", next);
        }
    }
}

impl Protocol for Redrive {
    type State = State;

    fn start(&self) -> State {
        let copy = Copied {
            place: Place::Queue(0),
            receives: 0,
        };
        State {
            row: Row::Absent,
            lease: 0,
            attempts: 0,
            copies: vec![copy; usize::from(self.copies)],
            effects: 0,
            faults: self.faults,
        }
    }

    fn steps(&self, state: &State, out: &mut Vec<Step<State>>) {
        let mut moves = Moves {
            model: self,
            from: state,
            out,
        };
        for (index, copy) in state.copies.iter().enumerate() {
            moves.copy(index, copy);
        }
        moves.tick();
    }

    fn settled(&self, state: &State) -> bool {
        state.copies.is_empty() && state.is_settled()
    }

    fn laws() -> Vec<Property<Checked<Self>>> {
        type Law = Property<Checked<Redrive>>;
        vec![
            Law::always(ONE_EFFECT, |_, state| state.effects <= 1),
            Law::always(GONE_IS_SETTLED, |_, state| {
                !state.copies.is_empty() || state.is_settled()
            }),
            Law::always(DEAD_IS_SETTLED, |model, state| {
                model.protocol.kinds.contains(&Fault::DiesBeforeClaim)
                    || state.is_settled()
                    || state.copies.iter().all(|copy| copy.place != Place::Dead)
            }),
            Law::sometimes("settled", |model, state| model.protocol.settled(state)),
            Law::sometimes("a copy waits for another's lease", |model, state| {
                model.protocol.copies < 2
                    || (state.copies.iter().any(|copy| copy.place == Place::Works)
                        && state
                            .copies
                            .iter()
                            .any(|copy| matches!(copy.place, Place::Queue(1..))))
            }),
        ]
    }
}
