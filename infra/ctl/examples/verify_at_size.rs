//! How long `ctl usage verify` takes over many entries, and how much memory: `cargo run --release -p ctl --example
//! verify_at_size -- 10000 100000`.
//!
//! For each size a store in a file is filled with entries, totals and flags as the meter writes them, and sealed. Then a
//! process of its own verifies it, once without and once with the search of the ledger, and says what it took. No test
//! depends on a time; this prints them.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::{AttributeValue, KeyType, PutRequest, WriteRequest};
use bytes::Bytes;
use clap::Parser as _;
use ratchet_domain::bill::{self, Entry, Field, Flag};
use ratchet_domain::ids::{ContentHash, OrgId, Provider, TicketNumber, TicketRef, digest_of};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::clock::{Clock, CountedAttemptIds, SystemClock};
use ratchet_guard::embedded::EmbeddedDynamo;
use ratchet_guard::schema;
use ratchet_guard::store::Item;
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::config::Env;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::secrets::EnvSecrets;
use ratchet_runtime::usage::Usage;

const ORG: &str = "acme";
const PERIOD: &str = "2026-02";

/// Partitions that the charges are spread over.
const SPREAD: u64 = 8;

/// 2026-02-14T00:00:00Z, in ms.
const BILLED_AT: u64 = 1_771_027_200_000;

/// Rows of one write. Source: DynamoDB's limit.
const ROWS_A_WRITE: usize = 25;

/// Verifying asks no provider.
struct Nobody;

#[async_trait]
impl Transport for Nobody {
    async fn send(&self, _: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        Err(TransportError::NotSent("there is no provider here".to_owned()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [verb, store, more @ ..] = arguments.as_slice()
        && verb == "verify"
    {
        return verify(Path::new(store), more).await;
    }
    let sizes = match arguments.as_slice() {
        [] => vec![10_000, 100_000],
        given => given
            .iter()
            .map(|size| size.parse())
            .collect::<Result<Vec<u64>, _>>()?,
    };
    for size in sizes {
        let folder = tempfile::tempdir()?;
        let store = folder.path().join("tables.sqlite");
        let started_ms = SystemClock.now_ms();
        let batches = fill(&store, size).await?;
        println!(
            "{size} entries in {SPREAD} partitions and {batches} seals, filled in {:.1} s",
            seconds_since(started_ms)
        );
        for more in [&[][..], &["--ledger"][..]] {
            let own = std::env::current_exe()?;
            let status = Command::new(own).arg("verify").arg(&store).args(more).status()?;
            ensure!(status.success(), "verify failed");
        }
    }
    Ok(())
}

fn seconds_since(started_ms: u64) -> f64 {
    std::time::Duration::from_millis(SystemClock.now_ms().saturating_sub(started_ms)).as_secs_f64()
}

/// Charges as `qualify` leaves them, sealed; how many seals there are.
async fn fill(store: &Path, entries: u64) -> Result<u64> {
    let tables = EmbeddedDynamo::open(store)?.client();
    schema::create_ledger_table(&tables, "ledger").await?;
    let keys = [("org_period", KeyType::Hash), ("sk", KeyType::Range)];
    schema::create(&tables, "usage", &keys, false).await?;
    let (org, period) = (OrgId::parse(ORG)?, Period::parse(PERIOD).context("a month")?);
    let (mut usage, mut ledger) = (Vec::new(), Vec::new());
    let mut totals = vec![0_u64; usize::try_from(SPREAD)?];
    for number in 0..entries {
        let (part, row, flag) = charge(&org, &period, number)?;
        if let Some(total) = totals.get_mut(usize::try_from(part)?) {
            *total += 1;
        }
        usage.push(row);
        ledger.push(flag);
        if usage.len() == ROWS_A_WRITE {
            write(&tables, "usage", std::mem::take(&mut usage)).await?;
            write(&tables, "ledger", std::mem::take(&mut ledger)).await?;
        }
    }
    for (part, total) in (0..).zip(&totals) {
        let partition = bill::partition(&org, &period, part);
        usage.push(Item::from([
            text("org_period", &partition),
            text("sk", bill::TOTAL),
            ("mapped_bugs".to_owned(), AttributeValue::N(total.to_string())),
        ]));
    }
    for (table, rows) in [("usage", usage), ("ledger", ledger)] {
        for rows in rows.chunks(ROWS_A_WRITE) {
            write(&tables, table, rows.to_vec()).await?;
        }
    }
    let usage = Usage::new(tables, "usage");
    usage.seal(&org, &period, true, SystemClock.now_ms()).await?;
    let last = usage.last_batch(&org, &period).await?.context("seals")?;
    Ok(last.seq + 1)
}

/// One charge: its part, its entry's row and its flag's.
fn charge(org: &OrgId, period: &Period, number: u64) -> Result<(u64, Item, Item)> {
    let ticket = TicketRef {
        org: org.clone(),
        provider: Provider::Zendesk,
        number: TicketNumber::parse(number.to_string())?,
    };
    let content = ContentHash::of(&["words", &number.to_string()]);
    let (bug, billed_at) = (ticket.bug(), BILLED_AT + number);
    let (part, key) = (bill::home_part(&bug, SPREAD), bill::charge_key(&bug));
    let entry = Entry::new([
        ("kind", Field::text("mapped_bug")),
        ("key", Field::text(&key)),
        ("org", Field::text(org.as_str())),
        ("period", Field::text(period.as_str())),
        ("bug", Field::text(bug.as_str())),
        ("ticket", Field::text(ticket.label())),
        ("content", Field::text(content.as_str())),
        ("extract_model", Field::text("claude-sonnet-4-5")),
        ("extract_prompt", Field::text("extract/1")),
        ("map_model", Field::text("claude-sonnet-4-5")),
        ("map_prompt", Field::text("map/1")),
        ("ai_confidence", Field::number(0.91)),
        ("location_confidence", Field::number(0.83)),
        ("ai_threshold", Field::number(0.7)),
        ("location_threshold", Field::number(0.7)),
        ("candidates_hash", Field::text(digest_of(&["candidates", &key]))),
        ("repos", Field::text("acme/shop")),
        ("decision", Field::text("billed")),
        ("plan", Field::text("paid")),
        ("billed_at", Field::number(billed_at)),
    ]);
    let flag = Flag {
        org_period: bill::partition(org, period, part),
        entry: key.clone(),
        hash: entry.hash(),
        billed_at,
        content,
    };
    let fields = entry.fields().iter().map(|(name, field)| match field {
        Field::Text(value) => text(name, value),
        Field::Number(digits) => (name.clone(), AttributeValue::N(digits.clone())),
    });
    let mut row: Item = fields.collect();
    row.extend([
        text("org_period", &flag.org_period),
        text("sk", &key),
        text("hash", &flag.hash),
    ]);
    let flag = Item::from([
        text("subject", &ticket.subject()),
        text("step", step::BILL),
        text("state", "sealed"),
        text("body", &serde_json::to_string(&flag)?),
    ]);
    Ok((part, row, flag))
}

fn text(name: &str, value: &str) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(value.to_owned()))
}

async fn write(tables: &aws_sdk_dynamodb::Client, table: &str, rows: Vec<Item>) -> Result<()> {
    let put = |row| -> Result<WriteRequest> {
        let put = PutRequest::builder().set_item(Some(row)).build()?;
        Ok(WriteRequest::builder().put_request(put).build())
    };
    let rows: Vec<WriteRequest> = rows.into_iter().map(put).collect::<Result<_>>()?;
    if !rows.is_empty() {
        tables
            .batch_write_item()
            .request_items(table, rows)
            .send()
            .await?;
    }
    Ok(())
}

/// Runs the command itself on a store, and prints what this process took.
async fn verify(store: &Path, more: &[String]) -> Result<()> {
    let dynamo = EmbeddedDynamo::open(store)?.client();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::latest())
        .build();
    let world = ctl::world::World::without_functions(Deployment {
        env: Env::from_iter([("USAGE_TABLE", "usage"), ("LEDGER_TABLE", "ledger")]),
        clock: Arc::new(SystemClock),
        ids: Arc::new(CountedAttemptIds::new("verify")),
        dynamo,
        sqs: aws_sdk_sqs::Client::from_conf(config),
        transport: Arc::new(Nobody),
        secrets: Arc::new(EnvSecrets),
    });
    let arguments = ["ctl", "usage", "verify", "--org", ORG, "--period", PERIOD];
    let more = more.iter().map(String::as_str);
    let cli = ctl::cli::Cli::try_parse_from(arguments.into_iter().chain(more))?;
    let started_ms = SystemClock.now_ms();
    let answer = ctl::run(&cli, &world, &mut "".as_bytes()).await;
    let took = seconds_since(started_ms);
    ensure!(answer.stdout.contains("verified"), "{}", answer.stderr);
    let (processor, peak) = own_use()?;
    print!("{}", answer.stdout);
    println!("  took     {took:.2} s, {processor:.2} s of processor time, {peak:.1} MiB at most\n");
    Ok(())
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
