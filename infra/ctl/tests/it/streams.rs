//! Exports as they go: what they read before they write, readers that stop, and failures in the middle.

use std::io::ErrorKind;

use anyhow::Result;
use clap::Parser;
use ctl::cli::Cli;
use ctl::failure::Exit;
use ctl::report::Answer;
use serde_json::Value;

use crate::bench::{Bench, acme};
use crate::bills::{month, org, usage};
use crate::entries::{Log, Stdout, sealed};

/// 250 entries in a batch of 30 and one of 220.
async fn bench() -> Result<Bench> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    sealed(&bench, "2026-02", 0..30).await?;
    sealed(&bench, "2026-02", 30..250).await?;
    Ok(bench)
}

/// Runs `ctl usage export --org acme` with these arguments.
async fn export(bench: &Bench, more: &[&str], stdout: &mut Stdout) -> Result<Answer> {
    let args = [&["ctl", "usage", "export", "--org", "acme"], more].concat();
    let cli = Cli::try_parse_from(args)?;
    Ok(ctl::run(&cli, &bench.world, &mut "".as_bytes(), stdout).await)
}

#[tokio::test]
async fn entries_are_read_a_hundred_a_call_and_written_in_the_seals_order_before_more_are_read() -> Result<()>
{
    let mut bench = bench().await?;
    let log = Log::default();
    log.watch(&mut bench, None);
    let mut stdout = log.stdout(None);
    let answer = export(&bench, &[], &mut stdout).await?;
    assert_eq!((answer.exit, answer.stdout.as_str()), (Exit::Done, ""));
    assert!(
        answer
            .stderr
            .contains("250 entries, go on with --since 2026-02=250"),
        "{}",
        answer.stderr
    );
    let happened = [
        "GetItem", // the org's settings
        "Query",   // both batches of leaves
        "BatchGetItem 100",
        "write 100",
        "BatchGetItem 100",
        "write 100",
        "Query", // no batch behind them
        "BatchGetItem 50",
        "write 50",
        "GetItem", // where the sealer stopped
    ];
    assert_eq!(log.take(), happened);
    let lines: Vec<Value> = stdout
        .text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let batches = usage(&bench).batches(&org()?, &month("2026-02")?, 0, 9).await?;
    let leaves = batches.iter().flat_map(|batch| &batch.leaves);
    for (at, (leaf, line)) in leaves.zip(&lines).enumerate() {
        assert_eq!(line["key"], leaf.key.as_str());
        assert_eq!(line["cursor"], format!("2026-02={}", at + 1));
    }
    assert_eq!(lines.len(), 250);
    Ok(())
}

#[tokio::test]
async fn a_limit_reads_no_more_than_it_writes_and_says_whether_there_is_more() -> Result<()> {
    let mut bench = bench().await?;
    let log = Log::default();
    log.watch(&mut bench, None);
    let mut cursor = "2026-02=0".to_owned();
    for (limit, reads, more) in [
        ("130", &["BatchGetItem 100", "BatchGetItem 30"][..], true),
        ("100", &["BatchGetItem 100"], true),
        ("20", &["BatchGetItem 20"], false),
        ("1", &[], false),
    ] {
        let mut stdout = log.stdout(None);
        let args = ["--since", &cursor, "--limit", limit, "--json"];
        let answer = export(&bench, &args, &mut stdout).await?;
        let document: Value = serde_json::from_str(&(stdout.text + &answer.stdout))?;
        let mut happened = log.take();
        happened.retain(|what| what.starts_with("Batch"));
        assert_eq!(happened, reads);
        assert_eq!(document["more"], more, "{limit}");
        cursor = document["cursor"].as_str().unwrap().to_owned();
    }
    assert_eq!(cursor, "2026-02=250");
    Ok(())
}

#[tokio::test]
async fn a_cursor_that_has_all_reads_no_seals_again() -> Result<()> {
    let mut bench = bench().await?;
    let log = Log::default();
    log.watch(&mut bench, None);
    let args = ["--since", "2026-02=250"];
    export(&bench, &args, &mut log.stdout(None)).await?;
    // Settings, the last batch, nothing behind it, no stop.
    assert_eq!(log.take(), ["GetItem", "Query", "Query", "GetItem"]);
    bench.world.deployment.dynamo = bench.store.client();
    sealed(&bench, "2026-02", 250..252).await?;
    let answer = bench
        .run(&["usage", "export", "--org", "acme", "--since", "2026-02=250"])
        .await?;
    assert_eq!(answer.stdout.lines().count(), 2);
    assert!(answer.stderr.contains("2026-02=252"), "{}", answer.stderr);
    Ok(())
}

#[tokio::test]
async fn a_reader_that_stops_ends_the_export_early_and_is_no_failure() -> Result<()> {
    let mut bench = bench().await?;
    let log = Log::default();
    log.watch(&mut bench, None);
    for (args, writes, reads) in [
        (&[][..], 1, 2),
        (&["--format", "csv"], 0, 0),
        (&["--format", "csv"], 2, 2),
        (&["--json"], 1, 1),
    ] {
        let fails = Some((writes, ErrorKind::BrokenPipe));
        let answer = export(&bench, args, &mut log.stdout(fails)).await?;
        assert_eq!(answer.exit, Exit::Done, "{args:?}");
        let happened = log.take();
        let batches = happened.iter().filter(|what| what.starts_with("Batch"));
        assert_eq!(batches.count(), reads, "{args:?}: {happened:?}");
        assert_eq!(happened.last().map(String::as_str), Some("unwritten"));
        if !args.contains(&"--json") {
            assert!(
                answer.stderr.contains("nobody reads any more"),
                "{}",
                answer.stderr
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn output_that_cannot_be_written_is_a_failure_that_says_so() -> Result<()> {
    let mut bench = bench().await?;
    let log = Log::default();
    log.watch(&mut bench, None);
    let fails = Some((1, ErrorKind::StorageFull));
    let answer = export(&bench, &[], &mut log.stdout(fails)).await?;
    assert_eq!(answer.exit, Exit::Failed);
    assert!(
        answer.stderr.contains("standard output cannot be written"),
        "{}",
        answer.stderr
    );
    assert_eq!(log.take().last().map(String::as_str), Some("unwritten"));
    Ok(())
}

#[tokio::test]
async fn a_failure_in_the_middle_stands_behind_whole_lines_and_in_the_same_document() -> Result<()> {
    let mut bench = bench().await?;
    let log = Log::default();
    for (args, lines) in [(&[][..], 100), (&["--format", "csv"], 101)] {
        log.watch(&mut bench, Some(1));
        let mut stdout = log.stdout(None);
        let answer = export(&bench, args, &mut stdout).await?;
        assert_eq!(answer.exit, Exit::Failed);
        assert_eq!(answer.stdout, "");
        assert!(stdout.text.ends_with('\n'));
        assert_eq!(stdout.text.lines().count(), lines);
        assert!(
            answer.stderr.contains("operation=`BatchGetItem`"),
            "{}",
            answer.stderr
        );
    }
    for (refused, entries) in [(0, 0), (1, 100)] {
        log.watch(&mut bench, Some(refused));
        let mut stdout = log.stdout(None);
        let answer = export(&bench, &["--json"], &mut stdout).await?;
        let document: Value = serde_json::from_str(&(stdout.text + &answer.stdout))?;
        assert_eq!(document["entries"].as_array().map(Vec::len), Some(entries));
        assert_eq!(document["error"]["code"], "failed");
        assert_eq!((answer.exit, answer.stderr.as_str()), (Exit::Failed, ""));
    }
    Ok(())
}
