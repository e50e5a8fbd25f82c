//! Pauses and the switch for effects: dry by default, validated, and two operators at a time.

use anyhow::Result;
use ctl::failure::Exit;
use serde_json::json;

use crate::bench::{Bench, acme};

#[tokio::test]
async fn a_pause_is_dry_until_it_is_applied_and_keeps_all_other_settings() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let dry = bench.json(&["pause", "--org", "acme"]).await?;
    assert_eq!(
        (&dry["stored"], &dry["after"]),
        (&json!(false), &json!({"paused": true}))
    );
    assert_eq!(
        bench.json(&["pause", "--org", "acme"]).await?["before"],
        json!({})
    );

    bench.json(&["pause", "--org", "acme", "--apply"]).await?;
    bench
        .json(&["pause", "--org", "acme", "--stage", "open-pr", "--apply"])
        .await?;
    let told = bench.json(&["resume", "--org", "acme", "--apply"]).await?;
    assert_eq!(
        told["after"],
        json!({"paused": false, "paused_stages": ["open-pr"]})
    );
    let settings = bench.json(&["org", "get", "acme"]).await?.to_string();
    assert!(settings.contains("C0123"), "{settings}");
    Ok(())
}

#[tokio::test]
async fn the_kill_switch_stands_in_a_row_of_its_own() -> Result<()> {
    let bench = Bench::new().await?;
    let told = bench.json(&["effects", "off", "--apply"]).await?;
    assert_eq!(
        (&told["org"], &told["after"]),
        (&json!(null), &json!({"effects": "off"}))
    );
    let told = bench.json(&["effects", "on", "--apply"]).await?;
    assert_eq!(
        (&told["before"], &told["version"]),
        (&json!({"effects": "off"}), &json!(2))
    );
    Ok(())
}

#[tokio::test]
async fn an_org_without_settings_or_a_stage_that_is_none_changes_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let answer = bench.run(&["pause", "--org", "globex", "--apply"]).await?;
    assert_eq!(answer.exit, Exit::NotFound);
    assert!(bench.run(&["pause", "--stage", "webhook"]).await.is_err());
    Ok(())
}
