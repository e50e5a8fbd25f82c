//! The life of a ticket, at every turn of it.

use anyhow::Result;
use ctl::failure::Exit;
use ratchet_domain::bug::Extraction;
use ratchet_domain::step;
use ratchet_guard::{Outcome, Park, Why};
use serde_json::Value;

use crate::bench::{Bench, acme, keys};
use crate::life::{Life, WORDS};

const SHOW: [&str; 5] = ["ticket", "show", "acme", "zendesk", "5158"];

async fn next(bench: &Bench) -> Result<String> {
    let shown = bench.json(&SHOW).await?;
    Ok(shown
        .get("next")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned())
}

#[tokio::test]
async fn a_billed_ticket_is_followed_from_step_to_step_until_it_is_done() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    let content = life.at.content.short();

    life.extracted(0.9).await?;
    assert_eq!(
        next(&bench).await?,
        format!("map is next: map#{content} is not claimed yet")
    );
    life.mapped().await?;
    assert_eq!(
        next(&bench).await?,
        format!("qualify is next: qualify#{content} is not claimed yet")
    );
    life.qualified().await?;
    assert_eq!(
        next(&bench).await?,
        "open-pr is next: patch#acme/shop is not claimed yet"
    );
    life.patched().await?;
    assert_eq!(
        next(&bench).await?,
        "open-pr is next: pr#acme/shop is not claimed yet"
    );
    life.pulled().await?;
    assert_eq!(next(&bench).await?, "publish-rca is next: rca is not claimed yet");
    life.seal(step::RCA, "", WORDS).await?;
    assert_eq!(
        next(&bench).await?,
        "publish-rca is next: rca-comment is not claimed yet"
    );
    life.seal(step::RCA_COMMENT, "99", WORDS).await?;
    assert_eq!(next(&bench).await?, "notify is next: slack is not claimed yet");
    life.seal(step::slack("C0123"), "1.2", WORDS).await?;
    assert_eq!(next(&bench).await?, "done");

    Ok(())
}

#[tokio::test]
async fn the_json_has_the_keys_that_others_rely_on() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    life.billed().await?;
    life.pulled().await?;
    let shown = bench.json(&SHOW).await?;
    assert_eq!(
        keys(&shown),
        [
            "bug",
            "held",
            "next",
            "org",
            "outcome",
            "pending",
            "steps",
            "ticket",
            "unreadable"
        ]
    );
    assert_eq!(
        (shown["ticket"].as_str(), shown["outcome"].as_str()),
        (Some("zendesk:5158"), Some("billed"))
    );
    let step_of = |kind: &str| {
        let mut steps = shown["steps"].as_array().into_iter().flatten();
        steps
            .find(|step| step["step"] == kind)
            .cloned()
            .unwrap_or_default()
    };
    let pull = step_of("pr#acme/shop");
    assert_eq!(pull["external_id"], "https://github.test/acme/shop/pull/7");
    assert_eq!(pull["result"]["number"], 7);
    assert_eq!(step_of("bill")["result"]["org_period"], "acme#2026-02");
    let golden = [
        "attempts",
        "claimed_at_ms",
        "detail",
        "due_at_ms",
        "external_id",
        "fence",
        "first_claimed_at_ms",
        "lease_until_ms",
        "reason",
        "result",
        "resume_at_ms",
        "settled_at_ms",
        "stage",
        "state",
        "step",
    ];
    for step in shown["steps"].as_array().unwrap() {
        assert_eq!(keys(step), golden);
        assert_eq!(
            (step["state"].as_str(), step["fence"].as_u64()),
            (Some("sealed"), Some(1)),
            "{step}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_customers_words_are_shown_on_demand_only() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    life.billed().await?;
    life.patched().await?;
    life.seal(step::RCA, "", WORDS).await?;
    let other = Life::of(&bench, "5159")?;
    other.unreadable(step::extract(&other.at.content)).await?;
    for number in ["5158", "5159"] {
        for json in [&[][..], &["--json"]] {
            let mut args = vec!["ticket", "show", "acme", "zendesk", number];
            args.extend(json);
            let shown = bench.run(&args).await?;
            assert_eq!(shown.exit, Exit::Done);
            assert!(!format!("{shown:?}").contains(WORDS), "{shown:?}");
            args.push("--bodies");
            assert!(bench.run(&args).await?.stdout.contains(WORDS));
        }
    }
    let shown = bench.json(&[&SHOW[..], &["--bodies"]].concat()).await?;
    assert_eq!(shown["steps"][0]["body"]["answered"]["answer"]["quote"], WORDS);
    assert_eq!(shown["steps"][0]["intent"], WORDS);
    Ok(())
}

#[tokio::test]
async fn a_lease_is_waited_for_then_a_retry_then_whoever_comes() -> Result<()> {
    let bench = Bench::new().await?;
    let life = Life::of(&bench, "5158")?;
    let claim = life.claim(step::extract(&life.at.content)).await?;
    let (step, until) = (step::extract(&life.at.content), "2026-01-31T23:31:15Z");
    assert_eq!(
        next(&bench).await?,
        format!("waiting for lease until {until}: {step}, attempt 1")
    );

    let why = Why::new("provider_unavailable", "it sleeps").retry_after_ms(Some(120_000));
    let _ = claim.release(&why).await;
    assert_eq!(
        next(&bench).await?,
        format!("retry at 2026-01-31T23:32:00Z: {step}, after attempt 1")
    );
    bench.clock.advance(120_000);
    let overdue = format!("overdue since 2026-01-31T23:32:00Z: {step} waits for a delivery or a sweep");
    assert_eq!(next(&bench).await?, overdue);

    let shown = bench.json(&SHOW).await?;
    assert_eq!(shown["pending"][0]["goes"], "overdue");
    assert_eq!(shown["steps"][0]["detail"], "provider_unavailable: it sleeps");
    assert_eq!(shown["outcome"], "open");
    Ok(())
}

#[tokio::test]
async fn what_waits_at_its_cap_says_until_when() -> Result<()> {
    let bench = Bench::new().await?;
    let mut capped = acme();
    capped["billing"]["mapped_bug_cap"] = Value::from(0);
    bench.put(&capped).await?;
    let life = Life::of(&bench, "5158")?;
    life.billed().await?;
    let step = step::qualify(&life.at.content);
    assert_eq!(
        next(&bench).await?,
        format!("capped until 2026-02-01T00:30:00Z: {step}")
    );
    bench.clock.advance(3_600_000);
    assert!(
        next(&bench)
            .await?
            .starts_with("overdue since 2026-02-01T00:30:00Z")
    );
    assert_eq!(bench.json(&SHOW).await?["outcome"], "capped");
    Ok(())
}

#[tokio::test]
async fn what_is_held_says_why_and_a_ticket_without_a_bug_is_done() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    life.extracted(0.2).await?;
    life.mapped().await?;
    life.qualified().await?;
    let step = step::qualify(&life.at.content);
    assert_eq!(
        next(&bench).await?,
        format!("held for review: below_threshold ({step})")
    );
    let shown = bench.json(&SHOW).await?;
    assert_eq!(
        (shown["outcome"].as_str(), shown["steps"][2]["state"].as_str()),
        (Some("held"), Some("parked"))
    );
    let text = bench.run(&SHOW).await?.stdout;
    assert!(
        text.contains("below_threshold: a score is below its threshold"),
        "{text}"
    );

    let other = Life::of(&bench, "5159")?;
    let no_bug = Extraction::NotABug {
        reason: WORDS.to_owned(),
    };
    other.answer(step::extract(&other.at.content), no_bug).await?;
    let shown = bench.json(&["ticket", "show", "acme", "zendesk", "5159"]).await?;
    assert_eq!(
        (shown["next"].as_str(), shown["outcome"].as_str()),
        (Some("done"), Some("not_a_bug"))
    );
    Ok(())
}

#[tokio::test]
async fn a_parked_pull_request_holds_up_nothing_but_itself() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    life.billed().await?;
    let park = Park::for_a_person("patch_does_not_apply", "edit 0");
    life.claim("patch#acme/shop").await?.park(park).await?;
    let expected = "held for review: patch_does_not_apply (patch#acme/shop); publish-rca is next: rca is not claimed yet";
    assert_eq!(next(&bench).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_late_receipt_waits_for_the_reconciliation() -> Result<()> {
    struct Send;
    impl ratchet_guard::effect::Effect for Send {
        type Receipt = String;
        async fn send(&self, _: &ratchet_guard::effect::Act) -> Outcome<String> {
            Outcome::Done("sent".to_owned())
        }
    }
    let bench = Bench::new().await?;
    let life = Life::of(&bench, "5158")?;
    let effect = ratchet_guard::effect::accept_duplicates(Send, "a test");
    let late = life.claim("slack#C1").await?.act(effect).await?.known_as("1.1");
    bench.clock.advance(3_600_000);
    life.seal("slack#C1", "2.2", "sent").await?;
    late.seal().await?;
    let receipt = "late result since 2026-02-01T00:30:00Z: slack#C1#receipt#1 waits for reconcile";
    assert_eq!(next(&bench).await?, receipt);
    let shown = bench.json(&SHOW).await?;
    let ids: Vec<&str> = shown["steps"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|step| step["external_id"].as_str())
        .collect();
    assert_eq!(ids, ["2.2", "1.1"]);
    Ok(())
}

#[tokio::test]
async fn a_ticket_without_a_record_is_not_found() -> Result<()> {
    let bench = Bench::new().await?;
    let answer = bench.run(&SHOW).await?;
    assert_eq!((answer.exit, answer.stdout.as_str()), (Exit::NotFound, ""));
    assert!(answer.stderr.contains("zendesk:5158"), "{}", answer.stderr);
    Ok(())
}
