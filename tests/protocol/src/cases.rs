//! Every configuration that is checked: the design, which must hold, and each forbidden variant, which must not.

mod forbidden;
mod guard;
mod others;

use std::fmt;

use crate::protocol::Protocol;
use crate::search::{check, walk};

/// What a case must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Every law holds in every state, everything that should be seen is seen, and every state has a way to settle.
    Holds,
    /// That law has a counterexample.
    Breaks(&'static str),
    /// There is a state from which, without further faults, nothing settles.
    Sticks,
}

/// One configuration, and what it must come to.
pub struct Case {
    /// Which model: a word of the table's first column.
    pub model: &'static str,
    /// What is special about it.
    pub name: &'static str,
    /// The rules it is about, by the numbers of the design.
    pub rules: &'static str,
    /// What it must come to.
    pub expected: Expected,
    /// Steps that must be taken at least once, so that what holds is not empty.
    pub taken: &'static [&'static str],
    run: Box<dyn Fn(&Case) -> Outcome>,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case")
            .field("model", &self.model)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What a case came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Different states that were looked at.
    pub states: usize,
    /// Steps of the counterexample, or of the longest of the shortest ways.
    pub steps: usize,
    /// The counterexample, step by step; empty where there is none.
    pub counterexample: Vec<String>,
    /// What is not as expected; empty when all is.
    pub wrong: Vec<String>,
}

impl Case {
    /// Looks at its states.
    #[must_use]
    pub fn run(&self) -> Outcome {
        (self.run)(self)
    }

    /// The case's line of the table.
    #[must_use]
    pub fn row(&self, outcome: &Outcome) -> String {
        let result = match self.expected {
            Expected::Holds => format!("holds (depth {})", outcome.steps),
            Expected::Breaks(law) => format!("breaks \"{law}\" in {} steps", outcome.steps),
            Expected::Sticks => format!("never settles after {} steps", outcome.steps),
        };
        format!(
            "| {} | {} | {} | {} | {result} |",
            self.model, self.name, self.rules, outcome.states
        )
    }

    fn new<P: Protocol>(model: &'static str, name: &'static str, rules: &'static str, protocol: P) -> Self {
        let run = Box::new(move |case: &Self| case.run_as(&protocol));
        Self {
            model,
            name,
            rules,
            expected: Expected::Holds,
            taken: &[],
            run,
        }
    }

    fn breaks(self, law: &'static str) -> Self {
        Self {
            expected: Expected::Breaks(law),
            ..self
        }
    }

    fn sticks(self) -> Self {
        Self {
            expected: Expected::Sticks,
            ..self
        }
    }

    fn taking(self, taken: &'static [&'static str]) -> Self {
        Self { taken, ..self }
    }

    fn run_as<P: Protocol>(&self, protocol: &P) -> Outcome {
        match self.expected {
            Expected::Holds => self.all_holds(protocol),
            Expected::Breaks(law) => {
                let mut verdict = check(protocol, Some(law));
                let counterexample = verdict.broken.remove(law).unwrap_or_default();
                let missing = counterexample.is_empty().then(|| format!("`{law}` holds"));
                Outcome {
                    states: verdict.states,
                    steps: counterexample.len(),
                    counterexample,
                    wrong: missing.into_iter().collect(),
                }
            }
            Expected::Sticks => {
                let walk = walk(protocol);
                let counterexample = walk.way_to_stuck.unwrap_or_default();
                let missing = counterexample
                    .is_empty()
                    .then(|| "every state settles".to_owned());
                Outcome {
                    states: walk.states,
                    steps: counterexample.len(),
                    counterexample,
                    wrong: missing.into_iter().collect(),
                }
            }
        }
    }

    fn all_holds<P: Protocol>(&self, protocol: &P) -> Outcome {
        let verdict = check(protocol, None);
        let walk = walk(protocol);
        let mut wrong: Vec<String> = verdict
            .broken
            .iter()
            .map(|(law, way)| format!("`{law}` is broken: {}", way.join("; ")))
            .collect();
        wrong.extend(verdict.unseen.iter().map(|law| format!("never seen: {law}")));
        wrong.extend(
            walk.way_to_stuck
                .iter()
                .map(|way| format!("never settles: {}", way.join("; "))),
        );
        let idle = self.taken.iter().filter(|name| !walk.steps.contains_key(**name));
        wrong.extend(idle.map(|name| format!("never taken: {name}")));
        if verdict.endless {
            wrong.push("no end of states within bounds".to_owned());
        }
        if walk.states != verdict.states {
            wrong.push(format!(
                "checker and walk differ: {} and {} states",
                verdict.states, walk.states
            ));
        }
        let depth = verdict.depth.saturating_sub(1);
        Outcome {
            states: verdict.states,
            steps: depth,
            counterexample: Vec::new(),
            wrong,
        }
    }
}

/// The head of the table whose lines are [`Case::row`].
pub const HEAD: &str = "| Model | Case | Rules | States | Result |\n|---|---|---|---:|---|";

/// All cases, in the order of the table.
#[must_use]
pub fn all() -> Vec<Case> {
    let mut cases = guard::design();
    cases.extend(forbidden::all());
    cases.extend(guard::limits());
    cases.extend(others::intake());
    cases.extend(others::fan_out());
    cases.extend(others::bill());
    cases.extend(others::redrive());
    cases.extend(others::order());
    cases
}
