//! Settings: every problem at once, round trips, and two operators at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use ctl::failure::Exit;
use ctl::settings::Put;
use ratchet_domain::ids::OrgId;
use serde_json::json;

use crate::bench::{Bench, NOW_MS, acme, json_of, keys};
use crate::line::Line;

#[tokio::test]
async fn bad_settings_are_told_with_every_path_and_nothing_is_stored() -> Result<()> {
    let bench = Bench::new().await?;
    let mut document = acme();
    document["thresholds"] = json!({ "ai_confidence": 1.5 });
    document["zendesk"]["api_token"] = json!("hunter2");
    document["github"]["repos"] = json!(["acme/shop", "nonsense"]);
    document["slak"] = json!({});
    let paths = [
        "slak",
        "thresholds.ai_confidence",
        "zendesk.api_token",
        "github.repos[1]",
    ];

    let answer = bench.put(&document).await?;
    assert_eq!(answer.exit, Exit::Invalid);
    assert_eq!(answer.stdout, "");
    for path in paths {
        assert!(
            answer.stderr.contains(&format!("  {path}: ")),
            "{path}: {}",
            answer.stderr
        );
    }
    assert!(!answer.stderr.contains("hunter2"));

    let told = json_of(
        &bench
            .run_with(&["org", "put", "-", "--json"], &document.to_string())
            .await?,
    )?;
    assert_eq!(keys(&told), ["error"]);
    assert_eq!(keys(&told["error"]), ["code", "message", "problems"]);
    assert_eq!(told["error"]["code"], "invalid_input");
    let told: Vec<&str> = told["error"]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["path"].as_str().unwrap())
        .collect();
    assert_eq!(told, paths);

    assert_eq!(bench.run(&["org", "get", "acme"]).await?.exit, Exit::NotFound);
    Ok(())
}

#[tokio::test]
async fn what_is_no_json_or_too_long_or_missing_is_invalid_and_never_quoted() -> Result<()> {
    let bench = Bench::new().await?;
    for stdin in [
        "",
        "{ \"org\": hunter2 }",
        "[1]",
        &format!("\"{}\"", "x".repeat(300_000)),
    ] {
        for verb in ["put", "check"] {
            let answer = bench.run_with(&["org", verb, "-"], stdin).await?;
            assert_eq!(answer.exit, Exit::Invalid, "{verb}");
            assert!(answer.stderr.contains("\n  $: "), "{}", answer.stderr);
            assert!(!answer.stderr.contains("hunter2"), "{}", answer.stderr);
        }
    }
    let answer = bench.run(&["org", "check", "no/such/file.json"]).await?;
    assert_eq!(answer.exit, Exit::Invalid);
    assert!(answer.stderr.contains("no/such/file.json"));
    Ok(())
}

#[tokio::test]
async fn what_was_put_is_got_byte_by_byte_and_its_version_rises() -> Result<()> {
    let bench = Bench::new().await?;
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("acme.json");
    let text = format!("{:#}", acme());
    std::fs::write(&file, &text)?;
    let file = file.to_str().unwrap();

    let put = bench.json(&["org", "put", file]).await?;
    assert_eq!(keys(&put), ["org", "replaces", "stored", "version", "warnings"]);
    assert_eq!(
        (put["version"].as_u64(), put["stored"].as_bool()),
        (Some(1), Some(true))
    );
    assert_eq!(
        bench.run(&["org", "get", "acme"]).await?.stdout,
        format!("{text}\n")
    );

    assert_eq!(bench.json(&["org", "put", file]).await?["version"], 2);
    let got = bench.json(&["org", "get", "acme"]).await?;
    assert_eq!(
        keys(&got),
        ["document", "org", "problems", "put_at_ms", "version"]
    );
    assert_eq!(got["document"], acme());
    assert_eq!(
        (got["version"].as_u64(), got["put_at_ms"].as_u64()),
        (Some(2), Some(NOW_MS))
    );
    Ok(())
}

#[tokio::test]
async fn a_dry_run_checks_and_stores_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let answer = bench
        .run_with(&["org", "put", "-", "--dry-run"], &acme().to_string())
        .await?;
    assert_eq!(answer.exit, Exit::Done);
    assert!(answer.stdout.contains("would be version 1"), "{}", answer.stdout);
    assert_eq!(bench.run(&["org", "get", "acme"]).await?.exit, Exit::NotFound);
    Ok(())
}

#[tokio::test]
async fn of_two_puts_over_one_version_the_second_is_refused() -> Result<()> {
    let bench = Bench::new().await?;
    let (org, table) = (OrgId::parse("acme")?, bench.world.settings()?);
    for over in [0, 1] {
        assert_eq!(
            table.put(&org, "{\"by\":1}", over).await?,
            Put::Written { version: over + 1 }
        );
        assert_eq!(
            table.put(&org, "{\"by\":2}", over).await?,
            Put::Changed { found: over + 1 }
        );
    }
    assert_eq!(table.read(&org).await?.unwrap().document, "{\"by\":1}");

    let late = bench
        .run_with(&["org", "put", "-", "--over", "1"], &acme().to_string())
        .await?;
    assert_eq!(late.exit, Exit::Refused);
    assert!(late.stderr.contains("found=`2`"), "{}", late.stderr);
    assert_eq!(table.read(&org).await?.unwrap().version, 2);
    Ok(())
}

#[tokio::test]
async fn a_put_whose_reply_is_lost_is_known_by_its_attempt() -> Result<()> {
    let bench = Bench::new().await?;
    let (store, is_lost) = (bench.store.clone(), Arc::new(AtomicBool::new(false)));
    let losing = {
        let is_lost = Arc::clone(&is_lost);
        Line::to(move |target, body| {
            let answer = store.answer(target, body);
            let is_first_write = target.ends_with("UpdateItem") && !is_lost.swap(true, Ordering::SeqCst);
            (!is_first_write).then_some(answer)
        })
    };
    let mut world = bench.world.clone();
    let config = bench.store.config().http_client(losing.client()).build();
    world.deployment.dynamo = aws_sdk_dynamodb::Client::from_conf(config);

    let put = world.settings()?.put(&OrgId::parse("acme")?, "{}", 0).await?;
    assert_eq!(put, Put::Written { version: 1 });
    assert!(is_lost.load(Ordering::SeqCst));
    let on_record = bench.world.settings()?.read(&OrgId::parse("acme")?).await?;
    assert_eq!(on_record.unwrap().version, 1);
    Ok(())
}

#[tokio::test]
async fn attributes_of_others_on_the_row_outlive_a_put() -> Result<()> {
    use aws_sdk_dynamodb::types::AttributeValue;
    let bench = Bench::new().await?;
    let table = || bench.store.client().put_item().table_name("settings");
    let text = |value: &str| AttributeValue::S(value.to_owned());
    table()
        .item("org", text("acme"))
        .item("document", text("{}"))
        .item("paused", text("map"))
        .send()
        .await?;
    assert_eq!(bench.put(&acme()).await?.exit, Exit::Done);
    let row = bench
        .store
        .client()
        .get_item()
        .table_name("settings")
        .key("org", text("acme"))
        .send()
        .await?;
    let row = row.item.unwrap();
    assert_eq!(row.get("paused"), Some(&text("map")));
    assert_eq!(row.get("version"), Some(&AttributeValue::N("1".to_owned())));
    Ok(())
}
