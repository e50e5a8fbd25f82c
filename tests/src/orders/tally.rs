//! The whole search over the shop, in parts, and its sums.

use anyhow::Result;

use super::naive::Mistake;
use super::{Shop, Variant};
use crate::engine::{Finding, Menu, Plan, Report, Search, Violation, Weave, run_with, shrink};

/// Mistakes of the field that one order and single faults can show; the others need two at once, or no order.
const CAUGHT: [Mistake; 7] = [
    Mistake::TimestampInKey,
    Mistake::LoggedAsDone,
    Mistake::DoneAtTheEnd,
    Mistake::MarkerForABatch,
    Mistake::KeyPerAttempt,
    Mistake::RunAgain,
    Mistake::UnguardedFirst,
];

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Every single fault.
    Singles,
    /// Every single and every pair of faults, and every order of two invocations.
    Pairs,
}

/// What it came to.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    /// Outside calls of the plain life, by accounting's face.
    pub points: Vec<(&'static str, u64)>,
    /// Schedules by their number of faults.
    pub schedules: Vec<u64>,
    /// Of those, the ones that reached an instant like one that was walked before.
    pub merged: u64,
    /// Orders of two invocations, zombies among them.
    pub orders: u64,
    /// What was found in the guarded version.
    pub findings: Vec<Finding>,
    /// Versions that are wrong, and what each was caught with.
    pub caught: Vec<(String, Option<Finding>)>,
    /// How often a person had to look.
    pub looks: u64,
}

impl Sum {
    /// Searches the guarded version with both faces of accounting, and every version that is wrong.
    ///
    /// # Errors
    /// When a world itself fails.
    pub fn of(part: Part) -> Result<Self> {
        let mut sum = Self::default();
        for face in Shop::faces() {
            let shop = Shop::new(Variant::Sound(face))?;
            let faults = match part {
                Part::Singles => 1,
                Part::Pairs => 2,
            };
            let report = Search::new(&shop, Menu::Six).run(faults)?;
            let name = if face == super::Face::Keys { "keys" } else { "bare" };
            sum.points.push((name, report.points));
            sum.add(report);
            if part == Part::Pairs {
                let woven = Weave::new(&shop).run("paid", false)?;
                sum.orders += woven.schedules.iter().sum::<u64>();
                sum.findings.extend(woven.findings);
            }
        }
        let wrong = CAUGHT
            .into_iter()
            .map(Variant::Naive)
            .chain([Variant::FalsePromise]);
        for variant in wrong {
            let shop = Shop::new(variant)?;
            let report = Search::new(&shop, Menu::Six).run(1)?;
            sum.caught
                .push((variant.name(), report.findings.into_iter().next()));
        }
        Ok(sum)
    }

    fn add(&mut self, report: Report) {
        for (at, count) in report.schedules.iter().enumerate() {
            if self.schedules.len() <= at {
                self.schedules.push(0);
            }
            if let Some(all) = self.schedules.get_mut(at) {
                *all += count;
            }
        }
        self.merged += report.merged.iter().sum::<u64>();
        self.looks += report.counters.0.get("a person looked").copied().unwrap_or(0);
        self.findings.extend(report.findings);
    }

    /// Nothing is wrong with the guarded version, and everything with the others was seen.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty() && self.caught.iter().all(|(_, finding)| finding.is_some())
    }

    /// A line for each count.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .points
            .iter()
            .map(|(face, points)| format!("accounting {face}: {points} points"))
            .collect();
        for (name, finding) in &self.caught {
            lines.push(match finding {
                Some(one) => format!(
                    "caught {name}: {} {} ({})",
                    one.violation.invariant, one.violation.detail, one.id
                ),
                None => format!("NOT CAUGHT {name}"),
            });
        }
        for finding in &self.findings {
            let least = least(finding).unwrap_or_else(|_| finding.clone());
            let Violation { invariant, detail } = &least.violation;
            lines.push(format!("VIOLATION {} {invariant}: {detail}", least.id));
        }
        let count = |at: usize| self.schedules.get(at).copied().unwrap_or(0);
        lines.push(format!(
            "orders: {} singles, {} pairs ({} merged), {} orders of two runs, a person looked {} times, {} of {} wrong \
            versions caught, {} violations",
            count(1),
            count(2),
            self.merged,
            self.orders,
            self.looks,
            self.caught.iter().filter(|(_, finding)| finding.is_some()).count(),
            self.caught.len(),
            self.findings.len()
        ));
        lines
    }
}

/// What an id of the shop names: `orders/<version>/<faults>`.
fn parsed(id: &str) -> Option<(Variant, Plan)> {
    let [_, name, plan] = id.split('/').collect::<Vec<_>>().try_into().ok()?;
    let variants = Shop::faces()
        .into_iter()
        .map(Variant::Sound)
        .chain(CAUGHT.into_iter().map(Variant::Naive))
        .chain([Variant::FalsePromise]);
    let variant = variants.into_iter().find(|variant| variant.name() == name)?;
    Some((variant, Plan::parse(plan).ok()?))
}

fn least(finding: &Finding) -> Result<Finding> {
    match parsed(&finding.id) {
        Some((variant, plan)) => shrink(&Shop::new(variant)?, &plan, finding),
        None => Ok(finding.clone()),
    }
}

/// Runs the schedule of an id again: what it broke, and its trace. None when it is no id of the shop.
///
/// # Errors
/// When the world itself fails.
pub fn replay(id: &str) -> Result<Option<(Vec<Violation>, Vec<String>)>> {
    let Some((variant, plan)) = parsed(id) else {
        return Ok(None);
    };
    run_with(&Shop::new(variant)?, &plan).map(Some)
}
