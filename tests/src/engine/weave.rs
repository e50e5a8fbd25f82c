//! Two invocations of one message side by side: every order of their calls that can make a difference, and every pair
//! of instants at which the one is stopped past its lease and goes on as a zombie.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

use super::fault::{Fault, Plan};
use super::life::{Life, Races};
use super::search::{Finding, Report};

/// Whose turn it was at each choice: `0` or `1`.
type Order = Vec<usize>;

/// What two invocations were told so far, whether they are gone, and how the world stands.
type Heard = (u64, u64, bool, bool, Option<[u8; 16]>);

/// A search over the orders of two invocations.
pub struct Weave<'w, L: Races> {
    world: &'w L,
    heard: BTreeSet<Heard>,
    ended: BTreeSet<[u8; 16]>,
    report: Report,
}

impl<L: Races> std::fmt::Debug for Weave<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Weave").finish_non_exhaustive()
    }
}

/// What one order came to.
struct Woven {
    /// Which went, at each choice.
    choices: Order,
    /// It came to an instant that was met before.
    known: bool,
    calls: u32,
}

/// Findings that are kept.
const FINDINGS_MAX: usize = 20;

impl<'w, L: Races> Weave<'w, L> {
    /// A search in this world.
    #[must_use]
    pub fn new(world: &'w L) -> Self {
        Self {
            world,
            heard: BTreeSet::new(),
            ended: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// All orders of two invocations of this step without faults, and all zombies; with `faults`, all orders with one
    /// fault at each call too.
    ///
    /// # Errors
    /// When the world itself fails; a broken promise is no error but a finding.
    pub fn run(mut self, what: &str, faults: bool) -> Result<Report> {
        let world = self.world;
        let node = world.before(what)?;
        let first = world.points().lock().at.point;
        let calls = self.orders(what, &node, &Plan::default())?;
        self.zombies(what, &node, calls)?;
        if faults {
            for point in first..first + calls {
                for fault in Fault::six(point) {
                    self.orders(what, &node, &Plan::default().with(point, fault))?;
                }
            }
        }
        self.report.counters = std::mem::take(&mut world.points().lock().counters);
        Ok(self.report)
    }

    /// One order again, as its id says: `weave/<step>/<faults>/<turns>` or `zombie/<step>/<sleeps>-<wakes>`. What it
    /// broke, and its trace from the race on.
    ///
    /// # Errors
    /// When the id is none, or the world itself fails.
    pub fn replay(mut self, id: &str) -> Result<(Vec<super::Violation>, Vec<String>)> {
        let parts: Vec<&str> = id.split('/').collect();
        let numbers = |text: &str| -> Result<Order> {
            let words = text.split('-').filter(|word| !word.is_empty());
            words
                .map(|word| word.parse().context("a turn is a number"))
                .collect()
        };
        match parts.as_slice() {
            ["weave", what, plan, order] => {
                let node = self.world.before(what)?;
                self.world.points().begin(&Plan::default(), true);
                self.one(what, &node, &Plan::parse(plan)?, &numbers(order)?)?;
            }
            ["zombie", what, order] => {
                let node = self.world.before(what)?;
                let order = numbers(order)?;
                let [sleeps, wakes] = order.as_slice() else {
                    anyhow::bail!("a zombie has two numbers");
                };
                self.world.points().begin(&Plan::default(), true);
                self.zombie(what, &node, *sleeps, *wakes)?;
            }
            _ => anyhow::bail!("no such order id=`{id}`"),
        }
        self.world.points().lock().plan = Plan::default();
        self.world.finish()?;
        let mut inner = self.world.points().lock();
        let trace = inner.trace.take().unwrap_or_default();
        Ok((std::mem::take(&mut inner.at.violations), trace))
    }

    /// All orders of two invocations under this plan; how many calls the longest took.
    fn orders(&mut self, what: &str, node: &L::Node, plan: &Plan) -> Result<u32> {
        self.heard.clear();
        self.ended.clear();
        let mut open: Vec<Order> = vec![Vec::new()];
        let mut calls = 0;
        while let Some(prefix) = open.pop() {
            let woven = self.one(what, node, plan, &prefix)?;
            calls = calls.max(woven.calls);
            self.report.steps += 1;
            self.count(usize::from(woven.known));
            // What was chosen beyond the prefix was the first of two: the other is still to be walked.
            for at in prefix.len()..woven.choices.len() {
                let mut other: Order = woven.choices.get(..at).unwrap_or_default().to_vec();
                other.push(1);
                open.push(other);
            }
            if !woven.known {
                self.finish(|| format!("weave/{what}/{}/{}", plan.print(), printed(&woven.choices)))?;
            }
        }
        Ok(calls)
    }

    fn one(&mut self, what: &str, node: &L::Node, plan: &Plan, prefix: &Order) -> Result<Woven> {
        let world = self.world;
        world.back_to(node)?;
        world.points().lock().plan = plan.clone();
        let begun = world.points().lock().at.point;
        let mut woven = Woven {
            choices: Vec::new(),
            known: false,
            calls: 0,
        };
        let heard = &mut self.heard;
        let mut turns = |waiting: &[usize]| {
            let quiet = waiting.iter().find(|at| is_quiet(world, **at)).copied();
            let only = (waiting.len() == 1).then(|| waiting.first().copied()).flatten();
            if let Some(only) = quiet.or(only) {
                return Some(only);
            }
            let at = woven.choices.len();
            let choice = prefix.get(at).copied().unwrap_or(0);
            if at >= prefix.len() && !heard.insert(what_was_heard(world)) {
                woven.known = true;
                return None;
            }
            woven.choices.push(choice);
            waiting.get(choice).copied()
        };
        world.race(what, 2, 0, &mut turns)?;
        woven.calls = world.points().lock().at.point - begun;
        Ok(woven)
    }

    fn zombies(&mut self, what: &str, node: &L::Node, calls: u32) -> Result<()> {
        self.ended.clear();
        for sleeps_after in 0..=calls as usize {
            for wakes_after in 0..=calls as usize {
                self.zombie(what, node, sleeps_after, wakes_after)?;
                self.report.steps += 1;
                self.count(0);
                self.finish(|| format!("zombie/{what}/{sleeps_after}-{wakes_after}"))?;
            }
        }
        Ok(())
    }

    /// One sleeps after so many calls, the other runs so many, the first wakes and ends, the other ends.
    fn zombie(&mut self, what: &str, node: &L::Node, sleeps_after: usize, wakes_after: usize) -> Result<()> {
        let world = self.world;
        world.back_to(node)?;
        world.points().lock().plan = Plan::default();
        let (mut first, mut second) = (0, 0);
        let mut turns = |waiting: &[usize]| {
            let can = |at: usize| waiting.contains(&at);
            if first < sleeps_after && can(0) {
                first += 1;
                return Some(0);
            }
            if second == 0 {
                world.points().clock.advance(world.sleep_ms());
            }
            let next = if second < wakes_after && can(1) {
                1
            } else {
                usize::from(!can(0))
            };
            second += 1;
            Some(next)
        };
        world.race(what, 2, world.sleep_ms(), &mut turns)?;
        world.points().hit("zombie");
        Ok(())
    }

    /// One order more: in place 0, or in place 1 when it joined one that was walked before.
    fn count(&mut self, place: usize) {
        self.report.schedules.resize(2, 0);
        if let Some(sum) = self.report.schedules.get_mut(place) {
            *sum += 1;
        }
    }

    /// Lives on to the end, unless a like instant did.
    fn finish(&mut self, id: impl Fn() -> String) -> Result<()> {
        let like = self.world.likeness();
        let is_known = like.is_some_and(|like| !self.ended.insert(like));
        if !is_known {
            self.world.points().lock().plan = Plan::default();
            self.world.finish()?;
        }
        let found = std::mem::take(&mut self.world.points().lock().at.violations);
        for violation in found.into_iter().take(3) {
            if self.report.findings.len() < FINDINGS_MAX {
                self.report.findings.push(Finding { id: id(), violation });
            }
        }
        Ok(())
    }
}

fn printed(order: &Order) -> String {
    let words: Vec<String> = order.iter().map(ToString::to_string).collect();
    words.join("-")
}

fn is_quiet<L: Races>(world: &L, at: usize) -> bool {
    let label = {
        let inner = world.points().lock();
        inner.runs.get(at).and_then(|run| run.waiting.clone())
    };
    label.is_some_and(|label| world.is_quiet(&label))
}

fn what_was_heard<L: Life>(world: &L) -> Heard {
    let like = world.likeness();
    let inner = world.points().lock();
    let heard = |at: usize| inner.runs.get(at).map_or((0, true), |run| (run.heard, run.dead));
    let ((one, one_dead), (other, other_dead)) = (heard(0), heard(1));
    (one, other, one_dead, other_dead, like)
}
