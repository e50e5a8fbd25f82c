//! What the search asks of a workflow and its world.

use std::collections::BTreeSet;

use anyhow::Result;

use super::drive::Turns;
use super::fault::Plan;
use super::points::{Points, Violation};

/// Steps after which a life is taken to be without end.
const STEPS_MAX: u32 = 4_000;

/// A workflow in a world that can be copied and that only the search moves.
///
/// Nothing in it may depend on anything but its own state: no clock but [`Points::clock`], no randomness, no order of
/// threads. Then the same plan gives the same life, and an id is enough to see it again.
pub trait Life {
    /// What the world remembers beside its services; it is copied with the points.
    type State: Clone + Default;
    /// A request that was sent and lands later.
    type Late: Clone;
    /// Everything at one instant.
    type Node: Clone;

    /// Where its outside calls pass.
    fn points(&self) -> &Points<Self::State, Self::Late>;

    /// What stands before the faults in an id: which code, which deliveries.
    fn frame(&self) -> String;

    /// The instant at which every schedule begins.
    fn start(&self) -> Self::Node;

    /// Everything as it is now.
    ///
    /// # Errors
    /// When the services cannot be copied.
    fn fork(&self) -> Result<Self::Node>;

    /// Everything as it was then.
    ///
    /// # Errors
    /// When the services cannot be put back.
    fn back_to(&self, node: &Self::Node) -> Result<()>;

    /// Does the next thing (a delivery, a sweep, the landing of a late request); false when nothing is left.
    ///
    /// # Errors
    /// When the world itself fails; a broken promise goes to [`Points::violated`].
    fn step(&self) -> Result<bool>;

    /// The promises that hold when nothing is left to do; what must hold at every instant is checked where it happens.
    fn check(&self);

    /// A digest that is equal for two instants only if whatever follows from the one follows from the other; none
    /// where that cannot be told, and then nothing is walked once for two.
    fn likeness(&self) -> Option<[u8; 16]> {
        None
    }

    /// The promise that a life without end breaks.
    fn no_end(&self) -> Violation {
        Violation {
            invariant: "progress-after-faults",
            detail: format!("no end after {STEPS_MAX} steps"),
        }
    }

    /// Steps to the end, then checks.
    ///
    /// # Errors
    /// As [`Life::step`].
    fn finish(&self) -> Result<()> {
        self.finish_unless(None)
    }

    /// As [`Life::finish`], unless it comes to an instant from which another life of no faults came to its end: `ended`
    /// has their likenesses, and is given those of this life.
    ///
    /// # Errors
    /// As [`Life::step`].
    fn finish_unless(&self, mut ended: Option<&mut BTreeSet<[u8; 16]>>) -> Result<()> {
        let mut own = BTreeSet::new();
        for _ in 0..STEPS_MAX {
            let like = ended.is_some().then(|| self.likeness()).flatten();
            if like.is_some_and(|like| ended.as_ref().is_some_and(|ended| ended.contains(&like))) {
                return Ok(());
            }
            // What comes back to where it was goes round for ever.
            let goes_round = like.is_some_and(|like| !own.insert(like));
            if goes_round {
                break;
            }
            if !self.step()? {
                self.check();
                if let Some(ended) = &mut ended {
                    ended.append(&mut own);
                }
                return Ok(());
            }
        }
        self.points().violated(vec![self.no_end()]);
        Ok(())
    }
}

/// A workflow of which two invocations can be under way at once.
pub trait Races: Life {
    /// The instant before the step `what` is delivered for the first time.
    ///
    /// # Errors
    /// When the plain life has no such step.
    fn before(&self, what: &str) -> Result<Self::Node>;

    /// Delivers the step's message to so many invocations at once; each later one is cut off `later_ms` later.
    ///
    /// # Errors
    /// When the world itself fails.
    fn race(&self, what: &str, copies: usize, later_ms: u64, turns: Turns<'_>) -> Result<()>;

    /// Whether a call of this label commutes with every call of another invocation, so that its place in the order
    /// says nothing.
    fn is_quiet(&self, label: &str) -> bool;

    /// How long a zombie sleeps, in ms: past its lease and past its message's visibility.
    fn sleep_ms(&self) -> u64;
}

/// One life from the start under this plan: what it broke, and its trace.
///
/// # Errors
/// When the world itself fails.
pub fn run_with<L: Life>(world: &L, plan: &Plan) -> Result<(Vec<Violation>, Vec<String>)> {
    world.back_to(&world.start())?;
    world.points().begin(plan, true);
    world.finish()?;
    let mut inner = world.points().lock();
    let trace = inner.trace.take().unwrap_or_default();
    Ok((std::mem::take(&mut inner.at.violations), trace))
}
