//! The whole search as tasks that processes share, and the counts that prove what was done.

mod control;

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use crate::engine::{Counters, Finding, Menu, Report, Search, Violation, Weave};
use crate::race::Raced;
use crate::script::{Pattern, Script};
use crate::seeds::seed;
use crate::variant::Variant;
use crate::world::World;

/// One piece of the search, small enough for one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Task {
    /// All schedules of a pattern with up to so many faults of the six families; of a part, those whose first fault is
    /// at a point from the first number up to the second.
    Faults(Pattern, usize, Option<(u32, u32)>),
    /// All single faults of every kind, without the grid and with a model that strays.
    Kinds(Pattern),
    /// All orders of two invocations of a function, with or without one fault, and all zombies; of a part, orders with so
    /// many switches at most from one to the other while both could go on.
    Weave(Raced, bool, Option<usize>),
    /// Seeds from the first up to the second.
    Seeds(u64, u64),
    /// A broken variant, which must be caught.
    Control(Variant),
}

/// What one or all tasks came to.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Outside calls of the plain life.
    pub points: u64,
    /// Schedules with one fault.
    pub singles: u64,
    /// Schedules with two faults.
    pub pairs: u64,
    /// Schedules with three faults.
    pub triples: u64,
    /// Of the pairs and triples, those that reached an instant like one that was walked before.
    pub merged: u64,
    /// Of those, the ones that were walked to their end all the same.
    pub audits: u64,
    /// Orders of concurrent invocations.
    pub interleavings: u64,
    /// Seeds.
    pub seeds: u64,
    /// Broken variants that were tried, and that were caught.
    pub controls: (u64, u64),
    /// What was found.
    pub findings: Vec<Finding>,
    /// What happened.
    pub counters: Counters,
    /// A line for each control.
    pub notes: Vec<String>,
}

impl Task {
    /// The word by which another process is given the task.
    #[must_use]
    pub fn print(&self) -> String {
        match self {
            Self::Faults(pattern, faults, None) => format!("faults:{}:{faults}", pattern.as_str()),
            Self::Faults(pattern, faults, Some((from, to))) => {
                format!("faults:{}:{faults}:{from}:{to}", pattern.as_str())
            }
            Self::Kinds(pattern) => format!("kinds:{}", pattern.as_str()),
            Self::Weave(raced, faults, None) => format!("weave:{}:{}", raced.as_str(), u8::from(*faults)),
            Self::Weave(raced, faults, Some(switches)) => {
                format!("weave:{}:{}:{switches}", raced.as_str(), u8::from(*faults))
            }
            Self::Seeds(from, to) => format!("seeds:{from}:{to}"),
            Self::Control(variant) => format!("control:{}", variant.as_str()),
        }
    }

    /// Reads what [`Task::print`] wrote.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let pattern = |name: &str| Pattern::from_name(name).with_context(|| format!("no pattern `{name}`"));
        let raced =
            |name: &str| Raced::from_name(name).with_context(|| format!("no function `{name}` is raced"));
        Ok(match parts.as_slice() {
            ["faults", name, faults] => Self::Faults(pattern(name)?, faults.parse()?, None),
            ["faults", name, faults, from, to] => Self::Faults(
                pattern(name)?,
                faults.parse()?,
                Some((from.parse()?, to.parse()?)),
            ),
            ["kinds", name] => Self::Kinds(pattern(name)?),
            ["weave", name, faults] => Self::Weave(raced(name)?, *faults == "1", None),
            ["weave", name, faults, switches] => {
                Self::Weave(raced(name)?, *faults == "1", Some(switches.parse()?))
            }
            ["seeds", from, to] => Self::Seeds(from.parse()?, to.parse()?),
            ["control", name] => {
                Self::Control(Variant::from_name(name).with_context(|| format!("no variant `{name}`"))?)
            }
            _ => bail!("no such task `{text}`"),
        })
    }

    /// Does it.
    ///
    /// # Errors
    /// When a world itself fails; a broken promise is no error but a finding.
    pub fn run(&self) -> Result<Tally> {
        match self {
            Self::Faults(pattern, faults, part) => {
                let world = World::new(Script::of(*pattern), Variant::Sound)?;
                let search = Search::new(&world, Menu::Six).once_gone();
                let search = match part {
                    Some((from, to)) => search.part(*from..*to),
                    None => search,
                };
                let report = search.run(*faults)?;
                Ok(Tally::of_faults(report, *pattern == Pattern::Once))
            }
            Self::Kinds(pattern) => {
                let script = Script {
                    grid: false,
                    noisy: true,
                    ..Script::of(*pattern)
                };
                let world = World::new(script, Variant::Sound)?;
                Ok(Tally::of_faults(
                    Search::new(&world, Menu::All).once_gone().run(1)?,
                    false,
                ))
            }
            Self::Weave(raced, with_faults, switches) => {
                let world = World::new(Script::of(Pattern::Once), Variant::Sound)?;
                let weave = Weave::new(&world).switching(switches.unwrap_or(usize::MAX));
                let report = weave.run(raced.as_str(), *with_faults)?;
                let interleavings = report.schedules.iter().sum();
                let Report {
                    findings, counters, ..
                } = report;
                Ok(Tally {
                    interleavings,
                    findings,
                    counters,
                    ..Tally::default()
                })
            }
            Self::Seeds(from, to) => seeds(*from, *to),
            Self::Control(variant) => control::control(*variant),
        }
    }
}

fn seeds(from: u64, to: u64) -> Result<Tally> {
    let mut tally = Tally::default();
    for number in from..to {
        let (seeded, counters) = seed(number, Variant::Sound, &mut |_| {})?;
        tally.seeds += 1;
        tally.counters.add(&counters);
        for violation in seeded.violations.into_iter().take(3) {
            tally.findings.push(Finding {
                id: format!("seed/{number}"),
                violation,
            });
        }
    }
    Ok(tally)
}

impl Tally {
    fn of_faults(report: Report, is_plain: bool) -> Self {
        let with = |faults: usize| report.schedules.get(faults).copied().unwrap_or(0);
        Self {
            points: if is_plain { report.points } else { 0 },
            singles: with(1),
            pairs: with(2),
            triples: with(3),
            merged: report.merged.iter().skip(2).sum(),
            audits: report.audits,
            findings: report.findings,
            counters: report.counters,
            ..Self::default()
        }
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.points = self.points.max(other.points);
        self.singles += other.singles;
        self.pairs += other.pairs;
        self.triples += other.triples;
        self.merged += other.merged;
        self.audits += other.audits;
        self.interleavings += other.interleavings;
        self.seeds += other.seeds;
        self.controls.0 += other.controls.0;
        self.controls.1 += other.controls.1;
        self.findings.extend(other.findings);
        self.counters.add(&other.counters);
        self.notes.extend(other.notes);
    }

    /// The one line.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "points {}, singles {}, pairs {}, interleavings {}, seeds {}, violations {}, controls caught {}/{}",
            self.points,
            self.singles,
            self.pairs,
            self.interleavings,
            self.seeds,
            self.findings.len(),
            self.controls.1,
            self.controls.0
        )
    }

    /// What the search must have met at least once, and did not.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        MUST_HAPPEN
            .iter()
            .copied()
            .filter(|name| self.counters.0.get(*name).copied().unwrap_or(0) == 0)
            .collect()
    }

    /// As one process tells another.
    #[must_use]
    pub fn print(&self) -> String {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|one| json!([one.id, one.violation.invariant, one.violation.detail]))
            .collect();
        json!({
            "numbers": [self.points, self.singles, self.pairs, self.triples, self.merged, self.audits,
                self.interleavings, self.seeds, self.controls.0, self.controls.1],
            "findings": findings, "counters": self.counters.0, "notes": self.notes,
        })
        .to_string()
    }

    /// Reads what [`Tally::print`] wrote.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let numbers: Vec<u64> = serde_json::from_value(value.get("numbers").cloned().unwrap_or_default())?;
        let [
            points,
            singles,
            pairs,
            triples,
            merged,
            audits,
            interleavings,
            seeds,
            tried,
            caught,
        ] = numbers.as_slice()
        else {
            bail!("a tally has ten numbers");
        };
        let rows: Vec<(String, String, String)> =
            serde_json::from_value(value.get("findings").cloned().unwrap_or_default())?;
        let findings = rows.into_iter().map(|(id, name, detail)| {
            let invariant = crate::invariants::ALL
                .into_iter()
                .find(|one| *one == name)
                .unwrap_or("unnamed");
            Finding {
                id,
                violation: Violation { invariant, detail },
            }
        });
        let counters: BTreeMap<String, u64> =
            serde_json::from_value(value.get("counters").cloned().unwrap_or_default())?;
        Ok(Self {
            points: *points,
            singles: *singles,
            pairs: *pairs,
            triples: *triples,
            merged: *merged,
            audits: *audits,
            interleavings: *interleavings,
            seeds: *seeds,
            controls: (*tried, *caught),
            findings: findings.collect(),
            counters: Counters(counters),
            notes: serde_json::from_value(value.get("notes").cloned().unwrap_or_default())?,
        })
    }
}

/// A sweep that sends a claim again is not among them: it needs a message that is gone, and no service here loses one
/// (`functions/replay` tests it). Each fault fired, each branch of the guard was taken, each probe's answer was seen, people, sweeps and comparisons took part.
const MUST_HAPPEN: [&str; 36] = [
    "fault crash-before",
    "fault crash-after",
    "fault refused",
    "fault down",
    "fault lost-once",
    "fault lost",
    "fault late",
    "fault slow",
    "fault slow-applied",
    "fault slow-late",
    "guard: a resent claim was ours",
    "guard: a claim met a result",
    "guard: a claim met a live lease",
    "guard: a claim met an ended lease",
    "guard: a resent take-over was ours",
    "guard: a take-over came too late",
    "guard: a resent write was ours",
    "guard: a write was fenced off",
    "guard: a companion was refused",
    "probe: found",
    "probe: nothing there",
    "probe: refused",
    "write PutItem applied",
    "write PutItem refused",
    "write UpdateItem applied",
    "write UpdateItem refused",
    "write TransactWriteItems applied",
    "write TransactWriteItems refused",
    "message deleted",
    "message comes back",
    "webhook 200 accepted",
    "webhook 200 duplicate",
    "webhook 503 error",
    "sweep sent events again",
    "reconcile compared",
    "zombie",
];
