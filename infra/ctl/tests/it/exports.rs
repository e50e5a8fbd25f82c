//! Exports of sealed entries: each once, in an order that stays, and none behind one that does not verify.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use ctl::failure::Exit;
use ratchet_runtime::usage::slice::Slice;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::bills::{billed, seal, usage};
use crate::forgeries::set;
use crate::life::Life;

#[tokio::test]
async fn an_export_goes_on_from_any_line_and_gives_each_entry_once() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    let all = bench.run(&["usage", "export", "--org", "acme"]).await?;
    let lines: Vec<Value> = all
        .stdout
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    assert_eq!(lines.len(), 3);
    let cursor = lines[0]["cursor"].as_str().context("cursor")?;
    let rest = bench
        .run(&["usage", "export", "--org", "acme", "--since", cursor])
        .await?;
    let behind: Vec<&str> = all.stdout.lines().skip(1).collect();
    assert_eq!(rest.stdout.lines().collect::<Vec<_>>(), behind);

    // What comes later stands behind what was exported, wherever its key sorts.
    let end = lines[2]["cursor"].as_str().context("cursor")?;
    for number in ["1", "2", "3", "4"] {
        Life::of(&bench, number)?.billed().await?;
    }
    let nothing = bench
        .json(&["usage", "export", "--org", "acme", "--since", end])
        .await?;
    assert_eq!(
        nothing["entries"],
        json!([]),
        "nothing is exported before it is sealed"
    );
    seal(&bench, false).await?;
    let mut keys: Vec<Value> = lines.iter().map(|line| line["key"].clone()).collect();
    let mut cursor = end.to_owned();
    loop {
        let page = bench
            .json(&[
                "usage", "export", "--org", "acme", "--since", &cursor, "--limit", "3",
            ])
            .await?;
        let entries = page["entries"].as_array().context("entries")?;
        keys.extend(entries.iter().map(|entry| entry["key"].clone()));
        cursor = page["cursor"].as_str().context("cursor")?.to_owned();
        if page["more"] == false {
            break;
        }
    }
    assert_eq!(keys.len(), 7);
    assert_eq!(
        keys.iter().map(Value::to_string).collect::<BTreeSet<_>>().len(),
        7
    );

    let csv = bench
        .run(&["usage", "export", "--org", "acme", "--format", "csv"])
        .await?
        .stdout;
    let mut rows = csv.lines();
    assert!(
        rows.next()
            .context("header")?
            .starts_with("cursor,key,kind,quantity,org,period,")
    );
    assert_eq!(rows.count(), 7);
    Ok(())
}

#[tokio::test]
async fn an_export_ends_before_an_entry_that_does_not_verify() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    let all = bench.json(&["usage", "export", "--org", "acme"]).await?;
    let key = all["entries"][1]["key"].as_str().context("key")?;
    set(&bench, key, "repos", AttributeValue::S("acme/other".to_owned())).await?;
    let answer = bench.run(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!(answer.exit, Exit::Failed);
    assert_eq!(answer.stdout.lines().count(), 1, "what stands before it is good");
    assert!(answer.stderr.contains(key), "{}", answer.stderr);
    Ok(())
}

#[tokio::test]
async fn an_export_ends_with_the_key_that_the_sealer_would_not_seal() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let page = usage(&bench).page("acme#2026-02", &Slice::whole(), None).await?;
    let key = &page.entries.get(1).context("an entry")?.key;
    set(&bench, key, "plan", AttributeValue::S("trial".to_owned())).await?;
    let sealing = seal(&bench, false).await?;
    assert_eq!(sealing.added, 1, "nothing beyond it");
    assert_eq!(sealing.stopped.map(|stop| stop.key).as_ref(), Some(key));
    for format in ["jsonl", "csv"] {
        let answer = bench
            .run(&["usage", "export", "--org", "acme", "--format", format])
            .await?;
        assert_eq!(answer.exit, Exit::Failed);
        assert!(answer.stderr.contains(key.as_str()), "{}", answer.stderr);
        let lines = answer.stdout.lines().count();
        assert_eq!(
            lines,
            1 + usize::from(format == "csv"),
            "what stands before it is good"
        );
    }
    // Mended: what is sealed is exported, and the rest waits for the sealer.
    set(&bench, key, "plan", AttributeValue::S("paid".to_owned())).await?;
    let answer = bench.run(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!((answer.exit, answer.stdout.lines().count()), (Exit::Done, 1));
    assert_eq!(seal(&bench, false).await?.added, 2);
    let answer = bench.run(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!((answer.exit, answer.stdout.lines().count()), (Exit::Done, 3));
    Ok(())
}
