//! A ticket that changes, and the events that say so: any number of times, late, and in any order.

use stateright::Property;

use crate::protocol::{Checked, Protocol, Step};

/// The ticket has this many versions, each with other customer content.
const VERSIONS: u8 = 2;

/// A model is asked, and its answer used, once per content.
pub const ONE_EXTRACTION: &str = "at most one extraction per content";
/// Whatever contents qualify.
pub const ONE_BILL: &str = "at most one bill per bug";
/// Whatever order the events came in.
pub const NEWEST_IS_KNOWN: &str = "at rest, the newest content is extracted or the bug is billed";
/// Not promised by the design: see the case that shows it.
pub const NEWEST_IS_BILLED: &str = "no content is billed while a newer one is on record";

/// What a variant leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The record's key is that of the message, not of the content.
    KeyByMessage,
    /// The billable flag's key has the content in it.
    BillByContent,
    /// A ticket that was extracted once is taken for done.
    TicketSeen,
}

/// One configuration of the model.
#[derive(Clone, Debug)]
pub struct Order {
    /// What is left out, if anything.
    pub broken: Option<Broken>,
    /// How often each event is delivered, at most; at least once.
    pub deliveries: u8,
    /// The first version whose content qualifies.
    pub qualifies_from: u8,
    /// Also asks for [`NEWEST_IS_BILLED`].
    pub strict: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum At {
    /// Has the event of that version.
    Received(u8),
    /// Has read that content.
    Read(u8),
    /// That content's extraction is on record: qualifies it.
    Qualifies(u8),
}

/// A state of the model.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The ticket's version at the provider.
    version: u8,
    /// Deliveries left, per version's event.
    left: [u8; VERSIONS as usize],
    /// Its event came at least once.
    came: [bool; VERSIONS as usize],
    attempts: Vec<At>,
    /// Extractions per version's content.
    extractions: [u8; VERSIONS as usize],
    /// Bills per version's content.
    bills: [u8; VERSIONS as usize],
    /// A content was billed while a newer one was on record.
    outdated: bool,
}

impl Order {
    /// The design, with two deliveries of each event.
    #[must_use]
    pub fn design() -> Self {
        Self {
            broken: None,
            deliveries: 2,
            qualifies_from: 1,
            strict: false,
        }
    }

    /// The same with one rule left out.
    #[must_use]
    pub fn without(self, rule: Broken) -> Self {
        Self {
            broken: Some(rule),
            ..self
        }
    }

    fn breaks(&self, rule: Broken) -> bool {
        self.broken == Some(rule)
    }

    /// What one attempt does next, in the state in which it is gone.
    fn attempt(&self, at: At, mut next: State, out: &mut Vec<Step<State>>) {
        let (name, who, then) = match at {
            At::Received(event) if next.is_billed() => ("billed: left alone", event, None),
            At::Received(event) if self.breaks(Broken::TicketSeen) && next.is_extracted() => {
                ("seen: left alone", event, None)
            }
            // The event is a hint; what counts is the ticket as it is.
            At::Received(event) => ("read the ticket", event, Some(At::Read(next.version))),
            At::Read(content) => {
                let again = self.breaks(Broken::KeyByMessage);
                if let Some(count) =
                    slot(&mut next.extractions, content).filter(|count| **count == 0 || again)
                {
                    *count += 1;
                }
                ("extract or replay", content, Some(At::Qualifies(content)))
            }
            At::Qualifies(content) if content < self.qualifies_from => ("hold for review", content, None),
            At::Qualifies(content) => {
                self.charge(content, &mut next);
                ("charge or replay", content, None)
            }
        };
        next.attempts.extend(then);
        next.attempts.sort_unstable();
        out.push(Step {
            name,
            who,
            chance: false,
            next,
        });
    }

    fn charge(&self, content: u8, next: &mut State) {
        let newer = next
            .extractions
            .iter()
            .skip(usize::from(content))
            .any(|count| *count > 0);
        let raised = next.is_billed() && !self.breaks(Broken::BillByContent);
        if let Some(count) = slot(&mut next.bills, content).filter(|count| **count == 0 && !raised) {
            *count += 1;
            next.outdated |= newer;
        }
    }
}

impl State {
    fn is_billed(&self) -> bool {
        self.bills.iter().any(|count| *count > 0)
    }

    fn is_extracted(&self) -> bool {
        self.extractions.iter().any(|count| *count > 0)
    }

    fn newest_is_known(&self) -> bool {
        let newest = usize::from(self.version).saturating_sub(1);
        self.is_billed() || self.extractions.get(newest).is_some_and(|count| *count > 0)
    }
}

fn slot<T>(slots: &mut [T], version: u8) -> Option<&mut T> {
    slots.get_mut(usize::from(version.saturating_sub(1)))
}

impl Protocol for Order {
    type State = State;

    fn start(&self) -> State {
        State {
            version: 1,
            left: [self.deliveries; VERSIONS as usize],
            came: [false; VERSIONS as usize],
            attempts: Vec::new(),
            extractions: [0; VERSIONS as usize],
            bills: [0; VERSIONS as usize],
            outdated: false,
        }
    }

    fn steps(&self, state: &State, out: &mut Vec<Step<State>>) {
        if state.version < VERSIONS {
            let next = State {
                version: state.version + 1,
                ..state.clone()
            };
            out.push(Step {
                name: "the customer writes",
                who: 0,
                chance: true,
                next,
            });
        }
        for event in 1..=state.version {
            let mut next = state.clone();
            let Some(left) = slot(&mut next.left, event).filter(|left| **left > 0) else {
                continue;
            };
            *left -= 1;
            let again = slot(&mut next.came, event).is_some_and(|came| std::mem::replace(came, true));
            next.attempts.push(At::Received(event));
            next.attempts.sort_unstable();
            let name = if again { "deliver again" } else { "deliver" };
            out.push(Step {
                name,
                who: event,
                chance: again,
                next,
            });
        }
        for (index, at) in state.attempts.iter().enumerate() {
            let mut next = state.clone();
            next.attempts.remove(index);
            self.attempt(*at, next, out);
        }
    }

    fn settled(&self, state: &State) -> bool {
        let came = state
            .came
            .iter()
            .take(usize::from(state.version))
            .all(|came| *came);
        came && state.attempts.is_empty() && state.newest_is_known()
    }

    fn laws() -> Vec<Property<Checked<Self>>> {
        type Law = Property<Checked<Order>>;
        vec![
            Law::always(ONE_EXTRACTION, |_, state| {
                state.extractions.iter().all(|count| *count <= 1)
            }),
            Law::always(ONE_BILL, |_, state| state.bills.iter().sum::<u8>() <= 1),
            Law::always(NEWEST_IS_KNOWN, |model, state| {
                state.newest_is_known() || !model.at_rest(state)
            }),
            Law::always(NEWEST_IS_BILLED, |model, state| {
                !model.protocol.strict || !state.outdated
            }),
            Law::sometimes("the later event came first", |_, state| {
                state.came == [false, true]
            }),
            Law::sometimes("both contents extracted", |_, state| state.extractions == [1, 1]),
            Law::sometimes("billed", |_, state| state.is_billed()),
        ]
    }
}
