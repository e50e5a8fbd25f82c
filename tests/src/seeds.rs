//! Lives at random, each from a seed: many tickets, some workers a stage, faults by rates that differ from seed to
//! seed; then the faults stop, everything drains, and dead letters are moved back.

use anyhow::Result;
use ratchet_domain::stage::Stage;
use sha2::{Digest as _, Sha256};

use crate::engine::{Chance, Counters, Dice, Life as _, Plan, Violation};
use crate::script::{Pattern, Script};
use crate::variant::Variant;
use crate::world::World;

/// What one seed came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seeded {
    /// SHA-256 over the trace.
    pub trace: String,
    /// Outside calls.
    pub calls: u64,
    /// Tickets.
    pub tickets: u32,
    /// What was broken.
    pub violations: Vec<Violation>,
}

/// Faults stop after this many outside calls a ticket.
const FAULTY_CALLS: u32 = 160;

/// Runs one seed; `keep` hands out the lines of its trace.
///
/// # Errors
/// When the world itself fails.
pub fn seed(seed: u64, variant: Variant, keep: &mut dyn FnMut(&str)) -> Result<(Seeded, Counters)> {
    let mut dice = Dice::new(seed);
    // Few tickets mostly: a small world finds most, and many of them fit into the time.
    let tickets = match dice.below(200) {
        0 => 20 + dice.below(31),
        1..16 => 4 + dice.below(8),
        _ => 1 + dice.below(3),
    };
    let pattern = Pattern::ALL
        .get(dice.place(Pattern::ALL.len()))
        .copied()
        .unwrap_or(Pattern::Once);
    let tickets = u32::try_from(tickets).unwrap_or(1);
    let script = Script {
        tickets,
        noisy: true,
        grid: false,
        ..Script::of(pattern)
    };
    let world = World::new(script, variant)?;
    world.load(&world.start)?;
    world.hub.begin(&Plan::default(), true);
    world.hub.lock().chance = Some(Chance::of(&mut dice));
    let workers = 1 + dice.place(3);
    let faulty = FAULTY_CALLS.saturating_mul(tickets);
    for _ in 0..100_000_u32 {
        if world.hub.lock().at.point >= faulty || !world.step_with(&mut dice, workers)? {
            break;
        }
    }
    world.hub.lock().chance = None;
    world.hub.note(|| "     faults stop".to_owned());
    world.finish()?;
    let mut inner = world.hub.lock();
    let lines = inner.trace.take().unwrap_or_default();
    let mut hasher = Sha256::new();
    for line in &lines {
        hasher.update(line.as_bytes());
        hasher.update(b"\n");
        keep(line);
    }
    let seeded = Seeded {
        trace: hex::encode(hasher.finalize()),
        calls: u64::from(inner.at.point),
        tickets,
        violations: std::mem::take(&mut inner.at.violations),
    };
    Ok((seeded, std::mem::take(&mut inner.counters)))
}

impl World {
    /// As [`World::step`], with so many workers: at random, several batches of one stage or of several are under way
    /// at once, and whose call is next is thrown.
    fn step_with(&self, dice: &mut Dice, workers: usize) -> Result<bool> {
        let ready: Vec<Stage> = self
            .queues
            .iter()
            .filter(|(_, name)| self.hub.aws.sqs.depth(name).visible > 0)
            .map(|(stage, _)| *stage)
            .collect();
        if ready.is_empty() || dice.below(4) == 0 {
            return self.step();
        }
        let mut chosen = Vec::new();
        for _ in 0..=dice.place(workers * 2) {
            chosen.extend(ready.get(dice.place(ready.len())));
        }
        let mut throws = dice.clone();
        dice.throw();
        let mut turns = move |waiting: &[usize]| waiting.get(throws.place(waiting.len())).copied();
        self.deliver_together(&chosen, &mut turns)?;
        Ok(true)
    }
}
