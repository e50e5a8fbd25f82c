//! The meter: two bugs, three qualifying contents, one cap; flag, entry, total and cap in one transaction.

pub mod rules;

use stateright::Property;

use crate::protocol::{Checked, Protocol, Step};
use rules::{AT_REST, Bill, Broken, CAP, CAPPED_IS_UNBILLED, Fault, ONE_BILL, REST_TOTAL, TOTAL};

/// The qualifying contents, each with its bug: the first bug has two.
const WORKS: [usize; 3] = [0, 0, 1];

/// What is on record about one content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Decision {
    Open,
    Billed,
    Capped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    Received,
    /// The transaction was applied and its reply lost: the SDK sends it again.
    Unanswered,
    /// The cap refused it: records that it waits.
    CapReached,
    /// Broken variant only: has raised the flag, the entry comes next.
    Flagged,
    /// Broken variants only: the entry is there, the total comes next.
    Entered,
    /// Broken variant only: has read the total before, and there was room.
    SawRoom,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Attempt {
    work: usize,
    at: At,
}

/// A state of the meter's model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The period's total; four stands for more.
    total: u8,
    cap: u8,
    /// Per bug: the billable flag. With the content in its key, per content.
    flags: [bool; 3],
    /// Per bug: usage entries.
    entries: [u8; 2],
    decisions: [Decision; 3],
    attempts: Vec<Attempt>,
    raises: u8,
    faults: u8,
    /// A content was recorded as capped although its bug was billed.
    misjudged: bool,
}

impl State {
    /// What the entries add up to.
    fn sum(&self) -> u8 {
        self.entries.iter().sum()
    }
}

impl Bill {
    fn flag(&self, work: usize) -> usize {
        if self.breaks(Broken::KeyByContent) {
            work
        } else {
            bug_of(work)
        }
    }
}

fn bug_of(work: usize) -> usize {
    WORKS.get(work).copied().unwrap_or_default()
}

struct Moves<'a> {
    model: &'a Bill,
    from: &'a State,
    out: &'a mut Vec<Step<State>>,
}

impl Moves<'_> {
    fn step(&mut self, name: &'static str, work: usize, next: State) {
        self.push(name, work, false, next);
    }

    fn fault(&mut self, kind: Fault, name: &'static str, work: usize, mut next: State) {
        if self.from.faults > 0 && self.model.kinds.contains(&kind) {
            next.faults -= 1;
            self.push(name, work, true, next);
        }
    }

    fn push(&mut self, name: &'static str, work: usize, chance: bool, mut next: State) {
        next.attempts.sort_unstable();
        let who = u8::try_from(work).unwrap_or(u8::MAX).saturating_add(1);
        self.out.push(Step {
            name,
            who,
            chance,
            next,
        });
    }

    /// The state in which that attempt has gone on to `at`, or is over.
    fn to(&self, index: usize, attempt: &Attempt, at: Option<At>) -> State {
        let mut next = self.from.clone();
        next.attempts.remove(index);
        next.attempts.extend(at.map(|at| Attempt {
            at,
            ..attempt.clone()
        }));
        next
    }

    fn over(&self, index: usize, attempt: &Attempt, decision: Decision) -> State {
        let mut next = self.to(index, attempt, None);
        if let Some(open) = next
            .decisions
            .get_mut(attempt.work)
            .filter(|open| **open == Decision::Open)
        {
            *open = decision;
        }
        next
    }

    /// Every content that is not decided comes, and comes again while it is worked on.
    fn deliver(&mut self) {
        for (work, decision) in self.from.decisions.iter().enumerate() {
            if *decision == Decision::Open && self.from.attempts.len() < usize::from(self.model.attempts) {
                let mut next = self.from.clone();
                next.attempts.push(Attempt {
                    work,
                    at: At::Received,
                });
                self.step("qualify: receive", work, next);
            }
        }
    }

    fn attempt(&mut self, index: usize, attempt: &Attempt) {
        let work = attempt.work;
        match attempt.at {
            At::Received if self.model.breaks(Broken::CapReadBefore) => {
                let room = self.from.total < self.from.cap;
                let at = if room { At::SawRoom } else { At::CapReached };
                let next = self.to(index, attempt, Some(at));
                self.step("read the total", work, next);
            }
            At::Received | At::Unanswered | At::SawRoom => self.charge(index, attempt),
            At::CapReached => {
                let next = self.over(index, attempt, Decision::Capped);
                self.step("record: capped", work, next);
            }
            At::Flagged => {
                let mut next = self.to(index, attempt, Some(At::Entered));
                add(&mut next.entries, bug_of(work));
                self.step("put the entry", work, next);
            }
            At::Entered => {
                let mut next = self.over(index, attempt, Decision::Billed);
                next.total += 1;
                self.step("add to the total", work, next);
                let mut lost = self.to(index, attempt, Some(At::Entered));
                lost.total = (lost.total + 1).min(4);
                self.fault(Fault::LostWrite, "add to the total: reply lost", work, lost);
            }
        }
        let next = self.to(index, attempt, None);
        self.fault(Fault::Crash, "crash", work, next);
    }

    /// The transaction: flag and entry must be absent, the total below the cap, or nothing is written.
    fn charge(&mut self, index: usize, attempt: &Attempt) {
        let work = attempt.work;
        let flag = self.model.flag(work);
        if self.from.flags.get(flag) == Some(&true) {
            return self.duplicate(index, attempt);
        }
        let reads_before = self.model.breaks(Broken::CapReadBefore);
        if self.from.total >= self.from.cap && !reads_before {
            let next = self.to(index, attempt, Some(At::CapReached));
            return self.step("charge: cancelled by the cap", work, next);
        }
        let mut written = self.from.clone();
        if let Some(raised) = written.flags.get_mut(flag) {
            *raised = true;
        }
        let separate = self.model.breaks(Broken::SeparateWrites);
        let entered = self.model.breaks(Broken::AddWithoutEntry);
        let at = match () {
            () if separate => Some(At::Flagged),
            () if entered => Some(At::Entered),
            () => None,
        };
        if !separate {
            add(&mut written.entries, bug_of(work));
        }
        if at.is_none() {
            written.total += 1;
        }
        let moves = Moves {
            model: self.model,
            from: &written,
            out: &mut Vec::new(),
        };
        let next = match at {
            None => moves.over(index, attempt, Decision::Billed),
            some => moves.to(index, attempt, some),
        };
        let lost = moves.to(index, attempt, Some(At::Unanswered));
        self.step("charge", work, next);
        if at.is_none() {
            self.fault(Fault::LostWrite, "charge: reply lost", work, lost);
        }
    }

    /// The flag is raised already: by another attempt, or by the first send of this one. Both are the recorded answer.
    fn duplicate(&mut self, index: usize, attempt: &Attempt) {
        if self.model.breaks(Broken::AnyFailureIsTheCap) {
            let mut next = self.over(index, attempt, Decision::Capped);
            next.misjudged = true;
            return self.step("charge: cancelled, taken for the cap", attempt.work, next);
        }
        let next = self.over(index, attempt, Decision::Billed);
        self.step("charge: on record", attempt.work, next);
    }

    /// A raised cap wakes what is capped; what is recorded as capped a moment later is found by the recheck.
    fn cap(&mut self) {
        let woken = self.from.decisions.map(|decision| match decision {
            Decision::Capped => Decision::Open,
            Decision::Open | Decision::Billed => decision,
        });
        if self.from.raises > 0 {
            let mut next = State {
                decisions: woken,
                ..self.from.clone()
            };
            next.cap += 1;
            next.raises -= 1;
            self.push("the cap is raised", WORKS.len(), true, next);
        }
        let room = self.from.total < self.from.cap && woken != self.from.decisions;
        if room && !self.model.breaks(Broken::NoRecheck) {
            let next = State {
                decisions: woken,
                ..self.from.clone()
            };
            self.push("capped work is looked at again", WORKS.len(), false, next);
        }
    }
}

fn add(entries: &mut [u8; 2], bug: usize) {
    if let Some(count) = entries.get_mut(bug) {
        *count += 1;
    }
}

impl Protocol for Bill {
    type State = State;

    fn start(&self) -> State {
        State {
            total: 0,
            cap: self.cap,
            flags: [false; 3],
            entries: [0; 2],
            decisions: [Decision::Open; 3],
            attempts: Vec::new(),
            raises: self.raises,
            faults: self.faults,
            misjudged: false,
        }
    }

    fn steps(&self, state: &State, out: &mut Vec<Step<State>>) {
        let mut moves = Moves {
            model: self,
            from: state,
            out,
        };
        moves.deliver();
        for (index, attempt) in state.attempts.iter().enumerate() {
            moves.attempt(index, attempt);
        }
        moves.cap();
    }

    fn settled(&self, state: &State) -> bool {
        let decided = |decision: &Decision| match decision {
            Decision::Open => false,
            Decision::Billed => true,
            Decision::Capped => state.total >= state.cap,
        };
        state.attempts.is_empty() && state.decisions.iter().all(decided)
    }

    fn laws() -> Vec<Property<Checked<Self>>> {
        type Law = Property<Checked<Bill>>;
        vec![
            Law::always(ONE_BILL, |_, state| state.entries.iter().all(|count| *count <= 1)),
            Law::always(TOTAL, |_, state| state.total == state.sum()),
            Law::always(REST_TOTAL, |model, state| {
                state.total == state.sum() || !model.at_rest(state)
            }),
            Law::always(CAP, |_, state| state.total <= state.cap),
            Law::always(CAPPED_IS_UNBILLED, |_, state| !state.misjudged),
            Law::always(AT_REST, |model, state| {
                model.protocol.settled(state) || !model.at_rest(state)
            }),
            Law::sometimes("both bugs billed", |_, state| state.entries == [1, 1]),
            Law::sometimes("a content waits at the cap", |_, state| {
                state.decisions.contains(&Decision::Capped)
            }),
        ]
    }
}
