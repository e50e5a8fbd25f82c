//! The search from a command line: `sweep ci`, `sweep quick`, `sweep nightly`, `sweep replay ID`.

use std::process::{Command as Process, ExitCode, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, Subcommand};
use ratchet_tests::{Pattern, Raced, Tally, Task, Variant, orders, replay, shrink};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

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
    /// All singles, all pairs of the plain deliveries, for three stages all orders and those of few switches with a fault,
    /// 2,000 seeds, every broken variant.
    Ci,
    /// Singles, orders, some seeds, every broken variant.
    Quick,
    /// All triples of the plain deliveries and all pairs of the others, all orders with a fault, 20,000 seeds.
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
    /// One task alone, for people: `faults:<pattern>:<faults>[:<from>:<to>]`, `kinds:<pattern>`,
    /// `weave:<stage>:<0|1>[:<switches>]`, `seeds:<from>:<to>`, `control:<variant>`.
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
        Command::Ci => campaign(tasks(Extent::Ci), arguments.workers),
        Command::Quick => campaign(tasks(Extent::Quick), arguments.workers),
        Command::Nightly => campaign(tasks(Extent::Nightly), arguments.workers),
        Command::Orders { singles } => orders(singles),
        Command::Replay { id } => again(&id),
        Command::One { task } => Ok(told(&Task::parse(&task)?.run()?, false)),
        Command::Task { task } => {
            println!("{}", Task::parse(&task)?.run()?.print());
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Seeds that one process takes at a time.
const SEEDS_A_TASK: u64 = 50;

/// The points at which the parts of the longest searches begin, so that no process is left alone with one in the end.
const PARTS: [u32; 2] = [0, 40];

/// Functions whose orders with a fault have so many switches at most in a change's own run, and any number at night.
const LONG: [&str; 3] = ["map", "open-pr", "publish-rca"];

/// See [`LONG`].
const SWITCHES: usize = 1;

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    Quick,
    Ci,
    Nightly,
}

/// The longest first.
fn tasks(extent: Extent) -> Vec<Task> {
    let (most, others_most, seeds) = match extent {
        Extent::Quick => (1, 1, 100),
        Extent::Ci => (2, 1, 2_000),
        Extent::Nightly => (3, 2, 20_000),
    };
    let mut tasks = Vec::new();
    if most == 1 {
        tasks.push(Task::Faults(Pattern::Once, most, None));
    } else {
        let ends = PARTS.into_iter().skip(1).chain([u32::MAX]);
        let parts = PARTS.into_iter().zip(ends);
        tasks.extend(parts.map(|part| Task::Faults(Pattern::Once, most, Some(part))));
    }
    for raced in Raced::all() {
        let with_a_fault =
            extent == Extent::Nightly || (extent == Extent::Ci && !LONG.contains(&raced.as_str()));
        if extent == Extent::Ci && !with_a_fault {
            tasks.push(Task::Weave(raced, true, Some(SWITCHES)));
        }
        tasks.push(Task::Weave(raced, with_a_fault, None));
    }
    let others = Pattern::ALL.into_iter().filter(|one| *one != Pattern::Once);
    tasks.extend(others.map(|one| Task::Faults(one, others_most, None)));
    let kinds = Pattern::ALL.into_iter();
    tasks.extend(
        kinds
            .filter(|one| extent == Extent::Nightly || *one == Pattern::Once)
            .map(Task::Kinds),
    );
    let starts = (0..seeds).step_by(usize::try_from(SEEDS_A_TASK).unwrap_or(1));
    tasks.extend(starts.map(|from| Task::Seeds(from, (from + SEEDS_A_TASK).min(seeds))));
    tasks.extend(
        Variant::BROKEN
            .into_iter()
            .map(|(variant, _)| Task::Control(variant)),
    );
    tasks
}

/// Runs the tasks in processes, prints what each came to, and the one line in the end. A process has its own allocator
/// and its own lock on everything, which threads of one would share.
fn campaign(tasks: Vec<Task>, workers: usize) -> Result<ExitCode> {
    let waiting = Mutex::new(tasks.into_iter());
    let whole = Mutex::new(Tally::default());
    std::thread::scope(|scope| -> Result<()> {
        let hands: Vec<_> = (0..workers.max(1))
            .map(|_| scope.spawn(|| work_off(&waiting, &whole)))
            .collect();
        for hand in hands {
            match hand.join() {
                Ok(done) => done?,
                Err(_) => bail!("a worker of the search has failed"),
            }
        }
        Ok(())
    })?;
    let whole = whole.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(told(&whole, true))
}

/// Takes task after task, each into a process of its own.
fn work_off(waiting: &Mutex<std::vec::IntoIter<Task>>, whole: &Mutex<Tally>) -> Result<()> {
    let own = std::env::current_exe().context("the program does not find itself")?;
    loop {
        let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
        let Some(task) = next else { return Ok(()) };
        let name = task.print();
        let output = Process::new(&own)
            .args(["task", &name])
            .stderr(Stdio::inherit())
            .output()?;
        anyhow::ensure!(output.status.success(), "task `{name}` failed");
        let tally = Tally::parse(String::from_utf8_lossy(&output.stdout).trim())
            .with_context(|| format!("task `{name}` gave no tally"))?;
        println!("{name}: {}", tally.line());
        tally.notes.iter().for_each(|note| println!("  {note}"));
        whole.lock().unwrap_or_else(PoisonError::into_inner).add(tally);
    }
}

/// Prints what was found and counted; a `whole` search must also have met everything that it is to meet.
fn told(tally: &Tally, whole: bool) -> ExitCode {
    if !whole {
        tally.notes.iter().for_each(|note| println!("{note}"));
    }
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
