//! The whole of it: every fault of a process at every point, and kills at random instants; one line of counts.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use ratchet_processes::{Binaries, cases, kills, rie};

/// The control's units and kills, at most.
const CONTROL_UNITS: u64 = 120;
const CONTROL_KILLS: u64 = 30;

#[derive(Parser)]
#[command(
    name = "processes",
    about = "Kills and stops function processes; non-zero when a promise is broken"
)]
struct Arguments {
    /// Folder with the functions' binaries; one binary that is all of them without it.
    #[arg(long, value_name = "DIR")]
    functions: Option<PathBuf>,
    /// Worlds side by side.
    #[arg(long, default_value_t = 8)]
    worlds: usize,
    /// How long an invocation may take, in ms.
    #[arg(long, default_value_t = 1_200)]
    timeout_ms: u64,
    /// Every which case.
    #[arg(long, default_value_t = 1)]
    step: usize,
    /// Cases at most.
    #[arg(long, default_value_t = 10_000)]
    cases: usize,
    /// Units of five guarded steps; 0 for none.
    #[arg(long, default_value_t = 600)]
    units: u64,
    /// Kills among them.
    #[arg(long, default_value_t = 60)]
    kills: u64,
    /// Chooses the instants of the kills.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// AWS's emulator of the runtime interface: runs two functions under it first.
    #[arg(long, value_name = "FILE")]
    rie: Option<PathBuf>,
    /// The functions' output.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let own = std::env::current_exe()?;
    let beside = own.parent().context("this binary is nowhere")?;
    let binaries = Binaries {
        outside: beside.join("outside"),
        functions: arguments.functions.unwrap_or_else(|| beside.join("function")),
        steps: beside.join("steps"),
        log: arguments.log,
    };
    if let Some(emulator) = &arguments.rie {
        println!(
            "runtime interface emulator: {}",
            rie::smoke(&binaries, emulator).await?
        );
    }
    let mut violations = 0;
    if arguments.cases > 0 {
        let menu = cases::Menu {
            worlds: arguments.worlds,
            timeout_ms: arguments.timeout_ms,
            step: arguments.step,
            cases_max: arguments.cases,
        };
        let report = cases::run(&binaries, &menu).await?;
        violations += report.violations.len() as u64;
        println!(
            "points {}, cases {} {:?}, zombies that called {}, fenced out {}, sweeps {}, violations {}",
            report.points,
            report.count(),
            report.cases,
            report.zombies_that_called,
            report.receipts,
            report.sweeps,
            report.violations.len()
        );
    }
    if arguments.units > 0 {
        let mut menu = kills::Menu {
            units: arguments.units,
            kills: arguments.kills,
            processes: 3,
            seed: arguments.seed,
            unguarded: false,
        };
        let report = kills::run(&binaries, &menu).await?;
        println!(
            "steps {}, kills {}, repeated {}, lost {}",
            report.steps, report.kills, report.repeated, report.lost
        );
        violations += report.repeated + report.lost;
        // The control needs no more than shows that the kills hit.
        menu.unguarded = true;
        menu.units = menu.units.min(CONTROL_UNITS);
        menu.kills = menu.kills.min(CONTROL_KILLS);
        let control = kills::run(&binaries, &menu).await?;
        println!(
            "without the guard's probe: steps {}, kills {}, repeated {}, lost {}",
            control.steps, control.kills, control.repeated, control.lost
        );
        violations += u64::from(control.repeated == 0);
    }
    if violations > 0 {
        bail!("{violations} violations");
    }
    Ok(())
}
