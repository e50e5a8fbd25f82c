//! A bill is read by the terms that were in force when its period was signed off.

use anyhow::Result;
use ratchet_domain::settings::Settings;
use ratchet_runtime::usage::seal::Terms;
use serde_json::{Value, json};

use crate::bench::{Bench, acme};
use crate::bills::{DAY_MS, billed, month, org, seal, usage};
use crate::life::Life;

/// Puts the settings with this quota, and gives the terms that they say.
async fn quota(bench: &Bench, included: u64) -> Result<Terms> {
    let mut settings = acme();
    settings["billing"] = json!({ "time_zone": "Europe/Berlin", "included": included, "mapped_bug_cap": 9 });
    bench.put(&settings).await?;
    let Ok(settings) = Settings::parse(&settings) else {
        anyhow::bail!("settings do not validate")
    };
    Ok(Terms::of(&settings.billing))
}

/// As the sealer signs a period off.
async fn signed_off(bench: &Bench, terms: Terms) -> Result<()> {
    let usage = usage(bench).with_terms(terms);
    let (org, month) = (org()?, month("2026-02")?);
    usage.seal(&org, &month, true, bench.world.now_ms()).await?;
    Ok(())
}

async fn shown(bench: &Bench) -> Result<(Value, Value)> {
    let show = ["usage", "show", "--org", "acme", "--period", "2026-02"];
    let shown = bench.json(&show).await?;
    Ok((shown["due"].clone(), shown["terms"].clone()))
}

fn terms(of: &str, included: u64) -> Value {
    json!({ "of": of, "included": included, "mapped_bug_cap": 9, "time_zone": "Europe/Berlin" })
}

#[tokio::test]
async fn quota_that_changes_after_the_signing_changes_no_bill() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let then = quota(&bench, 2).await?;
    let (due, under) = shown(&bench).await?;
    assert_eq!((&due["overage"], under), (&json!(1), terms("settings", 2)));
    signed_off(&bench, then).await?;

    bench.clock.advance(40 * DAY_MS);
    quota(&bench, 100).await?;
    let (due, under) = shown(&bench).await?;
    assert_eq!((&due["net"], &due["overage"]), (&json!(3), &json!(1)));
    assert_eq!(under, terms("signed_off", 2));
    let text = bench
        .run(&["usage", "show", "--org", "acme", "--period", "2026-02"])
        .await?;
    assert!(
        text.stdout
            .contains("over the 2 that the plan includes, as it was signed off"),
        "{}",
        text.stdout
    );
    Ok(())
}

#[tokio::test]
async fn charge_that_lands_after_the_signing_keeps_the_terms_of_the_first() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let then = quota(&bench, 2).await?;
    signed_off(&bench, then).await?;
    let now = quota(&bench, 100).await?;
    Life::of(&bench, "5161")?.billed().await?;
    // A batch that signs nothing off stands between.
    seal(&bench, false).await?;
    signed_off(&bench, now).await?;
    let (due, under) = shown(&bench).await?;
    assert_eq!((&due["net"], &due["overage"]), (&json!(4), &json!(2)));
    assert_eq!(under, terms("signed_off", 2));
    Ok(())
}

#[tokio::test]
async fn period_that_was_signed_off_without_terms_says_what_it_is_read_by() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, true).await?;
    quota(&bench, 2).await?;
    let (_, under) = shown(&bench).await?;
    assert_eq!(under, terms("settings", 2));
    let answer = bench
        .run(&["usage", "show", "--org", "acme", "--period", "2026-02"])
        .await?;
    assert!(
        answer.stderr.contains("signed off without its terms"),
        "{answer:?}"
    );
    Ok(())
}
