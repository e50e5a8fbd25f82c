//! What a protocol is here: a start, the steps that may follow a state, and the laws that must hold in all of them.

use std::fmt::{self, Debug};
use std::hash::Hash;

use stateright::{Model, Property};

/// One thing that may happen next.
#[derive(Clone, PartialEq, Eq)]
pub struct Step<S> {
    /// What happens; steps of one kind share the name, and the walk counts by it.
    pub name: &'static str,
    /// Who does it: an attempt's fence, a child, a bug. 0 where nobody in particular does.
    pub who: u8,
    /// It may happen, but nothing may depend on it: a fault, a second delivery, what a person does.
    pub chance: bool,
    /// The state after it.
    pub next: S,
}

impl<S> Step<S> {
    /// The same step without the state after it.
    #[must_use]
    pub fn label(&self) -> Step<()> {
        Step {
            name: self.name,
            who: self.who,
            chance: self.chance,
            next: (),
        }
    }

    /// The step as a line of a counterexample.
    #[must_use]
    pub fn line(&self) -> String {
        match self.who {
            0 => self.name.to_owned(),
            who => format!("#{who} {}", self.name),
        }
    }
}

impl<S> Debug for Step<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line())
    }
}

/// A finite protocol.
pub trait Protocol: Clone + Send + Sync + Sized + 'static {
    /// Everything that the protocol remembers, and what the laws ask about.
    type State: Clone + Debug + PartialEq + Hash + Send + Sync + 'static;

    /// Where it begins.
    fn start(&self) -> Self::State;

    /// All that may happen in `state`, in an order that depends on the state alone.
    fn steps(&self, state: &Self::State, out: &mut Vec<Step<Self::State>>);

    /// Nothing is left to do: where every run must be able to end.
    fn settled(&self, state: &Self::State) -> bool;

    /// What must always hold, and what must sometimes be seen so that the former is not empty talk.
    fn laws() -> Vec<Property<Checked<Self>>>;
}

/// A protocol as the checker takes it.
#[derive(Clone)]
pub struct Checked<P> {
    /// The protocol.
    pub protocol: P,
    /// The one law to check, or all. With one law the checker stops at its first, and so shortest, counterexample.
    pub only: Option<&'static str>,
}

impl<P: Protocol> Checked<P> {
    /// Nothing more happens, but by chance.
    #[must_use]
    pub fn at_rest(&self, state: &P::State) -> bool {
        let mut steps = Vec::new();
        self.protocol.steps(state, &mut steps);
        steps.iter().all(|step| step.chance)
    }
}

impl<P: Protocol> Model for Checked<P> {
    type State = P::State;
    type Action = Step<P::State>;

    fn init_states(&self) -> Vec<Self::State> {
        vec![self.protocol.start()]
    }

    fn actions(&self, state: &Self::State, actions: &mut Vec<Self::Action>) {
        self.protocol.steps(state, actions);
    }

    fn next_state(&self, _last: &Self::State, action: Self::Action) -> Option<Self::State> {
        Some(action.next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut laws = P::laws();
        laws.retain(|law| self.only.is_none_or(|only| law.name == only));
        laws
    }
}
