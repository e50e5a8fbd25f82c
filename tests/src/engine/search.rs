//! Every schedule with up to so many faults, walked as a tree whose like branches are walked once.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::Result;

use super::fault::{Fault, Plan};
use super::life::Life;
use super::points::{Counters, Met, Violation};
use super::shrink::id_of;

/// Which faults a point may meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    /// One of each family.
    Six,
    /// Every kind.
    All,
}

impl Menu {
    fn at(self, point: u32) -> Vec<Fault> {
        match self {
            Self::Six => Fault::six(point).to_vec(),
            Self::All => Fault::ALL.to_vec(),
        }
    }
}

/// A schedule that broke a promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What shows it again.
    pub id: String,
    /// What it broke.
    pub violation: Violation,
}

/// What a search came to.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Outside calls of the life without faults.
    pub points: u64,
    /// Schedules by their number of faults, those that were reached through a like instant among them.
    pub schedules: Vec<u64>,
    /// Of those, the ones that reached an instant like one that was walked before.
    pub merged: Vec<u64>,
    /// Like instants that were walked to their end all the same.
    pub audits: u64,
    /// Steps that were run.
    pub steps: u64,
    /// What was found.
    pub findings: Vec<Finding>,
    /// What happened.
    pub counters: Counters,
}

/// What follows when a process is gone before a call, by how it went: at once, or cut off.
#[derive(Debug, Clone, Default)]
struct Gone {
    crash: Option<Vec<u64>>,
    slow: Option<Vec<u64>>,
}

/// One search over one world.
pub struct Search<'w, L: Life> {
    world: &'w L,
    menu: Menu,
    /// Stop at the first violation of one of these.
    stop_at: Option<&'w [&'w str]>,
    /// First faults at these points alone: a part of the whole for one process.
    part: Option<Range<u32>>,
    /// Instants by likeness and faults left, with the schedules that begin there, by their number of faults.
    seen: BTreeMap<([u8; 16], usize), Vec<u64>>,
    /// Processes that are gone between the same two calls are walked once.
    once_gone: bool,
    path: Plan,
    report: Report,
    done: bool,
}

impl<L: Life> std::fmt::Debug for Search<'_, L> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Search")
            .field("menu", &self.menu)
            .finish_non_exhaustive()
    }
}

/// Findings that are kept; more of them say no more.
const FINDINGS_MAX: usize = 20;

/// One like instant of so many is walked to its end all the same.
const AUDIT_EVERY: u64 = 97;

impl<'w, L: Life> Search<'w, L> {
    /// A search with this menu of faults.
    #[must_use]
    pub fn new(world: &'w L, menu: Menu) -> Self {
        Self {
            world,
            menu,
            stop_at: None,
            part: None,
            seen: BTreeMap::new(),
            once_gone: false,
            path: Plan::default(),
            report: Report::default(),
            done: false,
        }
    }

    /// Walks once what is the same: a process that is gone after a call, before its next call, and where the call
    /// changes nothing, before that call. What follows differs at most in the variants of later faults, which take
    /// turns over the numbers of the points.
    #[must_use]
    pub fn once_gone(mut self) -> Self {
        self.once_gone = true;
        self
    }

    /// Only until one of these invariants is broken.
    #[must_use]
    pub fn until(mut self, names: &'w [&'w str]) -> Self {
        self.stop_at = Some(names);
        self
    }

    /// Only schedules whose first fault is at one of these points; the life without faults belongs to the part that
    /// has the point 0. Points side by side belong together: their faults come to like instants.
    #[must_use]
    pub fn part(mut self, points: Range<u32>) -> Self {
        self.part = Some(points);
        self
    }

    /// All schedules with at most `faults` faults.
    ///
    /// # Errors
    /// When the world itself fails; a broken promise is no error but a finding.
    pub fn run(mut self, faults: usize) -> Result<Report> {
        let world = self.world;
        let start = world.start();
        world.back_to(&start)?;
        world.points().begin(&Plan::default(), false);
        world.finish()?;
        self.report.points = u64::from(world.points().lock().at.point);
        self.report.merged = vec![0; faults + 1];
        world.back_to(&start)?;
        let mut schedules = self.instant(&start, faults)?;
        if self.part.as_ref().is_some_and(|points| !points.contains(&0))
            && let Some(plain) = schedules.first_mut()
        {
            *plain = 0;
        }
        self.report.schedules = schedules;
        self.report.counters = std::mem::take(&mut world.points().lock().counters);
        Ok(self.report)
    }

    /// The schedules that begin at this instant, with up to so many faults; the world stands there.
    fn instant(&mut self, node: &L::Node, faults: usize) -> Result<Vec<u64>> {
        // On the way to the first fault, a part of a search would take its own like instants for the whole's.
        let like = if self.part.is_some() && self.path.0.is_empty() {
            None
        } else {
            self.world.likeness()
        };
        if let Some(known) = like.and_then(|like| self.seen.get(&(like, faults))).cloned() {
            for (sum, more) in self.report.merged.iter_mut().skip(self.path.0.len()).zip(&known) {
                *sum += more;
            }
            if self.report.merged.iter().sum::<u64>() % AUDIT_EVERY == 0 {
                self.audit()?;
            }
            return Ok(known);
        }
        let schedules = self.step(node, &Plan::default(), faults)?;
        if let Some(like) = like {
            self.seen.insert((like, faults), schedules.clone());
        }
        Ok(schedules)
    }

    /// Walks on from a like instant without faults; it must end as well as its like did.
    fn audit(&mut self) -> Result<()> {
        self.world.points().begin(&Plan::default(), false);
        self.world.finish()?;
        self.report.audits += 1;
        self.judge();
        Ok(())
    }

    /// The next step from this instant with these faults in it, and all that follows.
    fn step(&mut self, node: &L::Node, here: &Plan, faults: usize) -> Result<Vec<u64>> {
        let mut schedules = vec![0; faults + 1];
        if self.done {
            return Ok(schedules);
        }
        self.world.back_to(node)?;
        let begun = self.world.points().lock().at.point;
        self.world.points().begin(here, false);
        let more = self.world.step()?;
        self.report.steps += 1;
        let (end, calls) = {
            let mut inner = self.world.points().lock();
            (inner.at.point, std::mem::take(&mut inner.calls))
        };
        self.path.0.extend(here.0.iter());
        let broken = self.judge();
        if more && !broken {
            let next = self.world.fork()?;
            schedules = self.instant(&next, faults)?;
        } else {
            if !broken {
                self.world.check();
                self.judge();
            }
            if let Some(alone) = schedules.first_mut() {
                *alone = 1;
            }
        }
        self.path.0.retain(|point, _| !here.0.contains_key(point));
        if faults > 0 {
            let first = here.0.keys().next_back().map_or(begun, |last| last + 1);
            self.with_one_more(node, here, faults, &calls, first..end, &mut schedules)?;
        }
        Ok(schedules)
    }

    /// The same step with one fault more, at each of these points; see [`Search::once_gone`].
    fn with_one_more(
        &mut self,
        node: &L::Node,
        here: &Plan,
        faults: usize,
        calls: &[Met],
        points: Range<u32>,
        schedules: &mut [u64],
    ) -> Result<()> {
        let once = self.once_gone && calls.iter().all(|call| call.run == 0);
        let mut gone = Gone::default();
        for point in points {
            if self.is_of_another_part(here, point) {
                gone = Gone::default();
                continue;
            }
            let is_read = calls.iter().any(|call| call.point == point && call.is_read);
            let mut after = if is_read { gone.clone() } else { Gone::default() };
            for fault in self.menu.at(point) {
                let before = if is_read { &after } else { &gone };
                let known = match fault {
                    Fault::CrashBefore => &before.crash,
                    Fault::CrashAfter if is_read => &before.crash,
                    Fault::Slow => &before.slow,
                    Fault::SlowApplied if is_read => &before.slow,
                    _ => &None,
                };
                let with = match known.clone().filter(|_| once && !self.done) {
                    Some(known) => self.again(here, known),
                    None => self.step(node, &here.with(point, fault), faults - 1)?,
                };
                for (sum, more) in schedules.iter_mut().skip(1).zip(&with) {
                    *sum += more;
                }
                match fault {
                    Fault::CrashAfter => after.crash = Some(with),
                    Fault::SlowApplied => after.slow = Some(with),
                    Fault::CrashBefore if is_read => after.crash = Some(with),
                    Fault::Slow if is_read => after.slow = Some(with),
                    _ => {}
                }
            }
            gone = after;
        }
        Ok(())
    }

    /// Counts what begins at an instant that was just walked from.
    fn again(&mut self, here: &Plan, known: Vec<u64>) -> Vec<u64> {
        let faults = self.path.0.len() + here.0.len() + 1;
        for (sum, more) in self.report.merged.iter_mut().skip(faults).zip(&known) {
            *sum += more;
        }
        known
    }

    fn is_of_another_part(&self, here: &Plan, point: u32) -> bool {
        self.path.0.is_empty()
            && here.0.is_empty()
            && self.part.as_ref().is_some_and(|points| !points.contains(&point))
    }

    /// Takes what was violated; whether anything was.
    fn judge(&mut self) -> bool {
        let found = std::mem::take(&mut self.world.points().lock().at.violations);
        if found.is_empty() {
            return false;
        }
        let id = id_of(self.world, &self.path);
        for violation in found {
            let wanted = self
                .stop_at
                .is_none_or(|names| names.contains(&violation.invariant));
            if wanted {
                self.done |= self.stop_at.is_some();
                if self.report.findings.len() < FINDINGS_MAX {
                    let id = id.clone();
                    self.report.findings.push(Finding { id, violation });
                }
            }
        }
        true
    }
}
