//! Periods: caps, trials, first scores and month ends.

use anyhow::{Context, Result};
use ratchet_domain::credit::Verdict;
use ratchet_domain::step;
use ratchet_runtime::stage::key_of;
use serde_json::json;

use crate::bench::{Bench, NOW_MS, acme};
use crate::bills::{DAY_MS, claimed, seal, verify, verify_with};
use crate::life::Life;

#[tokio::test]
async fn a_cap_is_exact_however_many_partitions_its_charges_are_spread_over() -> Result<()> {
    for (partitions, cap) in [(1, 5), (4, 5), (64, 5), (7, 9)] {
        let bench = Bench::new().await?;
        let mut settings = acme();
        settings["billing"] = json!({ "mapped_bug_cap": cap, "partitions": partitions, "included": 2, "time_zone": "Europe/Berlin" });
        bench.put(&settings).await?;
        for number in 0..12 {
            Life::of(&bench, &number.to_string())?.billed().await?;
        }
        let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
        assert_eq!(
            shown["entries"].as_array().map(Vec::len),
            Some(cap),
            "{partitions}"
        );
        assert_eq!(shown["total"], json!({ "mapped_bugs": cap }));
        assert_eq!(
            shown["due"],
            json!({ "net": cap, "included": 2, "overage": cap - 2, "unused_credits": 0 })
        );
        seal(&bench, true).await?;
        let told = verify(&bench).await?;
        assert!(told.contains("signed off"), "{told}");
        // A higher cap lets the rest through when they are looked at again.
        settings["billing"]["mapped_bug_cap"] = json!(100);
        bench.put(&settings).await?;
        bench.clock.advance(3_600_000);
        for number in 0..12 {
            Life::of(&bench, &number.to_string())?.qualified().await?;
        }
        let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
        assert_eq!(shown["total"], json!({ "mapped_bugs": 12 }), "nothing is lost");
        // They came when the period was signed off, and the next seal takes them.
        let told = verify(&bench).await?;
        assert!(told.contains(&format!("{cap} of 12 entries")), "{told}");
        seal(&bench, true).await?;
        let told = verify(&bench).await?;
        assert!(told.contains("12 of 12 entries"), "{told}");
    }
    Ok(())
}

#[tokio::test]
async fn a_cap_is_kept_when_it_or_the_partitions_change_within_a_period() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    // Each with what is charged in the end: as much as the cap, or what was charged before it was lowered.
    let changes = [
        (1, 4, 4),
        (5, 5, 5),
        (2, 7, 7),
        (64, 3, 7),
        (3, 8, 8),
        (1, 10, 10),
    ];
    for (turn, (partitions, cap, charged)) in changes.into_iter().enumerate() {
        settings["billing"] =
            json!({ "mapped_bug_cap": cap, "partitions": partitions, "time_zone": "Europe/Berlin" });
        bench.put(&settings).await?;
        bench.clock.advance(3_600_000);
        for number in 0..12 {
            let life = Life::of(&bench, &number.to_string())?;
            if turn == 0 {
                life.billed().await?;
            } else {
                life.qualified().await?;
            }
        }
        let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
        assert_eq!(
            shown["total"],
            json!({ "mapped_bugs": charged }),
            "{partitions} partitions, cap {cap}"
        );
    }
    seal(&bench, true).await?;
    let told = verify(&bench).await?;
    assert!(told.contains("signed off"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_trial_charges_up_to_its_own_cap_and_says_so() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["billing"] =
        json!({ "time_zone": "Europe/Berlin", "trial": { "ends": "2026-02-10", "mapped_bug_cap": 1 } });
    bench.put(&settings).await?;
    for number in ["1", "2"] {
        Life::of(&bench, number)?.billed().await?;
    }
    let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
    assert_eq!(shown["entries"].as_array().map(Vec::len), Some(1));
    assert_eq!(shown["entries"][0]["plan"], "trial");
    bench.clock.advance(15 * DAY_MS);
    Life::of(&bench, "2")?.qualified().await?;
    Life::of(&bench, "3")?.billed().await?;
    let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
    let mut plans: Vec<_> = shown["entries"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|entry| (entry["ticket"].as_str(), entry["plan"].as_str()))
        .collect();
    plans.sort_unstable();
    assert_eq!(
        plans,
        [
            (Some("zendesk:1"), Some("trial")),
            (Some("zendesk:2"), Some("paid")),
            (Some("zendesk:3"), Some("paid"))
        ],
        "what the trial had no room for is charged by what lets it through"
    );
    Ok(())
}

#[tokio::test]
async fn a_retry_cannot_cross_a_threshold_and_new_words_may_qualify_once() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    life.extracted(0.69).await?;
    life.mapped().await?;
    life.qualified().await?;
    // Another roll of the model finds the first score on record, and nothing to write to.
    assert!(life.extracted(0.95).await.is_err(), "the first score is sealed");
    life.qualified().await?;
    let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
    assert_eq!(shown["entries"], json!([]));
    let mut again = Life::of(&bench, "5158")?;
    again.at.content = ratchet_domain::ids::ContentHash::of(&["my cart total is wrong", "it rounds twice"]);
    again.billed().await?;
    assert!(
        again.extracted(0.1).await.is_err(),
        "a lower roll does not come through either"
    );
    again.qualified().await?;
    let mut third = Life::of(&bench, "5158")?;
    third.at.content = ratchet_domain::ids::ContentHash::of(&["and again"]);
    third.billed().await?;
    let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
    assert_eq!(shown["total"], json!({ "mapped_bugs": 1 }), "one bill a bug");
    Ok(())
}

#[tokio::test]
async fn a_clock_that_jumps_over_a_month_end_leaves_the_entry_in_the_month_of_its_claim() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    // The bench's clock begins half an hour into Berlin's February.
    let (january, february) = (NOW_MS - 3_600_000, NOW_MS);
    for (number, claimed, month) in [("1", january, "2026-01"), ("2", february, "2026-02")] {
        let life = Life::of(&bench, number)?;
        life.extracted(0.9).await?;
        life.mapped().await?;
        bench.clock.set(claimed);
        // This attempt dies with its claim.
        drop(life.claim(step::qualify(&life.at.content)).await?);
        bench.clock.set(january);
        assert!(life.qualified().await.is_err(), "the lease lives");
        bench.clock.set(february + 600_000);
        life.qualified().await?;
        let shown = bench
            .json(&["usage", "show", "--org", "acme", "--period", month])
            .await?;
        assert_eq!(shown["entries"][0]["billed_at"], claimed);
        assert_eq!(shown["entries"][0]["period"], month);
        assert_eq!(shown["total"], json!({ "mapped_bugs": 1 }));
    }
    Ok(())
}

/// Months may pass before a person looks, and every month between is signed off by then.
#[tokio::test]
async fn a_bug_that_waited_for_a_person_is_charged_in_the_month_that_lets_it_through() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["thresholds"] = json!({ "ai_confidence": 0.95 });
    bench.put(&settings).await?;
    let life = Life::of(&bench, "1")?;
    life.billed().await?;
    seal(&bench, true).await?;
    bench.clock.advance(100 * DAY_MS);
    let let_through = bench.world.now_ms();
    settings["thresholds"] = json!({ "ai_confidence": 0.7 });
    bench.put(&settings).await?;
    let row = key_of(&life.at.ticket, step::qualify(&life.at.content));
    let held = life.ledger()?.read(&row).await?.context("the gate's row")?;
    assert_eq!(held.reason.as_deref(), Some("below_threshold"));
    assert!(life.ledger()?.resume(&held).await?);
    // The attempt that takes it up dies; the one that charges is a retry.
    drop(life.claim(step::qualify(&life.at.content)).await?);
    bench.clock.advance(DAY_MS);
    life.qualified().await?;
    let month = ["usage", "show", "--org", "acme", "--period", "2026-05"];
    let shown = bench.json(&month).await?;
    assert_eq!(shown["entries"][0]["billed_at"], let_through);
    assert_eq!(shown["total"], json!({ "mapped_bugs": 1 }));
    assert!(
        verify(&bench).await?.contains("verified"),
        "nothing came to May late"
    );
    let signed_off = verify_with(&bench, &["--period", "2026-02"]).await?;
    assert!(signed_off.contains("verified"), "{signed_off}");
    // The seven days begin where the charge does.
    bench.clock.advance(5 * DAY_MS);
    assert_eq!(claimed(&life, "wrong file").await?, Verdict::Credited);
    Ok(())
}
