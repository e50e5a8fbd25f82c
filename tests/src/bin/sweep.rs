//! The search from a command line: `sweep replay ID` and `sweep one PATTERN FAULTS`.

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use ratchet_tests::{Menu, Pattern, Schedule, Script, Search, Variant, World};

#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs one schedule again and prints its calls and faults.
    Replay {
        /// As a failure prints it.
        id: String,
    },
    /// One search: every schedule of a pattern with up to so many faults.
    One { pattern: String, faults: usize },
}

fn main() -> Result<()> {
    match Arguments::parse().command {
        Command::Replay { id } => {
            let (violations, trace) = Schedule::parse(&id)?.replay()?;
            for line in trace {
                println!("{line}");
            }
            for violation in &violations {
                println!("{}: {}", violation.invariant, violation.detail);
            }
            anyhow::ensure!(violations.is_empty(), "violations {}", violations.len());
        }
        Command::One { pattern, faults } => {
            let pattern =
                Pattern::from_name(&pattern).with_context(|| format!("no pattern is called `{pattern}`"))?;
            let world = World::new(Script::of(pattern), Variant::Sound)?;
            let report = Search::new(&world, Menu::Six, None).run(faults)?;
            println!(
                "points {} schedules {:?} merged {:?} steps {} audits {}",
                report.points, report.schedules, report.merged, report.steps, report.audits
            );
            for finding in &report.findings {
                println!(
                    "{} {}: {}",
                    finding.id, finding.violation.invariant, finding.violation.detail
                );
            }
            for (what, times) in &report.counters.0 {
                println!("{times:8} {what}");
            }
            anyhow::ensure!(report.findings.is_empty(), "violations {}", report.findings.len());
        }
    }
    Ok(())
}
