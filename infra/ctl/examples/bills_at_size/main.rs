//! What many entries of one period cost to seal, to verify, to explain and to export, in time and in memory:
//! `cargo run --release -p ctl --example bills_at_size -- 10000 100000`.
//!
//! For each size a store in a file is filled with entries, totals and flags as the meter writes them. Then a process of its
//! own does each, and says what it took. With `--keep FOLDER` the stores stay, and are not filled again. No test depends on
//! a time; this prints them.

mod books;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use bytes::Bytes;
use clap::Parser as _;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_guard::clock::{Clock, CountedAttemptIds, SystemClock};
use ratchet_guard::embedded::EmbeddedDynamo;
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::config::Env;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::secrets::EnvSecrets;
use ratchet_runtime::usage::Usage;

const ORG: &str = "acme";
const PERIOD: &str = "2026-02";

/// What is done to each store, in this order: the first writes the seals that the others read.
const VERBS: [&[&str]; 6] = [
    &["seal"],
    &["seal"],
    &["usage", "verify", "--org", ORG, "--period", PERIOD],
    &[
        "usage",
        "verify",
        "--org",
        ORG,
        "--period",
        PERIOD,
        "--entries-only",
    ],
    &["usage", "explain", "--org", ORG, "zendesk:77"],
    &["usage", "export", "--org", ORG, "--from", PERIOD],
];

/// What is run on a store that is there.
#[derive(Debug, clap::Parser)]
struct Args {
    /// How many entries.
    #[arg(default_values_t = [10_000, 100_000])]
    sizes: Vec<u64>,
    /// Keep the stores in this folder.
    #[arg(long)]
    keep: Option<PathBuf>,
}

/// No verb asks a provider.
struct Nobody;

#[async_trait]
impl Transport for Nobody {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        Err(TransportError::NotSent("there is no provider here".to_owned()))
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [first, store, verb @ ..] = arguments.as_slice()
        && first == "on"
    {
        return on(Path::new(store), verb).await;
    }
    let args = Args::parse();
    for size in args.sizes {
        let folder = tempfile::tempdir()?;
        let folder = args.keep.as_deref().unwrap_or_else(|| folder.path());
        let store = folder.join(format!("bills-{size}.sqlite"));
        if !store.exists() {
            books::fill(&store, size).await?;
        }
        println!("{size} entries in {} partitions", books::SPREAD);
        for verb in VERBS {
            let own = std::env::current_exe()?;
            let status = Command::new(own).arg("on").arg(&store).args(verb).status()?;
            ensure!(status.success(), "{verb:?} failed");
        }
    }
    Ok(())
}

/// Does one thing to a store, and prints what this process took.
async fn on(store: &Path, verb: &[String]) -> Result<()> {
    let dynamo = EmbeddedDynamo::open(store)?.client();
    let started_ms = SystemClock.now_ms();
    let said = match verb {
        [verb] if verb == "seal" => {
            let usage = Usage::new(dynamo, "usage");
            let (org, period) = (OrgId::parse(ORG)?, Period::parse(PERIOD).context("a month")?);
            let sealing = usage.seal(&org, &period, true, started_ms).await?;
            format!("seal: {} added, {} sealed", sealing.added, sealing.size)
        }
        verb => told(dynamo, verb).await?,
    };
    let took = std::time::Duration::from_millis(SystemClock.now_ms().saturating_sub(started_ms));
    let (processor, peak) = own_use()?;
    println!(
        "{said}\n  took     {:.2} s, {processor:.2} s of processor time, {peak:.1} MiB at most\n",
        took.as_secs_f64()
    );
    Ok(())
}

/// Counts the lines of what a verb writes as it goes, and keeps none.
struct Lines(usize);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.iter().filter(|byte| **byte == b'\n').count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What `ctl` says to this.
async fn told(dynamo: aws_sdk_dynamodb::Client, verb: &[String]) -> Result<String> {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .build();
    let world = ctl::world::World::without_functions(Deployment {
        env: Env::from_iter([("USAGE_TABLE", "usage"), ("LEDGER_TABLE", "ledger")]),
        clock: Arc::new(SystemClock),
        ids: Arc::new(CountedAttemptIds::new("bills")),
        dynamo,
        sqs: aws_sdk_sqs::Client::from_conf(config),
        transport: Arc::new(Nobody),
        secrets: Arc::new(EnvSecrets),
    });
    let verb = verb.iter().map(String::as_str);
    let cli = ctl::cli::Cli::try_parse_from(std::iter::once("ctl").chain(verb))?;
    let mut written = Lines(0);
    let answer = ctl::run(&cli, &world, &mut "".as_bytes(), &mut written).await;
    ensure!(answer.exit == ctl::failure::Exit::Done, "{}", answer.stderr);
    Ok(match written.0 {
        0 => answer.stdout,
        lines => format!("export: {lines} lines"),
    })
}

/// Seconds of processor time and the most memory, in MiB, that this process has used.
fn own_use() -> Result<(f64, f64)> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (_, fields) = stat.rsplit_once(')').context("fields of a process")?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: Vec<f64> = ticks.map(str::parse).collect::<Result<_, _>>()?;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak = peak
        .and_then(|peak| peak.split_whitespace().next())
        .context("peak")?;
    Ok((ticks.iter().sum::<f64>() / 100.0, peak.parse::<f64>()? / 1024.0))
}
