//! One schedule again, by its id; and the fewest faults that still break it.

use anyhow::{Context as _, Result, bail};

use crate::fault::Plan;
use crate::host::Violation;
use crate::script::{Pattern, Script};
use crate::search::{Finding, id_of};
use crate::variant::Variant;
use crate::world::World;

/// A schedule's frame and faults, as its id says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Which Ratchet.
    pub variant: Variant,
    /// Its frame.
    pub script: Script,
    /// Its faults.
    pub plan: Plan,
}

impl Schedule {
    /// Reads `<variant>/<pattern>[+now][+noise]/<point>:<fault>,..`.
    ///
    /// # Errors
    /// When it is no such id.
    pub fn parse(id: &str) -> Result<Self> {
        let mut parts = id.split('/');
        let (Some(variant), Some(frame), Some(plan), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            bail!("an id is `<variant>/<pattern>/<faults>` id=`{id}`");
        };
        let variant =
            Variant::from_name(variant).with_context(|| format!("no variant is called `{variant}`"))?;
        let mut words = frame.split('+');
        let name = words.next().unwrap_or_default();
        let pattern = Pattern::from_name(name).with_context(|| format!("no pattern is called `{name}`"))?;
        let mut script = Script::of(pattern);
        for word in words {
            match word {
                "now" => script.grid = false,
                "noise" => script.noisy = true,
                other => bail!("no frame has `{other}`"),
            }
        }
        Ok(Self {
            variant,
            script,
            plan: Plan::parse(plan)?,
        })
    }

    /// Runs it; what it broke, and a line for each call, answer and turn of events.
    ///
    /// # Errors
    /// When the world itself fails.
    pub fn replay(&self) -> Result<(Vec<Violation>, Vec<String>)> {
        let world = World::new(self.script, self.variant)?;
        replay_in(&world, &self.plan)
    }
}

fn replay_in(world: &World, plan: &Plan) -> Result<(Vec<Violation>, Vec<String>)> {
    world.load(&world.start)?;
    {
        let mut inner = world.hub.lock();
        inner.plan = plan.clone();
        inner.trace = Some(Vec::new());
    }
    world.finish()?;
    let mut inner = world.hub.lock();
    let trace = inner.trace.take().unwrap_or_default();
    Ok((std::mem::take(&mut inner.host.violations), trace))
}

/// The same violation with as few faults as it takes.
///
/// # Errors
/// When the id is none, or the world itself fails.
pub fn shrink(finding: &Finding) -> Result<Finding> {
    let schedule = Schedule::parse(&finding.id)?;
    let world = World::new(schedule.script, schedule.variant)?;
    let mut plan = schedule.plan;
    let mut best = finding.clone();
    for point in plan.0.keys().copied().collect::<Vec<_>>() {
        let mut fewer = plan.clone();
        fewer.0.remove(&point);
        let (violations, _) = replay_in(&world, &fewer)?;
        if let Some(same) = violations
            .into_iter()
            .find(|one| one.invariant == finding.violation.invariant)
        {
            best = Finding {
                id: id_of(&world, &fewer),
                violation: same,
            };
            plan = fewer;
        }
    }
    Ok(best)
}
