//! One schedule again, by its id; and the fewest faults that still break it.

use anyhow::{Context as _, Result, bail};

use crate::engine::{Finding, Plan, Violation, Weave, run_with};
use crate::script::{Pattern, Script};
use crate::seeds::seed;
use crate::variant::Variant;
use crate::world::World;

/// A schedule's frame and faults, as its id says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Schedule {
    variant: Variant,
    script: Script,
    plan: Plan,
}

impl Schedule {
    /// Reads `<variant>/<pattern>[+now][+noise]/<point>:<fault>,..`.
    fn parse(id: &str) -> Result<Self> {
        let parts: Vec<&str> = id.split('/').collect();
        let [variant, frame, plan] = parts.as_slice() else {
            bail!("an id is `<variant>/<pattern>/<faults>` id=`{id}`");
        };
        Ok(Self {
            variant: Variant::from_name(variant)
                .with_context(|| format!("no variant is called `{variant}`"))?,
            script: Script::parse(frame)?,
            plan: Plan::parse(plan)?,
        })
    }
}

/// Runs the schedule of this id again: what it broke, and a line for each call, answer and turn of events.
///
/// **Shape**: `<variant>/<pattern>[+now][+noise]/<point>:<fault>,..`, `weave/<stage>/<faults>/<turns>`,
/// `zombie/<stage>/<sleeps>-<wakes>`, or `seed/<number>`.
///
/// # Errors
/// When the id is none, or the world itself fails.
pub fn replay(id: &str) -> Result<(Vec<Violation>, Vec<String>)> {
    if let Some(number) = id.strip_prefix("seed/") {
        let mut trace = Vec::new();
        let (seeded, _) = seed(number.parse()?, Variant::Sound, &mut |line| {
            trace.push(line.to_owned())
        })?;
        return Ok((seeded.violations, trace));
    }
    if id.starts_with("weave/") || id.starts_with("zombie/") {
        let world = World::new(Script::of(Pattern::Once), Variant::Sound)?;
        return Weave::new(&world).replay(id);
    }
    let schedule = Schedule::parse(id)?;
    let world = World::new(schedule.script, schedule.variant)?;
    run_with(&world, &schedule.plan)
}

/// The same violation with as few faults as it takes; a finding without a plan of faults stays as it is.
///
/// # Errors
/// When the world itself fails.
pub fn shrink(finding: &Finding) -> Result<Finding> {
    let Ok(schedule) = Schedule::parse(&finding.id) else {
        return Ok(finding.clone());
    };
    let world = World::new(schedule.script, schedule.variant)?;
    crate::engine::shrink(&world, &schedule.plan, finding)
}
