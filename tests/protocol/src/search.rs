//! Looking at every state of a protocol: the laws by the model checker, the way out of every state by a walk.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use stateright::{Checker, Expectation, Model};

use crate::protocol::{Checked, Protocol, Step};

/// Where looking stops: a rule that is lost may make the states infinite, and the case must fail then, not hang.
/// It counts states as they are reached, again and again; no case of the table has 100,000 different ones.
const REACHED_MAX: usize = 2_000_000;

/// What the model checker found.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Different states that it looked at.
    pub states: usize,
    /// The longest of the shortest ways to a state.
    pub depth: usize,
    /// There was no end to them within bounds.
    pub endless: bool,
    /// Laws that do not hold, each with the steps of a counterexample.
    pub broken: BTreeMap<&'static str, Vec<String>>,
    /// What should sometimes be seen and never was.
    pub unseen: Vec<&'static str>,
}

/// Checks the laws of `protocol`, all of them or `only` one, in every state or up to the first counterexample of the one.
#[must_use]
pub fn check<P: Protocol>(protocol: &P, only: Option<&'static str>) -> Verdict {
    let model = Checked {
        protocol: protocol.clone(),
        only,
    };
    let laws = model.properties();
    let checker = model
        .checker()
        .threads(1)
        .target_state_count(REACHED_MAX)
        .spawn_bfs()
        .join();
    let mut found = checker.discoveries();
    let mut verdict = Verdict {
        states: checker.unique_state_count(),
        depth: checker.max_depth(),
        endless: checker.state_count() >= REACHED_MAX,
        broken: BTreeMap::new(),
        unseen: Vec::new(),
    };
    for law in laws {
        match (law.expectation, found.remove(law.name)) {
            (Expectation::Sometimes, None) => verdict.unseen.push(law.name),
            (Expectation::Sometimes, Some(_)) | (_, None) => {}
            (_, Some(path)) => {
                let lines = path.into_actions().iter().map(Step::line).collect();
                verdict.broken.insert(law.name, lines);
            }
        }
    }
    verdict
}

/// What the walk found.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Different states that it looked at.
    pub states: usize,
    /// How often each kind of step was taken.
    pub steps: BTreeMap<&'static str, usize>,
    /// States from which no steps that must happen lead to a settled one.
    pub stuck: usize,
    /// The shortest way into such a state.
    pub way_to_stuck: Option<Vec<String>>,
}

struct Node {
    /// The state before it on a shortest way, and the step from there.
    parent: Option<(usize, Step<()>)>,
    settled: bool,
    /// States that lead here by a step that must happen.
    back: Vec<usize>,
}

/// Takes every step out of every state, counts them, and asks of every state whether, once faults stop, there is a way to
/// settle. The checker's own `eventually` does not see runs that end in a cycle, and this protocol has cycles: a busy
/// delivery comes back.
#[must_use]
pub fn walk<P: Protocol>(protocol: &P) -> Walk {
    let mut graph = Graph {
        nodes: Vec::new(),
        seen: BTreeMap::new(),
    };
    let mut steps = BTreeMap::new();
    let mut pending = VecDeque::new();
    let start = protocol.start();
    graph.note(&start, protocol.settled(&start), None);
    pending.push_back((0, start));
    let mut out = Vec::new();
    let mut reached = 0;
    while let Some((from, state)) = pending.pop_front().filter(|_| reached < REACHED_MAX) {
        protocol.steps(&state, &mut out);
        reached += out.len();
        for step in out.drain(..) {
            *steps.entry(step.name).or_insert(0) += 1;
            let parent = Some((from, step.label()));
            let (to, new) = graph.note(&step.next, protocol.settled(&step.next), parent);
            if !step.chance
                && let Some(node) = graph.nodes.get_mut(to)
            {
                node.back.push(from);
            }
            if new {
                pending.push_back((to, step.next));
            }
        }
    }
    let stuck = graph.stuck();
    Walk {
        states: graph.nodes.len(),
        steps,
        stuck: stuck.len(),
        way_to_stuck: stuck.first().map(|index| graph.way_to(*index)),
    }
}

struct Graph {
    nodes: Vec<Node>,
    /// By fingerprint: 64 bits, as the checker itself keeps.
    seen: BTreeMap<u64, usize>,
}

impl Graph {
    fn note<S: Hash>(
        &mut self,
        state: &S,
        settled: bool,
        parent: Option<(usize, Step<()>)>,
    ) -> (usize, bool) {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        let fresh = self.nodes.len();
        let index = *self.seen.entry(hasher.finish()).or_insert(fresh);
        if index == fresh {
            self.nodes.push(Node {
                parent,
                settled,
                back: Vec::new(),
            });
        }
        (index, index == fresh)
    }

    fn stuck(&self) -> Vec<usize> {
        let mut free: Vec<bool> = self.nodes.iter().map(|node| node.settled).collect();
        let mut pending: Vec<usize> = (0..free.len())
            .filter(|index| free.get(*index) == Some(&true))
            .collect();
        while let Some(index) = pending.pop() {
            for from in self.nodes.get(index).map_or(&[][..], |node| node.back.as_slice()) {
                if let Some(flag) = free.get_mut(*from)
                    && !*flag
                {
                    *flag = true;
                    pending.push(*from);
                }
            }
        }
        (0..free.len())
            .filter(|index| free.get(*index) == Some(&false))
            .collect()
    }

    fn way_to(&self, mut index: usize) -> Vec<String> {
        let mut way = Vec::new();
        while let Some((parent, step)) = self.nodes.get(index).and_then(|node| node.parent.as_ref()) {
            way.push(step.line());
            index = *parent;
        }
        way.reverse();
        way
    }
}
