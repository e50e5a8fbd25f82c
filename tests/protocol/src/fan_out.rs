//! One bug, several repositories: the fan-out, its children, and the last child's hand-on to the root cause.

pub mod rules;

use stateright::Property;

use crate::protocol::{Checked, Protocol, Step};
use rules::{AT_REST, Broken, FanOut, Fault, NOT_EARLY, ONE_COMMENT};

/// What a child's ledger row says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Row {
    Absent,
    Sealed,
    Parked,
}

/// Where a child's attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    Received,
    /// Broken variant only: read the siblings before its own row was settled; `all` says what it saw.
    Foresaw {
        all: bool,
    },
    /// Its row is settled; it reads the siblings one by one, and `next` is the next one.
    Reads {
        next: u8,
        all: bool,
    },
    /// All are settled: hands on.
    HandsOn,
    /// Deletes its message.
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Child {
    row: Row,
    /// It was settled at one time; a person may have resumed it since.
    was_settled: bool,
    /// Its message is in the queue, or with its attempt.
    queued: bool,
    at: Option<At>,
}

/// Where the fan-out's attempt stands: before its seal, or before the send to the child of that number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fan {
    Received,
    Sends(u8),
    Done,
}

/// A state of the fan-out's model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The fan-out's message is not deleted.
    queued: bool,
    fan: Option<Fan>,
    /// The list of repositories is on record.
    listed: bool,
    children: Vec<Child>,
    /// It was handed on before every child was settled for the first time.
    early: bool,
    /// The root cause's messages that are not deleted; two stands for more.
    rca_queue: u8,
    rca_sealed: bool,
    comments: u8,
    resumes: u8,
    faults: u8,
}

struct Moves<'a> {
    model: &'a FanOut,
    from: &'a State,
    out: &'a mut Vec<Step<State>>,
}

impl Moves<'_> {
    fn step(&mut self, name: &'static str, who: u8, next: State) {
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
            self.out.push(Step {
                name,
                who,
                chance: true,
                next,
            });
        }
    }

    fn fan(&mut self) {
        let mut next = self.from.clone();
        let Some(fan) = self.from.fan else {
            if self.from.queued {
                next.fan = Some(if self.from.listed {
                    Fan::Sends(0)
                } else {
                    Fan::Received
                });
                self.step("fan-out: receive", 0, next);
            }
            return;
        };
        self.fault(
            Fault::Crash,
            "fan-out: crash",
            0,
            State {
                fan: None,
                ..self.from.clone()
            },
        );
        match fan {
            Fan::Received => {
                next.listed = true;
                next.fan = Some(Fan::Sends(0));
                if self.model.breaks(Broken::DeletedBeforeSends) {
                    next.queued = false;
                }
                self.step("fan-out: seal the list", 0, next);
            }
            Fan::Sends(child) => {
                let after = if child + 1 >= self.model.children {
                    Fan::Done
                } else {
                    Fan::Sends(child + 1)
                };
                next.fan = Some(after);
                if let Some(child) = next.children.get_mut(usize::from(child)) {
                    child.queued = true;
                    self.step("fan-out: send to a child", 0, next);
                } else {
                    let alone = !self.model.breaks(Broken::EmptyListForgotten);
                    if alone {
                        hand_on(&mut next);
                    }
                    self.step("fan-out: nobody to send to", 0, next);
                }
            }
            Fan::Done => {
                next.fan = None;
                next.queued = false;
                self.step("fan-out: delete its message", 0, next);
            }
        }
    }

    fn child(&mut self, index: usize, child: &Child) {
        let who = u8::try_from(index).unwrap_or(u8::MAX).saturating_add(1);
        let Some(at) = child.at else {
            if child.queued {
                let foresees = self.model.breaks(Broken::ReadsBeforeSealing);
                let at = match child.row {
                    Row::Absent if foresees => At::Foresaw {
                        all: self.model.others_settled(self.from, index),
                    },
                    Row::Absent => At::Received,
                    Row::Sealed | Row::Parked if foresees => At::Done,
                    Row::Sealed | Row::Parked => At::Reads { next: 0, all: true },
                };
                self.step("child: receive", who, self.with(index, child.row, Some(at), true));
            }
            return;
        };
        self.fault(
            Fault::Crash,
            "child: crash",
            who,
            self.with(index, child.row, None, true),
        );
        match at {
            At::Received => self.settle(index, who, At::Reads { next: 0, all: true }),
            At::Foresaw { all } => self.settle(index, who, if all { At::HandsOn } else { At::Done }),
            At::Reads { next, all } => self.read(index, child, who, next, all),
            At::HandsOn => {
                let mut next = self.with(index, child.row, Some(At::Done), true);
                next.early |= self.from.children.iter().any(|child| !child.was_settled);
                hand_on(&mut next);
                self.step("child: hand on", who, next);
            }
            At::Done => {
                self.step(
                    "child: delete its message",
                    who,
                    self.with(index, child.row, None, false),
                );
            }
        }
    }

    fn settle(&mut self, index: usize, who: u8, at: At) {
        self.step("child: seal", who, self.with(index, Row::Sealed, Some(at), true));
        if self.model.breaks(Broken::ParkedElsewhere) {
            let next = self.with(index, Row::Absent, Some(At::Done), true);
            return self.step("child: park its message", who, next);
        }
        self.step("child: park", who, self.with(index, Row::Parked, Some(at), true));
    }

    /// Reads one sibling. The rows are not read at one instant, and need not be: a settled row stays settled, unless a
    /// person resumes it, and then that child hands on once more.
    fn read(&mut self, index: usize, child: &Child, who: u8, next: u8, all: bool) {
        let Some(sibling) = self.from.children.get(usize::from(next)) else {
            let early_delete = self.model.breaks(Broken::DeletedBeforeHandOn) && all;
            let at = if all { At::HandsOn } else { At::Done };
            let after = self.with(index, child.row, Some(at), !early_delete);
            return self.step("child: has read its siblings", who, after);
        };
        let settled = match sibling.row {
            Row::Sealed => true,
            Row::Parked => !self.model.breaks(Broken::OnlySealedCounts),
            // Without the list, a sibling that has no row does not exist.
            Row::Absent => self.model.breaks(Broken::CountsRows),
        };
        let at = At::Reads {
            next: next + 1,
            all: all && settled,
        };
        self.step(
            "child: read a sibling",
            who,
            self.with(index, child.row, Some(at), true),
        );
        if settled && usize::from(next) != index && self.model.breaks(Broken::StaleReads) {
            let at = At::Reads {
                next: next + 1,
                all: false,
            };
            self.step(
                "child: read an old copy",
                who,
                self.with(index, child.row, Some(at), true),
            );
        }
    }

    fn with(&self, index: usize, row: Row, at: Option<At>, queued: bool) -> State {
        let mut next = self.from.clone();
        if let Some(child) = next.children.get_mut(index) {
            let was_settled = child.was_settled || row != Row::Absent;
            *child = Child {
                row,
                was_settled,
                at,
                queued: queued && child.queued,
            };
        }
        next
    }

    /// The root cause's stage, behind the guard: claim, effect and seal as one, repeated or not.
    fn publish(&mut self) {
        if self.from.rca_queue == 0 {
            return;
        }
        let mut next = self.from.clone();
        if !next.rca_sealed || self.model.breaks(Broken::HandOnTrusted) {
            next.comments = (next.comments + 1).min(2);
        }
        next.rca_sealed = true;
        next.rca_queue -= 1;
        self.step("publish: comment or replay", 0, next);
    }

    fn resume(&mut self) {
        for (index, child) in self.from.children.iter().enumerate() {
            if child.row == Row::Parked && child.at.is_none() && self.from.resumes > 0 {
                let mut next = self.with(index, Row::Absent, None, true);
                if let Some(child) = next.children.get_mut(index) {
                    child.queued = true;
                }
                next.resumes -= 1;
                // Nobody waits for a person: a parked child counts as settled.
                self.out.push(Step {
                    name: "a person resumes a child",
                    who: 0,
                    chance: true,
                    next,
                });
            }
            if child.at.is_none() && child.row != Row::Absent && !child.queued {
                let mut next = self.from.clone();
                if let Some(child) = next.children.get_mut(index) {
                    child.queued = true;
                }
                self.fault(Fault::Duplicate, "child: duplicate delivery", 0, next);
            }
        }
    }
}

fn hand_on(state: &mut State) {
    state.rca_queue = (state.rca_queue + 1).min(2);
}

impl FanOut {
    fn listed_settled(&self, state: &State) -> bool {
        state.listed && state.children.iter().all(|child| child.row != Row::Absent)
    }

    fn others_settled(&self, state: &State, index: usize) -> bool {
        let mut others = state
            .children
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != index);
        others.all(|(_, child)| child.row != Row::Absent)
    }
}

impl Protocol for FanOut {
    type State = State;

    fn start(&self) -> State {
        let child = Child {
            row: Row::Absent,
            was_settled: false,
            queued: false,
            at: None,
        };
        State {
            queued: true,
            fan: None,
            listed: false,
            children: vec![child; usize::from(self.children)],
            early: false,
            rca_queue: 0,
            rca_sealed: false,
            comments: 0,
            resumes: self.resumes,
            faults: self.faults,
        }
    }

    fn steps(&self, state: &State, out: &mut Vec<Step<State>>) {
        let mut moves = Moves {
            model: self,
            from: state,
            out,
        };
        moves.fan();
        for (index, child) in state.children.iter().enumerate() {
            moves.child(index, child);
        }
        moves.publish();
        moves.resume();
    }

    fn settled(&self, state: &State) -> bool {
        let idle = state
            .children
            .iter()
            .all(|child| child.at.is_none() && !child.queued);
        idle && !state.queued && state.rca_queue == 0 && self.listed_settled(state) && state.comments > 0
    }

    fn laws() -> Vec<Property<Checked<Self>>> {
        type Law = Property<Checked<FanOut>>;
        vec![
            Law::always(NOT_EARLY, |_, state| !state.early),
            Law::always(ONE_COMMENT, |_, state| state.comments <= 1),
            Law::always(AT_REST, |model, state| {
                model.protocol.settled(state) || !model.at_rest(state)
            }),
            Law::sometimes("handed on and published", |model, state| {
                model.protocol.settled(state)
            }),
            Law::sometimes("handed on twice", |model, state| {
                model.protocol.children == 0 || state.rca_queue > 1
            }),
            Law::sometimes("one child parked, all settled", |model, state| {
                let parked = state
                    .children
                    .iter()
                    .filter(|child| child.row == Row::Parked)
                    .count();
                model.protocol.children == 0 || (parked == 1 && model.protocol.listed_settled(state))
            }),
        ]
    }
}
