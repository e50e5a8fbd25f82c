//! Every schedule with up to so many faults, walked as a tree whose like branches are walked once.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::fault::{Fault, Plan};
use crate::host::{Counters, Violation};
use crate::likeness;
use crate::world::{Node, World};

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
    /// What to give to `sweep replay`.
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

/// One search over one world.
pub struct Search<'w> {
    world: &'w World,
    menu: Menu,
    /// Stop at the first violation of one of these.
    stop_at: Option<&'w [&'w str]>,
    /// Instants by likeness and faults left, with the schedules that begin there, by their number of faults.
    seen: BTreeMap<([u8; 16], usize), Vec<u64>>,
    path: Plan,
    report: Report,
    done: bool,
}

/// Findings that are kept; more of them say no more.
const FINDINGS_MAX: usize = 20;

/// One like instant of so many is walked to its end all the same.
const AUDIT_EVERY: u64 = 97;

impl<'w> Search<'w> {
    /// A search with this menu of faults; with `stop_at`, until one of these invariants is broken.
    #[must_use]
    pub fn new(world: &'w World, menu: Menu, stop_at: Option<&'w [&'w str]>) -> Self {
        Self {
            world,
            menu,
            stop_at,
            seen: BTreeMap::new(),
            path: Plan::default(),
            report: Report::default(),
            done: false,
        }
    }

    /// All schedules with at most `faults` faults.
    ///
    /// # Errors
    /// When the world itself fails; a broken promise is no error but a finding.
    pub fn run(mut self, faults: usize) -> Result<Report> {
        let world = self.world;
        world.hub.lock().plan = Plan::default();
        world.load(&world.start)?;
        world.finish()?;
        self.report.points = u64::from(world.hub.lock().host.point);
        self.report.merged = vec![0; faults + 1];
        world.load(&world.start)?;
        let schedules = self.instant(&world.start, faults)?;
        self.report.schedules = schedules;
        self.report.counters = std::mem::take(&mut world.hub.lock().counters);
        Ok(self.report)
    }

    /// The schedules that begin at this instant, with up to so many faults; the world stands there.
    fn instant(&mut self, node: &Node, faults: usize) -> Result<Vec<u64>> {
        let like = likeness::of(self.world);
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
        self.world.hub.lock().plan = Plan::default();
        self.world.finish()?;
        self.report.audits += 1;
        self.judge();
        Ok(())
    }

    /// The next step from this instant with these faults in it, and all that follows.
    fn step(&mut self, node: &Node, here: &Plan, faults: usize) -> Result<Vec<u64>> {
        let mut schedules = vec![0; faults + 1];
        if self.done {
            return Ok(schedules);
        }
        self.world.load(node)?;
        self.world.hub.lock().plan = here.clone();
        let more = self.world.step()?;
        self.report.steps += 1;
        let end = self.world.hub.lock().host.point;
        self.path.0.extend(here.0.iter());
        let broken = self.judge();
        if more && !broken {
            let next = self.world.save()?;
            schedules = self.instant(&next, faults)?;
        } else {
            if !broken {
                self.world.end();
                self.judge();
            }
            if let Some(alone) = schedules.first_mut() {
                *alone = 1;
            }
        }
        self.path.0.retain(|point, _| !here.0.contains_key(point));
        if faults > 0 {
            let first = here.0.keys().next_back().map_or(node.host.point, |last| last + 1);
            for point in first..end {
                for fault in self.menu.at(point) {
                    let with = self.step(node, &here.with(point, fault), faults - 1)?;
                    for (sum, more) in schedules.iter_mut().skip(1).zip(with) {
                        *sum += more;
                    }
                }
            }
        }
        Ok(schedules)
    }

    /// Takes what was violated; whether anything was.
    fn judge(&mut self) -> bool {
        let found = std::mem::take(&mut self.world.hub.lock().host.violations);
        if found.is_empty() {
            return false;
        }
        let id = id_of(self.world, &self.path);
        for violation in found {
            if self
                .stop_at
                .is_none_or(|names| names.contains(&violation.invariant))
            {
                self.done |= self.stop_at.is_some();
                if self.report.findings.len() < FINDINGS_MAX {
                    self.report.findings.push(Finding {
                        id: id.clone(),
                        violation,
                    });
                }
            }
        }
        true
    }
}

/// What `sweep replay` takes.
#[must_use]
pub(crate) fn id_of(world: &World, plan: &Plan) -> String {
    let script = &world.script;
    let grid = if script.grid { "" } else { "+now" };
    let noise = if script.noisy { "+noise" } else { "" };
    format!(
        "{}/{}{grid}{noise}/{}",
        world.hub.variant.as_str(),
        script.pattern.as_str(),
        plan.print()
    )
}
