//! The search from a command line: `sweep ci`, `sweep quick`, `sweep nightly`, `sweep replay ID`.

use std::process::{Child, Command as Process, ExitCode, Stdio};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use ratchet_domain::stage::Stage;
use ratchet_tests::{Pattern, Tally, Task, Variant, orders, replay, shrink};

/// Searches for a double or a lost effect.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// Processes at once.
    #[arg(long, global = true, default_value_t = 2)]
    workers: usize,
}

#[derive(Subcommand)]
enum Command {
    /// All singles and pairs, all orders, 2,000 seeds, every broken variant.
    Ci,
    /// Singles, some seeds, every broken variant.
    Quick,
    /// All triples too, and 20,000 seeds.
    Nightly,
    /// The guard's example, orders to invoices: all singles and pairs, all orders of two runs, every wrong version.
    Orders {
        /// Singles only.
        #[arg(long)]
        singles: bool,
    },
    /// Runs one schedule again and prints its calls and faults.
    Replay {
        /// As a failure prints it: `<variant>/<pattern>/<faults>` or `seed/<number>`.
        id: String,
    },
    /// One task alone, for people: `faults:<pattern>:<faults>`, `kinds:<pattern>`, `weave:<stage>:<0|1>`,
    /// `seeds:<from>:<to>`, `control:<variant>`.
    One {
        /// Which.
        task: String,
    },
    /// One task alone, as `faults:once:2`; prints a tally for the process that gave it.
    Task {
        /// See the tasks of `ci`.
        task: String,
    },
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    match arguments.command {
        Command::Ci => campaign(tasks(2, 2_000), arguments.workers),
        Command::Quick => campaign(tasks(1, 60), arguments.workers),
        Command::Nightly => campaign(tasks(3, 20_000), arguments.workers),
        Command::Orders { singles } => orders(singles),
        Command::Replay { id } => again(&id),
        Command::One { task } => Ok(told(&Task::parse(&task)?.run()?, false)),
        Command::Task { task } => {
            println!("{}", Task::parse(&task)?.run()?.print());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// The longest first, so that no process is left alone with one in the end.
fn tasks(faults: usize, seeds: u64) -> Vec<Task> {
    let mut tasks: Vec<Task> = Pattern::ALL
        .into_iter()
        .rev()
        .map(|one| Task::Faults(one, faults))
        .collect();
    tasks.extend(Stage::ALL.into_iter().map(|stage| Task::Weave(stage, faults > 1)));
    tasks.extend(Pattern::ALL.into_iter().map(Task::Kinds));
    let part = (seeds / 20).max(1);
    tasks.extend((0..20).map(|at| Task::Seeds(at * part, (at + 1) * part)));
    tasks.extend(
        Variant::BROKEN
            .into_iter()
            .map(|(variant, _)| Task::Control(variant)),
    );
    tasks
}

/// Runs the tasks in processes, prints what each came to, and the one line in the end.
fn campaign(tasks: Vec<Task>, workers: usize) -> Result<ExitCode> {
    let own = std::env::current_exe().context("the program does not find itself")?;
    let mut whole = Tally::default();
    let mut waiting = tasks.into_iter();
    let mut running: Vec<(String, Child)> = Vec::new();
    loop {
        while running.len() < workers.max(1) {
            let Some(task) = waiting.next() else { break };
            let name = task.print();
            let child = Process::new(&own)
                .args(["task", &name])
                .stdout(Stdio::piped())
                .spawn()?;
            running.push((name, child));
        }
        if running.is_empty() {
            break;
        }
        // Whichever ends first; waiting for the oldest would leave a core idle.
        let ended = running
            .iter_mut()
            .position(|(_, child)| matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
        let Some(at) = ended else {
            std::thread::yield_now();
            continue;
        };
        let (name, child) = running.swap_remove(at);
        let output = child.wait_with_output()?;
        anyhow::ensure!(output.status.success(), "task `{name}` failed");
        let tally = Tally::parse(String::from_utf8_lossy(&output.stdout).trim())
            .with_context(|| format!("task `{name}` gave no tally"))?;
        println!("{name}: {}", tally.line());
        tally.notes.iter().for_each(|note| println!("  {note}"));
        whole.add(tally);
    }
    Ok(told(&whole, true))
}

/// Prints what was found and counted; a `whole` search must also have met everything that it is to meet.
fn told(tally: &Tally, whole: bool) -> ExitCode {
    tally.notes.iter().for_each(|note| println!("{note}"));
    for finding in tally.findings.iter().take(20) {
        let least = shrink(finding).unwrap_or_else(|_| finding.clone());
        println!(
            "VIOLATION {} {}: {}",
            least.id, least.violation.invariant, least.violation.detail
        );
    }
    for (what, times) in &tally.counters.0 {
        println!("{times:10} {what}");
    }
    let missing = if whole { tally.missing() } else { Vec::new() };
    for what in &missing {
        println!("NEVER HAPPENED: {what}");
    }
    println!(
        "of the pairs and triples {} (triples {}) reached an instant like one walked before; {} of those were walked to their end",
        tally.merged, tally.triples, tally.audits
    );
    println!("{}", tally.line());
    let sound = tally.findings.is_empty() && missing.is_empty() && tally.controls.0 == tally.controls.1;
    if sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn orders(singles: bool) -> Result<ExitCode> {
    let part = if singles {
        orders::Part::Singles
    } else {
        orders::Part::Pairs
    };
    let sum = orders::Sum::of(part)?;
    sum.lines().iter().for_each(|line| println!("{line}"));
    Ok(if sum.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn again(id: &str) -> Result<ExitCode> {
    let (violations, trace) = match orders::replay(id)? {
        Some(replayed) => replayed,
        None => replay(id)?,
    };
    trace.iter().for_each(|line| println!("{line}"));
    for violation in &violations {
        println!("{}: {}", violation.invariant, violation.detail);
    }
    println!("violations {}", violations.len());
    Ok(if violations.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
