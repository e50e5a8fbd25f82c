//! The webhook's hand-over: an event row, deliveries of one event, a queue, the stage behind it, and the sweep.

pub mod rules;

use stateright::Property;

use crate::protocol::{Checked, Protocol, Step};
use rules::{
    ACCEPTED_IS_QUEUED, ACKED_IS_DURABLE, ACKED_IS_QUEUED, Broken, CONSUMED_IS_DECIDED, Fault, Intake,
    NOT_LOST,
};

/// Ticks of the hand-over lease.
const HAND_OVER: u8 = 1;
/// Messages in the queue beyond this are not told apart.
const QUEUE_MAX: u8 = 2;
/// Whose writes are the sweep's.
const SWEEP: u8 = 9;

/// The event's row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Event {
    lease: u8,
    /// Whose write was the last, as the attempt id tells.
    owner: u8,
    consumed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    Received,
    PutUnanswered,
    /// Has to hand over.
    Duty,
    /// Could not hand over: gives the duty back and says 503.
    GivesBack,
    /// Has handed over.
    Sent,
    /// Broken variant only: has said 200 and has to hand over.
    Owing,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Door {
    at: At,
    id: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Received { replay: bool },
    Decided { replay: bool },
    Consumed,
}

/// A state of the intake's model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    row: Option<Event>,
    doors: Vec<Door>,
    sweeping: bool,
    queue: u8,
    stage: Option<Stage>,
    decided: bool,
    acked: bool,
    accepted: bool,
    enqueued: bool,
    deliveries: u8,
    faults: u8,
}

impl Intake {
    fn sweepable(&self, state: &State) -> bool {
        let sweeps = !self.breaks(Broken::NoSweep) && !self.breaks(Broken::SeenFlag);
        sweeps && state.row.as_ref().is_some_and(|row| !row.consumed)
    }
}

struct Moves<'a> {
    model: &'a Intake,
    from: &'a State,
    out: &'a mut Vec<Step<State>>,
}

impl Moves<'_> {
    fn step(&mut self, name: &'static str, who: u8, mut next: State) {
        next.doors.sort_unstable();
        self.out.push(Step {
            name,
            who,
            chance: false,
            next,
        });
    }

    fn fault(&mut self, kind: Fault, name: &'static str, who: u8, mut next: State) {
        if self.from.faults > 0 && self.model.kinds.contains(&kind) {
            next.faults -= 1;
            next.doors.sort_unstable();
            self.out.push(Step {
                name,
                who,
                chance: true,
                next,
            });
        }
    }

    fn to(&self, index: usize, door: &Door, at: Option<At>) -> State {
        let mut next = self.from.clone();
        next.doors.remove(index);
        next.doors.extend(at.map(|at| Door { at, ..door.clone() }));
        next
    }

    fn deliver(&mut self) {
        if self.from.deliveries == 0 || self.from.doors.len() > 1 {
            return;
        }
        let first = self.from.deliveries == self.model.deliveries;
        let mut next = self.from.clone();
        next.doors.push(Door {
            at: At::Received,
            id: self.from.deliveries,
        });
        next.deliveries -= 1;
        next.doors.sort_unstable();
        // A source owes us one delivery; nothing may depend on another.
        let name = if first { "deliver" } else { "deliver again" };
        self.out.push(Step {
            name,
            who: 0,
            chance: !first,
            next,
        });
    }

    fn door(&mut self, index: usize, door: &Door) {
        match door.at {
            At::Received => self.admit(index, door),
            At::PutUnanswered => self.admit_again(index, door),
            At::Duty | At::Owing => self.hand_over(index, door),
            At::GivesBack => self.give_back(index, door),
            At::Sent => {
                let mut next = self.to(index, door, None);
                next.acked = true;
                next.accepted = true;
                self.step("200 accepted", door.id, next);
            }
        }
        let next = self.to(index, door, None);
        self.fault(Fault::Crash, "crash", door.id, next);
    }

    fn admit(&mut self, index: usize, door: &Door) {
        let ours = Event {
            lease: HAND_OVER,
            owner: door.id,
            consumed: false,
        };
        let free = match &self.from.row {
            None => true,
            Some(row) => !row.consumed && row.lease == 0 && !self.model.breaks(Broken::SeenFlag),
        };
        if !free {
            return self.duplicate(index, door);
        }
        let mut next = self.to(index, door, Some(At::Duty));
        next.row = Some(ours.clone());
        self.step(
            if self.from.row.is_none() {
                "put the event"
            } else {
                "take over"
            },
            door.id,
            next,
        );
        let mut lost = self.to(index, door, Some(At::PutUnanswered));
        lost.row = Some(ours);
        self.fault(Fault::LostWrite, "put: reply lost", door.id, lost);
        let next = self.to(index, door, None);
        self.fault(Fault::TableDown, "503, not recorded", door.id, next);
    }

    fn admit_again(&mut self, index: usize, door: &Door) {
        let ours = self.from.row.as_ref().is_some_and(|row| row.owner == door.id);
        if ours && !self.model.breaks(Broken::AttemptIdIgnored) {
            let next = self.to(index, door, Some(At::Duty));
            self.step("put again: it was us", door.id, next);
        } else {
            self.duplicate(index, door);
        }
    }

    fn duplicate(&mut self, index: usize, door: &Door) {
        let mut next = self.to(index, door, None);
        next.acked = true;
        self.step("200 duplicate", door.id, next);
    }

    fn hand_over(&mut self, index: usize, door: &Door) {
        if door.at == At::Duty && self.model.breaks(Broken::AckBeforeEnqueue) {
            let mut next = self.to(index, door, Some(At::Owing));
            next.acked = true;
            next.accepted = true;
            return self.step("200 accepted", door.id, next);
        }
        let mut next = self.to(index, door, (door.at == At::Duty).then_some(At::Sent));
        enqueue(&mut next);
        self.step("enqueue", door.id, next);
        let next = self.to(index, door, Some(At::GivesBack));
        self.fault(Fault::QueueDown, "enqueue: refused", door.id, next);
        let mut next = self.to(index, door, Some(At::GivesBack));
        enqueue(&mut next);
        self.fault(Fault::QueueDown, "enqueue: reply lost", door.id, next);
    }

    fn give_back(&mut self, index: usize, door: &Door) {
        let mut next = self.to(index, door, None);
        if let Some(row) = next
            .row
            .as_mut()
            .filter(|row| row.owner == door.id && !row.consumed)
        {
            row.lease = 0;
            row.owner = 0;
        }
        self.step("503, hand-over given back", door.id, next);
    }

    fn sweep(&mut self) {
        if self.from.sweeping {
            let mut next = State {
                sweeping: false,
                ..self.from.clone()
            };
            self.fault(Fault::Crash, "crash of the sweep", 0, next.clone());
            enqueue(&mut next);
            return self.step("sweep: enqueue", 0, next);
        }
        let mut next = State {
            sweeping: true,
            ..self.from.clone()
        };
        if self.model.sweepable(self.from)
            && let Some(row) = next.row.as_mut().filter(|row| row.lease == 0)
        {
            row.lease = HAND_OVER;
            row.owner = SWEEP;
            self.step("sweep: take over", 0, next);
        }
    }

    fn stage(&mut self) {
        let mut next = self.from.clone();
        let Some(stage) = self.from.stage else {
            if self.from.queue > 0 {
                next.stage = Some(Stage::Received {
                    replay: self.from.decided,
                });
                self.step("stage: receive", 0, next);
            }
            return;
        };
        let crashed = State {
            stage: None,
            ..self.from.clone()
        };
        self.fault(Fault::Crash, "crash of the stage", 0, crashed);
        match stage {
            Stage::Received { replay } => {
                next.decided = true;
                next.stage = Some(Stage::Decided { replay });
                self.step("stage: decide", 0, next);
            }
            Stage::Decided { replay } => {
                next.stage = Some(Stage::Consumed);
                let skips = replay && self.model.breaks(Broken::ReplayForgetsEvent);
                if let Some(row) = next.row.as_mut().filter(|_| !skips) {
                    row.consumed = true;
                    row.owner = 0;
                }
                self.step("stage: mark as consumed", 0, next);
            }
            Stage::Consumed => {
                next.stage = None;
                next.queue = next.queue.saturating_sub(1);
                self.step("stage: delete the message", 0, next);
            }
        }
    }

    fn tick(&mut self) {
        let mut next = self.from.clone();
        if let Some(row) = next.row.as_mut().filter(|row| row.lease > 0) {
            row.lease -= 1;
            self.step("tick", 0, next);
        }
    }
}

fn enqueue(state: &mut State) {
    state.queue = (state.queue + 1).min(QUEUE_MAX);
    state.enqueued = true;
}

impl Protocol for Intake {
    type State = State;

    fn start(&self) -> State {
        State {
            row: None,
            doors: Vec::new(),
            sweeping: false,
            queue: 0,
            stage: None,
            decided: false,
            acked: false,
            accepted: false,
            enqueued: false,
            deliveries: self.deliveries,
            faults: self.faults,
        }
    }

    fn steps(&self, state: &State, out: &mut Vec<Step<State>>) {
        let mut moves = Moves {
            model: self,
            from: state,
            out,
        };
        moves.deliver();
        for (index, door) in state.doors.iter().enumerate() {
            moves.door(index, door);
        }
        moves.sweep();
        moves.stage();
        moves.tick();
    }

    /// Either the event never came to be recorded, and the source was never told that it was, or it is decided.
    fn settled(&self, state: &State) -> bool {
        let idle = state.doors.is_empty() && state.stage.is_none() && state.queue == 0 && !state.sweeping;
        idle && match &state.row {
            None => !state.acked,
            Some(row) => row.consumed && state.decided,
        }
    }

    fn laws() -> Vec<Property<Checked<Self>>> {
        type Law = Property<Checked<Intake>>;
        vec![
            Law::always(ACKED_IS_DURABLE, |_, state| !state.acked || state.row.is_some()),
            Law::always(ACCEPTED_IS_QUEUED, |_, state| !state.accepted || state.enqueued),
            Law::always(CONSUMED_IS_DECIDED, |_, state| {
                state.decided || state.row.as_ref().is_none_or(|row| !row.consumed)
            }),
            Law::always(NOT_LOST, |model, state| {
                let works = |door: &Door| matches!(door.at, At::Duty | At::Owing | At::PutUnanswered);
                !state.acked
                    || state.decided
                    || state.queue > 0
                    || state.stage.is_some()
                    || state.sweeping
                    || state.doors.iter().any(works)
                    || model.protocol.sweepable(state)
            }),
            Law::always(ACKED_IS_QUEUED, |model, state| {
                model.protocol.kinds != [Fault::LostWrite]
                    || !state.acked
                    || !state.doors.is_empty()
                    || state.sweeping
                    || state.enqueued
            }),
            Law::sometimes("acked, decided and consumed", |model, state| {
                state.acked && model.protocol.settled(state)
            }),
            Law::sometimes("two deliveries at once", |_, state| state.doors.len() > 1),
            Law::sometimes(
                "a 200 to a duplicate while nothing is enqueued",
                |model, state| {
                    model.protocol.kinds == [Fault::LostWrite]
                        || (state.acked && !state.enqueued && state.doors.is_empty())
                },
            ),
        ]
    }
}
