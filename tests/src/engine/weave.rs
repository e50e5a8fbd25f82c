//! Two invocations of one message side by side: every order of their calls that can make a difference, and every pair
//! of instants at which the one is stopped past its lease and goes on as a zombie.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use super::fault::{Fault, Plan};
use super::life::{Life, Races};
use super::search::{Finding, Report};

/// Whose turn it was at each choice: `0` or `1`.
type Order = Vec<usize>;

/// Where a race stands: what each invocation was told and whether it is gone; how the world stands, and the time.
///
/// Both run the same code on the same message, so that what each was told says all that it knows, and it makes no
/// difference which of them it was; but where switches are counted, the one that went last stands first.
type Heard = ([(u64, bool); 2], Option<[u8; 16]>, u64);

/// A search over the orders of two invocations.
pub struct Weave<'w, L: Races> {
    world: &'w L,
    /// Switches from one invocation to the other that an order has at most.
    switches_max: usize,
    /// Instants of races that were met, by whether a fault could still come; with the switches that were left.
    heard: BTreeMap<(Heard, bool), usize>,
    /// Instants without faults to come from which a life was walked to its end.
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
    /// The number of the call that was made after each choice.
    points: Vec<u32>,
    /// It came to an instant that was met before.
    known: bool,
    /// The number of its first call, and the one after its last.
    calls: std::ops::Range<u32>,
}

/// Whether each invocation of a zombie's race made as many calls as it was to make before the other's turn.
struct Reached {
    sleeps: bool,
    wakes: bool,
}

/// An order that is still to be walked: its faults, and its first choices.
type Open = (Plan, Order);

/// Orders to walk, those with the fewest switches first: an instant is then met with the most switches left at once, and
/// need not be walked from again.
#[derive(Default)]
struct Waiting(BTreeMap<usize, Vec<Open>>);

impl Waiting {
    fn push(&mut self, open: Open) {
        self.0.entry(switches(&open.1)).or_default().push(open);
    }

    fn pop(&mut self) -> Option<Open> {
        let mut fewest = self.0.first_entry()?;
        let open = fewest.get_mut().pop();
        if fewest.get().is_empty() {
            fewest.remove();
        }
        open
    }
}

/// Findings that are kept.
const FINDINGS_MAX: usize = 20;

impl<'w, L: Races> Weave<'w, L> {
    /// A search in this world.
    #[must_use]
    pub fn new(world: &'w L) -> Self {
        Self {
            world,
            switches_max: usize::MAX,
            heard: BTreeMap::new(),
            ended: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Only orders with so many switches from one invocation to the other while both could go on.
    #[must_use]
    pub fn switching(mut self, switches_max: usize) -> Self {
        self.switches_max = switches_max;
        self
    }

    /// All orders of two invocations of this step without faults, and all zombies; with `faults`, all orders with one
    /// fault at each call too.
    ///
    /// # Errors
    /// When the world itself fails; a broken promise is no error but a finding.
    pub fn run(mut self, what: &str, faults: bool) -> Result<Report> {
        let world = self.world;
        let node = world.before(what)?;
        self.orders(what, &node, faults)?;
        // With few switches it is a part of a search, whose whole has the zombies.
        if self.switches_max == usize::MAX {
            self.zombies(what, &node)?;
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
                self.one(what, &node, &(Plan::parse(plan)?, numbers(order)?), false)?;
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

    /// All orders of two invocations, and with `faults` each of them with each fault at each of its calls.
    ///
    /// An order is walked until an instant that another one met: from there on the same orders follow, whatever led
    /// to it. With a fault it begins as the order without it does, up to the call that meets the fault.
    fn orders(&mut self, what: &str, node: &L::Node, faults: bool) -> Result<()> {
        self.heard.clear();
        self.ended.clear();
        let mut open = Waiting::default();
        open.push(Open::default());
        while let Some(order) = open.pop() {
            let (plan, prefix) = &order;
            let more_faults = faults && plan.0.is_empty();
            let woven = self.one(what, node, &order, more_faults)?;
            self.report.steps += 1;
            self.count(usize::from(woven.known));
            // Beyond the prefix the one that went last went on: the other is still to be walked.
            for at in prefix.len()..woven.choices.len() {
                let mut other: Order = woven.choices.get(..at).unwrap_or_default().to_vec();
                other.push(1 - last_of(&other));
                if switches(&other) <= self.switches_max {
                    open.push((plan.clone(), other));
                }
            }
            if more_faults {
                with_a_fault(prefix.len(), &woven)
                    .into_iter()
                    .for_each(|one| open.push(one));
            }
            let id = || format!("weave/{what}/{}/{}", plan.print(), printed(&woven.choices));
            if !woven.known {
                self.finish()?;
            }
            self.judge(id);
        }
        Ok(())
    }

    fn one(&mut self, what: &str, node: &L::Node, (plan, prefix): &Open, more_faults: bool) -> Result<Woven> {
        let world = self.world;
        world.back_to(node)?;
        world.points().lock().plan = plan.clone();
        let begun = world.points().lock().at.point;
        let mut woven = Woven {
            choices: Vec::new(),
            points: Vec::new(),
            known: false,
            calls: begun..begun,
        };
        let (heard, switches_max) = (&mut self.heard, self.switches_max);
        let mut turns = |waiting: &[usize]| {
            let quiet = waiting.iter().find(|at| is_quiet(world, **at)).copied();
            let only = (waiting.len() == 1).then(|| waiting.first().copied()).flatten();
            if let Some(only) = quiet.or(only) {
                return Some(only);
            }
            let at = woven.choices.len();
            let last = last_of(&woven.choices);
            let choice = prefix.get(at).copied().unwrap_or(last);
            if at >= prefix.len() {
                let mut now = what_was_heard(world, last);
                if switches_max == usize::MAX {
                    now.0.sort_unstable();
                }
                let left = switches_max - switches(&woven.choices);
                let most = |faults| heard.get(&(now, faults)).is_some_and(|known| *known >= left);
                // Where a fault could come, everything follows that follows where none can.
                if now.1.is_some() && (most(true) || most(more_faults)) {
                    woven.known = true;
                    return None;
                }
                heard.insert((now, more_faults), left);
            }
            woven.choices.push(choice);
            woven.points.push(world.points().lock().at.point);
            waiting.get(choice).copied()
        };
        world.race(what, 2, 0, &mut turns)?;
        woven.calls.end = world.points().lock().at.point;
        Ok(woven)
    }

    /// Every pair of instants: until one is not reached, since its invocation ended before.
    fn zombies(&mut self, what: &str, node: &L::Node) -> Result<()> {
        self.ended.clear();
        for sleeps_after in 0.. {
            for wakes_after in 0.. {
                let reached = self.zombie(what, node, sleeps_after, wakes_after)?;
                self.report.steps += 1;
                self.count(0);
                self.finish()?;
                self.judge(|| format!("zombie/{what}/{sleeps_after}-{wakes_after}"));
                if !reached.sleeps {
                    return Ok(());
                }
                if !reached.wakes {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One sleeps after so many calls, the other runs so many, the first wakes and ends, the other ends. The calls of
    /// the other are counted without those that no call of the first can matter to: waking around them is the same.
    fn zombie(
        &mut self,
        what: &str,
        node: &L::Node,
        sleeps_after: usize,
        wakes_after: usize,
    ) -> Result<Reached> {
        let world = self.world;
        world.back_to(node)?;
        world.points().lock().plan = Plan::default();
        let (mut first, mut second, mut is_asleep) = (0, 0, false);
        let mut turns = |waiting: &[usize]| {
            let can = |at: usize| waiting.contains(&at);
            if first < sleeps_after && can(0) {
                first += 1;
                return Some(0);
            }
            if !is_asleep {
                world.points().clock.advance(world.sleep_ms());
                is_asleep = true;
            }
            if can(1) && is_quiet(world, 1) {
                return Some(1);
            }
            if second < wakes_after && can(1) {
                second += 1;
                return Some(1);
            }
            Some(usize::from(!can(0)))
        };
        world.race(what, 2, world.sleep_ms(), &mut turns)?;
        world.points().hit("zombie");
        Ok(Reached {
            sleeps: first == sleeps_after,
            wakes: second == wakes_after,
        })
    }

    /// One order more: in place 0, or in place 1 when it joined one that was walked before.
    fn count(&mut self, place: usize) {
        self.report.schedules.resize(2, 0);
        if let Some(sum) = self.report.schedules.get_mut(place) {
            *sum += 1;
        }
    }

    /// Lives on to the end, or to an instant like one from which another did.
    fn finish(&mut self) -> Result<()> {
        self.world.points().lock().plan = Plan::default();
        self.world.finish_unless(Some(&mut self.ended))
    }

    /// Takes what was violated.
    fn judge(&mut self, id: impl Fn() -> String) {
        let found = std::mem::take(&mut self.world.points().lock().at.violations);
        for violation in found.into_iter().take(3) {
            if self.report.findings.len() < FINDINGS_MAX {
                self.report.findings.push(Finding { id: id(), violation });
            }
        }
    }
}

/// This order with each fault at each call that is its own: those before, up to its last given choice, are another's.
fn with_a_fault(given: usize, woven: &Woven) -> Vec<Open> {
    let own = match given.checked_sub(1).and_then(|last| woven.points.get(last)) {
        Some(point) => *point..woven.calls.end,
        None => woven.calls.clone(),
    };
    let mut open = Vec::new();
    for point in own {
        let before = woven.points.partition_point(|choice| *choice <= point);
        let order: Order = woven.choices.iter().take(before).copied().collect();
        for fault in Fault::six(point) {
            open.push((Plan::default().with(point, fault), order.clone()));
        }
    }
    open
}

/// Who went last; the first of them before anybody did.
fn last_of(order: &Order) -> usize {
    order.last().copied().unwrap_or(0)
}

fn switches(order: &Order) -> usize {
    let before = std::iter::once(&0).chain(order);
    before.zip(order).filter(|(before, now)| before != now).count()
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

fn what_was_heard<L: Life>(world: &L, last: usize) -> Heard {
    let like = world.likeness();
    let now_ms = world.points().now_ms();
    let inner = world.points().lock();
    let heard = |at: usize| inner.runs.get(at).map_or((0, true), |run| (run.heard, run.dead));
    ([heard(last), heard(1 - last)], like, now_ms)
}
