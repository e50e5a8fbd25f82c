//! What is billed, as the meter writes it.

use anyhow::Result;
use ctl::failure::Exit;
use serde_json::{Value, json};

use crate::bench::{Bench, acme, keys};
use crate::life::Life;

#[tokio::test]
async fn a_period_shows_its_entries_their_total_and_the_tokens_apart() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    for (number, score) in [("5158", 0.9), ("5159", 0.9), ("5160", 0.1)] {
        let life = Life::of(&bench, number)?;
        life.extracted(score).await?;
        life.mapped().await?;
        life.qualified().await?;
    }
    let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
    assert_eq!(
        keys(&shown),
        ["due", "entries", "org", "period", "terms", "tokens", "total"]
    );
    assert_eq!(shown["period"], "2026-02", "the org's own month");
    assert_eq!(shown["total"], json!({ "mapped_bugs": 2 }));
    let golden = [
        "ai_confidence",
        "ai_threshold",
        "billed_at",
        "bug",
        "candidates_hash",
        "content",
        "decision",
        "extract_model",
        "extract_prompt",
        "hash",
        "key",
        "kind",
        "location_confidence",
        "location_threshold",
        "map_model",
        "map_prompt",
        "org",
        "period",
        "plan",
        "repos",
        "ticket",
        "time_zone",
    ];
    let entries = shown["entries"].as_array().unwrap();
    for entry in entries {
        assert_eq!(keys(entry), golden);
        assert_eq!(entry["kind"], "mapped_bug");
        assert_eq!(entry["key"], format!("entry#{}", entry["bug"].as_str().unwrap()));
        assert_eq!(entry["ai_confidence"], 0.9);
    }
    let mut tickets: Vec<&Value> = entries.iter().map(|entry| &entry["ticket"]).collect();
    tickets.sort_by_key(|ticket| ticket.to_string());
    assert_eq!(tickets, ["zendesk:5158", "zendesk:5159"]);
    let tokens = json!([{ "model": "model-1", "calls": 6, "input": 600, "output": 120, "cache_read": 0, "cache_write": 0, "reasoning": 0,
        "dollars": null, "lost": { "attempts": 0, "unestimated": 0, "input": 0, "output": 0, "dollars": null } }]);
    assert_eq!(shown["tokens"], tokens);

    let text = bench.run(&["usage", "show", "--org", "acme"]).await?.stdout;
    assert!(
        text.starts_with("acme in 2026-02: 2 mapped bugs billed, 0 credited; 2 due"),
        "{text}"
    );
    assert!(
        text.contains("2026-01-31T23:30:00Z  mapped_bug  zendesk:5158"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn another_period_or_org_is_empty_and_an_unknown_org_needs_a_period() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    life.billed().await?;
    for (org, period) in [("acme", "2026-01"), ("globex", "2026-02")] {
        let shown = bench
            .json(&["usage", "show", "--org", org, "--period", period])
            .await?;
        assert_eq!((&shown["entries"], &shown["tokens"]), (&json!([]), &json!([])));
        assert_eq!(shown["total"], json!({ "mapped_bugs": 0 }));
    }
    for org in ["acme", "globex"] {
        for verb in ["show", "verify"] {
            let answer = bench
                .run(&["usage", verb, "--org", org, "--period", "2026-03"])
                .await?;
            assert_eq!(answer.exit, Exit::Invalid);
            assert!(
                answer.stderr.contains("--period: is in the future"),
                "{}",
                answer.stderr
            );
        }
    }
    let verify = ["usage", "verify", "--org", "globex", "--period", "2026-02"];
    let nobody = bench.run(&verify).await?;
    assert_eq!(nobody.exit, Exit::NotFound, "{}", nobody.stdout);
    for (option, value) in [("--from", "2026-03"), ("--since", "2026-02=0,2026-03=0")] {
        let answer = bench
            .run(&["usage", "export", "--org", "acme", option, value])
            .await?;
        assert_eq!(answer.exit, Exit::Invalid);
        let said = format!("{option}: is in the future");
        assert!(answer.stderr.contains(&said), "{}", answer.stderr);
    }
    let answer = bench.run(&["usage", "show", "--org", "globex"]).await?;
    assert_eq!(answer.exit, Exit::NotFound);
    assert!(answer.stderr.contains("--period"), "{}", answer.stderr);
    Ok(())
}

#[tokio::test]
async fn an_attempt_that_died_with_its_answer_is_estimated_apart_and_charged_to_nobody() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["model"]["price"] = json!({ "input": 3, "output": 15 });
    bench.put(&settings).await?;
    let life = Life::priced(&bench, "5158", &settings)?;
    // Two attempts ask and die; the third is sealed.
    for _ in 0..2 {
        life.asked_and_died(ratchet_domain::step::extract(&life.at.content))
            .await?;
        bench.clock.advance(3_600_000);
    }
    life.extracted(0.9).await?;
    life.mapped().await?;
    life.qualified().await?;
    let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
    assert_eq!(
        shown["tokens"][0],
        json!({ "model": "model-1", "calls": 2, "input": 200, "output": 40, "cache_read": 0, "cache_write": 0,
            "reasoning": 0, "dollars": "0.001200",
            "lost": { "attempts": 2, "unestimated": 0, "input": 200, "output": 40, "dollars": "0.001200" } })
    );
    assert_eq!(shown["total"], json!({ "mapped_bugs": 1 }));
    let text = bench.run(&["usage", "show", "--org", "acme"]).await?.stdout;
    assert!(text.contains("LOST BY") && text.contains("REASONING"), "{text}");
    Ok(())
}
