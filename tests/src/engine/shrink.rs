//! The fewest faults that still break the same promise.

use anyhow::Result;

use super::fault::Plan;
use super::life::{Life, run_with};
use super::search::Finding;

/// The same violation with as few faults as it takes; the finding as it is when its plan breaks nothing any more.
///
/// # Errors
/// When the world itself fails.
pub fn shrink<L: Life>(world: &L, plan: &Plan, finding: &Finding) -> Result<Finding> {
    let mut plan = plan.clone();
    let mut best = finding.clone();
    for point in plan.0.keys().copied().collect::<Vec<_>>() {
        let mut fewer = plan.clone();
        fewer.0.remove(&point);
        let (violations, _) = run_with(world, &fewer)?;
        let same = violations
            .into_iter()
            .find(|one| one.invariant == finding.violation.invariant);
        if let Some(violation) = same {
            let id = id_of(world, &fewer);
            best = Finding { id, violation };
            plan = fewer;
        }
    }
    Ok(best)
}

/// What shows the schedule again.
pub fn id_of<L: Life>(world: &L, plan: &Plan) -> String {
    format!("{}/{}", world.frame(), plan.print())
}
