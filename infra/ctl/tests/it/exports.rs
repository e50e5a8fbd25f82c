//! Exports of sealed entries: each once, in an order that stays, and none behind one that does not verify.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use ctl::failure::Exit;
use ratchet_runtime::usage::slice::Slice;
use serde_json::{Value, json};

use crate::bench::{Bench, acme};
use crate::bills::{DAY_MS, billed, month, org, seal, usage};
use crate::entries::sealed;
use crate::forgeries::{row_key, set};
use crate::life::Life;

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

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
    set(&bench, key, "repos", text("acme/other")).await?;
    let answer = bench.run(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!(answer.exit, Exit::Failed);
    assert_eq!(answer.stdout.lines().count(), 1, "what stands before it is good");
    assert!(answer.stderr.contains(key), "{}", answer.stderr);

    // A program gets one document, with what stands before it.
    let told = bench.json(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!(told["entries"], json!([all["entries"][0]]));
    let message = told["error"]["message"].as_str().context("message")?;
    assert!(message.contains(key), "{message}");

    // Its hash made anew is not the one that was sealed.
    let forged = usage(&bench).entry("acme#2026-02", key).await?;
    let hash = forged.context("entry")?.entry.hash();
    let sealed = all["entries"][1]["hash"].as_str().context("hash")?;
    set(&bench, key, "hash", text(&hash)).await?;
    let answer = bench.run(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!((answer.exit, answer.stdout.lines().count()), (Exit::Failed, 1));
    assert!(answer.stderr.contains(key), "{}", answer.stderr);
    set(&bench, key, "hash", text(sealed)).await?;

    // One that is gone is as one that was changed.
    let gone = all["entries"][2]["key"].as_str().context("key")?;
    set(
        &bench,
        key,
        "repos",
        all["entries"][1]["repos"].as_str().map(text).context("repos")?,
    )
    .await?;
    let delete = bench.world.deployment.dynamo.delete_item().table_name("usage");
    delete.set_key(Some(row_key("acme#2026-02", gone))).send().await?;
    let answer = bench.run(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!(answer.exit, Exit::Failed);
    assert_eq!(answer.stdout.lines().count(), 2, "what stands before it is good");
    assert!(answer.stderr.contains(gone), "{}", answer.stderr);
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
    // A limit before it is kept; one that is reached at it makes it no good.
    sealed(&bench, "2026-01", 0..2).await?;
    for (limit, exit) in [("1", Exit::Done), ("2", Exit::Done), ("3", Exit::Failed)] {
        let answer = bench
            .run(&[
                "usage", "export", "--org", "acme", "--from", "2026-01", "--limit", limit,
            ])
            .await?;
        assert_eq!(
            (answer.exit, answer.stdout.lines().count().to_string()),
            (exit, limit.to_owned())
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

#[tokio::test]
async fn periods_follow_each_other_and_one_without_a_seal_is_passed_over() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    sealed(&bench, "2026-01", 0..2).await?;
    bench.clock.advance(60 * DAY_MS);
    let from = ["usage", "export", "--org", "acme", "--from", "2026-01"];
    let all = bench.json(&from).await?;
    assert_eq!(
        (&all["cursor"], &all["more"]),
        (&json!("2026-01=2"), &json!(false))
    );
    sealed(&bench, "2026-04", 2..5).await?;
    let cursors = |told: &Value| -> Vec<Value> {
        let entries = told["entries"].as_array().into_iter().flatten();
        entries.map(|entry| entry["cursor"].clone()).collect()
    };
    let since = ["usage", "export", "--org", "acme", "--since", "2026-01=2"];
    let told = bench.json(&since).await?;
    let april = [
        "2026-01=2,2026-04=1",
        "2026-01=2,2026-04=2",
        "2026-01=2,2026-04=3",
    ];
    assert_eq!(cursors(&told), april);
    // A charge of January that lands in April is given once too.
    sealed(&bench, "2026-01", 5..6).await?;
    let since = ["usage", "export", "--org", "acme", "--since", april[2]];
    assert_eq!(cursors(&bench.json(&since).await?), ["2026-01=3,2026-04=3"]);
    // A month in which nothing was sealed is no error; a limit of nothing is one.
    let from = [
        "usage", "export", "--org", "acme", "--from", "2026-04", "--limit", "0",
    ];
    assert!(bench.run(&from).await.is_err(), "a limit of nothing is refused");
    let globex = [
        "usage", "export", "--org", "globex", "--from", "2026-02", "--format", "csv",
    ];
    let answer = bench.run(&globex).await?;
    assert_eq!((answer.exit, answer.stdout.lines().count()), (Exit::Done, 1));
    Ok(())
}

#[tokio::test]
async fn a_cursor_beyond_what_is_sealed_is_refused_before_anything_is_written() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    sealed(&bench, "2026-01", 0..3).await?;
    for cursor in ["2026-01=4", "2026-01=0,2026-02=1"] {
        let since = ["usage", "export", "--org", "acme", "--since", cursor];
        let answer = bench.run(&since).await?;
        assert_eq!(
            (answer.exit, answer.stdout.as_str()),
            (Exit::Invalid, ""),
            "{cursor}"
        );
        let said = "--since: is beyond what is sealed";
        assert!(answer.stderr.contains(said), "{}", answer.stderr);
        let told = bench.json(&since).await?;
        assert_eq!(
            (&told["error"]["code"], &told["entries"]),
            (&json!("invalid_input"), &Value::Null)
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_seal_that_was_rewritten_brings_in_no_entry_of_another_place_and_asks_for_none_twice() -> Result<()>
{
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    sealed(&bench, "2026-01", 0..1).await?;
    let january = usage(&bench).last_batch(&org()?, &month("2026-01")?).await?;
    let february = usage(&bench).last_batch(&org()?, &month("2026-02")?).await?;
    let (foreign, mut rewritten) = january.zip(february).context("seals")?;
    let twice = rewritten.leaves.first().cloned().context("a leaf")?;
    rewritten.leaves.push(twice);
    let body = serde_json::to_string(&rewritten)?;
    set(&bench, "batch#000000", "body", text(&body)).await?;
    let told = bench.json(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!(told["entries"].as_array().map(Vec::len), Some(4));
    assert_eq!(
        told["entries"][0]["key"], told["entries"][3]["key"],
        "a receiver keys on it"
    );

    rewritten.leaves.truncate(1);
    rewritten.leaves.extend(foreign.leaves);
    let body = serde_json::to_string(&rewritten)?;
    set(&bench, "batch#000000", "body", text(&body)).await?;
    let told = bench.json(&["usage", "export", "--org", "acme"]).await?;
    assert_eq!(told["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(told["error"]["code"], "failed", "an entry of another place");
    Ok(())
}
