//! Units of guarded steps, as a process that may be killed.

use clap::Parser;
use ratchet_processes::steps::{Options, run};

#[derive(Parser)]
struct Arguments {
    /// The outside process.
    #[arg(long)]
    address: String,
    /// How many units.
    #[arg(long)]
    units: u64,
    /// Where it begins.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Without the guard's probe.
    #[arg(long)]
    unguarded: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    run(&Options {
        address: arguments.address,
        units: arguments.units,
        first: arguments.first,
        unguarded: arguments.unguarded,
    })
    .await
}
