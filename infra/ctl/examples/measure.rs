//! What a sweep reads, and what a plan costs, on the embedded store: `measure sweep 1000 1000000`, `measure plan 1000 10000`.
//!
//! Each size is measured in a process of its own, so that one's memory is none of the other's.

use std::env::{args, current_exe};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use ctl::cli::Cli;
use ctl::world::World;
use local::stand::{MINUTE_MS, Stand};
use ratchet_guard::clock::{Clock, SystemClock};
use ratchet_guard::{Work, WorkKey};
use serde_json::Value;

/// Stuck claims of a sweep.
const STUCK: u64 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let words: Vec<String> = args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["one", "sweep", size] => Box::pin(sweep(size.parse()?)).await,
        ["one", "plan", size] => Box::pin(plan(size.parse()?)).await,
        [what @ ("sweep" | "plan"), sizes @ ..] if !sizes.is_empty() => {
            for size in sizes {
                let status = Command::new(current_exe()?).args(["one", what, size]).status()?;
                ensure!(status.success(), "{what} of {size} failed");
            }
            Ok(())
        }
        _ => bail!("say `sweep FINISHED ..` or `plan RUNS ..`"),
    }
}

/// One sweep over [`STUCK`] claims among so many finished rows, and the next one, which finds them sent.
async fn sweep(finished: u64) -> Result<()> {
    let world = Stand::new().await?;
    world.finish_bills(finished)?;
    for id in 0..STUCK {
        let key = WorkKey::new(format!("ticket#acme#zendesk#{id}"), "pr#acme/shop");
        let work = Work::new(key, "c").driven_by("open-pr", format!("m{id}"));
        world.claimed(&work).await?;
    }
    world.clock.advance(10 * MINUTE_MS);
    world.tap.forget();
    let began_ms = SystemClock.now_ms();
    let sent = world.tick().await?.claims;
    let took_ms = SystemClock.now_ms() - began_ms;
    let counts = world.tap.counts();
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    println!(
        "finished {finished:>9}  stuck {STUCK}  sent {sent}  queries {}  rows read {}  updates {}  sends {}  scans {}  {took_ms} ms",
        count("Query"),
        count("items"),
        count("UpdateItem"),
        count("SendMessageBatch"),
        count("Scan"),
    );
    Ok(())
}

/// One plan over so many finished runs of nine steps each.
async fn plan(runs: u64) -> Result<()> {
    let world = Stand::new().await?;
    world.finish_runs(runs)?;
    let mut deployment = world.deployment("replay")?;
    deployment.transport = Arc::new(world.sandbox.clone());
    let there = World::without_functions(deployment);
    let window = [
        "--since",
        "2026-11-20T08:30:00Z",
        "--until",
        "2026-11-20T09:30:00Z",
    ];
    let args = [
        &["ctl", "replay", "plan", "--org", "acme", "--limit", "5", "--json"][..],
        &window[..],
    ];
    let cli = Cli::try_parse_from(args.concat())?;
    world.tap.forget();
    let before_kib = kib_of("VmRSS")?;
    std::fs::write("/proc/self/clear_refs", "5").context("peak could not be reset")?;
    let began_ms = SystemClock.now_ms();
    let answer = ctl::run(&cli, &there, &mut "".as_bytes(), &mut std::io::sink()).await;
    let took_ms = SystemClock.now_ms() - began_ms;
    let peak_kib = kib_of("VmHWM")?;
    let planned: Value = serde_json::from_str(&answer.stdout).with_context(|| format!("{answer:?}"))?;
    let told = |pointer: &str| planned.pointer(pointer).cloned().unwrap_or_default();
    println!(
        "runs {:>6}  steps {:>6}  charge {}  scans {}  {took_ms} ms  memory before {before_kib} KiB, peak {peak_kib} KiB, grown by {} KiB",
        told("/runs"),
        told("/steps/reuse"),
        told("/charge_max"),
        world.tap.counts().get("Scan").copied().unwrap_or(0),
        peak_kib.saturating_sub(before_kib),
    );
    Ok(())
}

/// A line of the process's own status, in KiB.
fn kib_of(name: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let digits = line.and_then(|line| line.split_whitespace().next());
    Ok(digits.context("status lacks the line")?.parse()?)
}
