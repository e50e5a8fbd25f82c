//! Searches for an input that breaks a promise, longer than the tests do, and can keep what it finds.

use anyhow::{Result, bail};
use clap::Parser;
use ratchet_bytes::search::{search, watch_panics};
use ratchet_bytes::{TARGETS, corpus};

#[derive(Parser)]
#[command(
    name = "ratchet-bytes",
    about = "Changes the corpus at random, from a seed, and hands it to every door"
)]
struct Arguments {
    /// One target; all without it.
    #[arg(long)]
    target: Option<String>,
    /// Inputs a target.
    #[arg(long, default_value_t = 10_000)]
    inputs: u64,
    /// The same seed tries the same inputs.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Adds the first input of each new class to the corpus.
    #[arg(long)]
    keep: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    watch_panics();
    let mut violations = 0;
    for target in TARGETS {
        if arguments
            .target
            .as_deref()
            .is_some_and(|name| name != target.name)
        {
            continue;
        }
        let inputs: Vec<Vec<u8>> = corpus::of(&target)?.into_values().collect();
        let report = search(&target, &inputs, arguments.seed, arguments.inputs);
        for (class, count) in &report.classes {
            println!("{}: {count:>8}  {class}", target.name);
        }
        for violation in &report.violations {
            println!(
                "{}: {}\n  {:?}",
                target.name,
                violation.what,
                String::from_utf8_lossy(&violation.input)
            );
        }
        if arguments.keep {
            for (index, input) in report.found.iter().enumerate() {
                println!(
                    "{}: kept {}",
                    target.name,
                    corpus::keep(&target, inputs.len() + index, input)?.display()
                );
            }
        }
        println!(
            "{}: inputs {}, classes {}, violations {}",
            target.name,
            report.inputs,
            report.classes.len(),
            report.violations.len()
        );
        violations += report.violations.len();
    }
    if violations > 0 {
        bail!("{violations} inputs broke a promise");
    }
    Ok(())
}
