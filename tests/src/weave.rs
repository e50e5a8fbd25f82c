//! Two invocations of one message side by side: every order of their calls that can make a difference, and every pair
//! of instants at which the one is stopped past its lease and goes on as a zombie.

use std::collections::BTreeSet;

use anyhow::Result;
use ratchet_domain::stage::Stage;

use crate::fault::{Fault, Plan};
use crate::likeness;
use crate::search::{Finding, Report};
use crate::world::{Node, World};

/// How long a zombie sleeps, in ms: past its lease and past its message's visibility.
const SLEEP_MS: u64 = 7_200_000;

/// Whose turn it was, in order: `0` or `1` a call.
type Turns = Vec<usize>;

/// A search over the orders of two invocations.
pub struct Weave<'w> {
    world: &'w World,
    heard: BTreeSet<(u64, u64, bool, bool)>,
    ended: BTreeSet<[u8; 16]>,
    report: Report,
}

/// What one order came to.
struct Woven {
    /// At each choice: how many could go, which went.
    choices: Turns,
    /// It came to an instant that was met before.
    known: bool,
    calls: u32,
}

impl<'w> Weave<'w> {
    /// A search in this world.
    #[must_use]
    pub fn new(world: &'w World) -> Self {
        Self {
            world,
            heard: BTreeSet::new(),
            ended: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Every stage: all orders without faults, all orders with one fault at each call, all zombies.
    ///
    /// # Errors
    /// When the world itself fails; a broken promise is no error but a finding.
    pub fn run(mut self, stages: &[Stage], with_faults: bool) -> Result<Report> {
        for stage in stages {
            let node = self.before(*stage)?;
            let calls = self.orders(*stage, &node, &Plan::default())?;
            self.zombies(*stage, &node, calls)?;
            if with_faults {
                let first = node.host.point;
                for point in first..first + calls {
                    for fault in Fault::six(point) {
                        self.orders(*stage, &node, &Plan::default().with(point, fault))?;
                    }
                }
            }
        }
        self.report.counters = std::mem::take(&mut self.world.hub.lock().counters);
        Ok(self.report)
    }

    /// The instant at which the stage's first message is about to be delivered.
    fn before(&self, stage: Stage) -> Result<Node> {
        let world = self.world;
        world.hub.lock().plan = Plan::default();
        world.load(&world.start)?;
        for _ in 0..200 {
            if let Some(at_ms) = world.first_visible_ms(stage) {
                world.hub.clock.set(world.hub.now_ms().max(at_ms));
                return world.save();
            }
            if !world.step()? {
                break;
            }
        }
        anyhow::bail!("the life has no message for stage `{stage}`")
    }

    /// All orders of two invocations under this plan; how many calls the longest took.
    fn orders(&mut self, stage: Stage, node: &Node, plan: &Plan) -> Result<u32> {
        self.heard.clear();
        self.ended.clear();
        let mut open: Vec<Turns> = vec![Vec::new()];
        let mut calls = 0;
        while let Some(prefix) = open.pop() {
            let woven = self.one(stage, node, plan, &prefix)?;
            calls = calls.max(woven.calls);
            // What was chosen beyond the prefix was the first of two: the other is still to be walked.
            for at in prefix.len()..woven.choices.len() {
                let mut other: Turns = woven.choices.get(..at).unwrap_or_default().to_vec();
                other.push(1);
                open.push(other);
            }
            if !woven.known {
                self.finish(stage, plan, &woven.choices)?;
            }
        }
        Ok(calls)
    }

    fn one(&mut self, stage: Stage, node: &Node, plan: &Plan, prefix: &Turns) -> Result<Woven> {
        let world = self.world;
        world.load(node)?;
        world.hub.lock().plan = plan.clone();
        let mut woven = Woven {
            choices: Vec::new(),
            known: false,
            calls: 0,
        };
        let heard = &mut self.heard;
        let mut turns = |world: &World, waiting: &[usize]| {
            let quiet = waiting.iter().find(|at| world.is_quiet(**at)).copied();
            if let Some(only) = quiet.or((waiting.len() == 1).then(|| waiting.first().copied()).flatten()) {
                return Some(only);
            }
            let at = woven.choices.len();
            let choice = prefix.get(at).copied().unwrap_or(0);
            if at >= prefix.len() && !heard.insert(world.what_was_heard()) {
                woven.known = true;
                return None;
            }
            woven.choices.push(choice);
            waiting.get(choice).copied()
        };
        world.deliver_at_once(stage, 2, 0, &mut turns)?;
        woven.calls = world.hub.lock().host.point - node.host.point;
        self.report.steps += 1;
        self.count(1);
        Ok(woven)
    }

    /// One sleeps after so many calls, the other runs so many, the first wakes and ends, the other ends.
    fn zombies(&mut self, stage: Stage, node: &Node, calls: u32) -> Result<()> {
        for sleeps_after in 0..=calls {
            for wakes_after in 0..=calls {
                let world = self.world;
                world.load(node)?;
                world.hub.lock().plan = Plan::default();
                let (mut first, mut second) = (0_u32, 0_u32);
                let mut turns = |world: &World, waiting: &[usize]| {
                    let can = |at: usize| waiting.contains(&at);
                    if first < sleeps_after && can(0) {
                        first += 1;
                        return Some(0);
                    }
                    if second == 0 {
                        world.hub.clock.advance(SLEEP_MS);
                    }
                    let next = if second < wakes_after && can(1) {
                        1
                    } else {
                        usize::from(!can(0))
                    };
                    second += 1;
                    Some(next)
                };
                world.deliver_at_once(stage, 2, SLEEP_MS, &mut turns)?;
                self.report.steps += 1;
                self.count(1);
                world.hub.lock().counters.hit("zombie");
                self.finish(
                    stage,
                    &Plan::default(),
                    &vec![sleeps_after as usize, wakes_after as usize],
                )?;
            }
        }
        Ok(())
    }

    fn count(&mut self, more: u64) {
        if self.report.schedules.is_empty() {
            self.report.schedules.push(0);
        }
        if let Some(sum) = self.report.schedules.first_mut() {
            *sum += more;
        }
    }

    /// Lives on to the end, unless a like instant did.
    fn finish(&mut self, stage: Stage, plan: &Plan, turns: &Turns) -> Result<()> {
        let known = likeness::of(self.world).is_some_and(|like| !self.ended.insert(like));
        if !known {
            self.world.hub.lock().plan = Plan::default();
            self.world.finish()?;
        }
        let found = std::mem::take(&mut self.world.hub.lock().host.violations);
        for violation in found.into_iter().take(3) {
            let order: String = turns
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("-");
            let id = format!("weave/{stage}/{}/{order}", plan.print());
            self.report.findings.push(Finding { id, violation });
        }
        Ok(())
    }
}

impl World {
    /// When the stage's first message can be received, if it has one.
    fn first_visible_ms(&self, stage: Stage) -> Option<u64> {
        let queue = self.queues.get(&stage)?;
        let of = |state: &local::sqs::State| {
            state
                .queues
                .get(queue)?
                .messages
                .values()
                .map(|message| message.visible_ms)
                .min()
        };
        self.hub.aws.sqs.read(of)
    }

    fn is_quiet(&self, at: usize) -> bool {
        let inner = self.hub.lock();
        inner
            .runs
            .get(at)
            .and_then(|run| run.waiting.as_deref())
            .is_some_and(is_quiet)
    }

    fn what_was_heard(&self) -> (u64, u64, bool, bool) {
        let inner = self.hub.lock();
        let heard = |at: usize| inner.runs.get(at).map_or((0, true), |run| (run.heard, run.dead));
        let ((one, one_dead), (other, other_dead)) = (heard(0), heard(1));
        (one, other, one_dead, other_dead)
    }
}

/// Calls that commute with every call of another invocation: reads of what no invocation writes, questions to the
/// model, and objects that are named by their content.
fn is_quiet(label: &str) -> bool {
    let reads = [
        "SettingsTable",
        "api.anthropic.com",
        "/tarball/",
        "codeload",
        "/contents/",
        "/git/trees",
        "/git/commits",
    ];
    reads.iter().any(|word| label.contains(word))
        || (label.starts_with("GET api.github.com/repos/")
            && !label.contains("/pulls")
            && !label.contains("/issues"))
            && !label.contains("/git/ref")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_that_another_sees_are_never_quiet() {
        for label in [
            "UpdateItem LedgerTable/bill",
            "POST api.github.com/repos/a/b/pulls",
            "PUT acme.zendesk.com/api",
        ] {
            assert!(!is_quiet(label), "{label}");
        }
        assert!(is_quiet("POST api.anthropic.com/v1/messages"));
    }
}
