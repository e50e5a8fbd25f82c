//! Processes of guarded steps, killed at random instants.

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::{Child, Command as Start};

use crate::outside::Command;
use crate::steps::STEPS;
use crate::world::{Binaries, Outside, wait};

/// How many calls there are between two kills at least, and how many more at most. Reason: all kills must fall within
/// the work, which makes three calls a step or more.
const CALLS_BETWEEN: (u64, u64) = (8, 90);

/// What a run is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Menu {
    /// Units of [`STEPS`] steps.
    pub units: u64,
    /// Kills.
    pub kills: u64,
    /// Processes at once, all on the same units.
    pub processes: u64,
    /// Chooses the instants and the victims.
    pub seed: u64,
    /// Without the guard's probe: the control that shows that the kills hit.
    pub unguarded: bool,
}

/// What it came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Steps that had to be done.
    pub steps: u64,
    /// Kills that met a living process.
    pub kills: u64,
    /// Effects beyond the first of their step.
    pub repeated: u64,
    /// Steps without an effect, or without a result on record.
    pub lost: u64,
}

/// Kills and starts again until all kills are done, then lets the work end.
///
/// # Errors
/// When a process does not start, fails by itself, or the work ends before all kills are done.
pub async fn run(binaries: &Binaries, menu: &Menu) -> Result<Report> {
    let mut outside = Outside::start(&binaries.outside).await?;
    let mut dice = Dice(menu.seed);
    let start = |outside: &Outside, first: u64| {
        let mut start = Start::new(&binaries.steps);
        start
            .args(["--address", &outside.address, "--units", &menu.units.to_string()])
            .args(["--first", &first.to_string()])
            .env("AWS_ENDPOINT_URL", &outside.address)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "local")
            .env("AWS_SECRET_ACCESS_KEY", "local")
            .env("AWS_TIMEOUT_MS", "2000")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        if menu.unguarded {
            start.arg("--unguarded");
        }
        start.spawn().context("the process of steps does not start")
    };
    let mut workers: Vec<Child> = Vec::new();
    for _ in 0..menu.processes.max(1) {
        workers.push(start(&outside, dice.below(menu.units))?);
    }
    for kill in 0..menu.kills {
        let due = calls(&mut outside).await? + CALLS_BETWEEN.0 + dice.below(CALLS_BETWEEN.1);
        while calls(&mut outside).await? < due {
            for worker in &mut workers {
                ensure!(
                    worker.try_wait()?.is_none(),
                    "the work ended after {kill} of {} kills",
                    menu.kills
                );
            }
            wait(1).await;
        }
        let index = usize::try_from(dice.below(workers.len() as u64))?;
        let worker = workers.get_mut(index).context("there is no process")?;
        worker.kill().await?;
        // It begins near where the others may be, so that they meet.
        *worker = start(&outside, dice.below(menu.units))?;
    }
    for worker in &mut workers {
        let status = worker.wait().await?;
        ensure!(status.success(), "a process of steps failed: {status}");
    }
    let effects = outside.ask(&Command::Effects).await?;
    let number = |name: &str| {
        effects
            .get(name)
            .and_then(Value::as_u64)
            .context("effects are not counted")
    };
    let steps = menu.units * STEPS;
    let kept = number("keys")?.min(number("sealed")?);
    Ok(Report {
        steps,
        kills: menu.kills,
        repeated: number("repeated")?,
        lost: steps.saturating_sub(kept),
    })
}

async fn calls(outside: &mut Outside) -> Result<u64> {
    let calls = outside.ask(&Command::Calls).await?;
    calls.as_u64().context("calls are no number")
}

/// Random numbers from a seed (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}
