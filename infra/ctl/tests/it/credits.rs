//! Claims that a bug was mapped wrongly: who is credited, once, and what is said of it.

use anyhow::Result;
use ctl::failure::Exit;
use ratchet_domain::credit::Verdict;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::bills::{DAY_MS, billed, claimed, claimed_of, seal, verify};
use crate::life::Life;

/// `ctl usage credit` about this bug, in the name of `ana`.
fn credit<'a>(bug: &'a str, reason: &'a str) -> Vec<&'a str> {
    vec![
        "usage", "credit", "--org", "acme", bug, "--reason", reason, "--by", "ana",
    ]
}

#[tokio::test]
async fn a_claim_is_credited_once_a_bug_within_seven_days_and_every_claim_is_on_record() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let life = Life::of(&bench, "5158")?;
    let dry = bench.json(&credit("zendesk:5158", "wrong")).await?;
    assert_eq!((&dry["would"], &dry["sent"]), (&json!("credit"), &json!(false)));
    assert_eq!(claimed(&life, "wrong").await?, Verdict::Credited);
    assert_eq!(
        claimed(&life, "wrong").await?,
        Verdict::Credited,
        "the same claim"
    );
    assert_eq!(claimed(&life, "still wrong").await?, Verdict::CreditedBefore);
    assert_eq!(claimed(&Life::of(&bench, "404")?, "x").await?, Verdict::NotBilled);
    let other = Life::of(&bench, "5159")?;
    bench.clock.advance(7 * DAY_MS);
    assert_eq!(claimed(&other, "on the last day").await?, Verdict::Credited);
    bench.clock.advance(1);
    let late = Life::of(&bench, "5160")?;
    assert_eq!(claimed(&late, "too late").await?, Verdict::TooLate);
    let shown = bench.json(&["usage", "show", "--org", "acme"]).await?;
    assert_eq!(shown["total"], json!({ "mapped_bugs": 3, "credits": 2 }));
    assert_eq!(shown["due"]["net"], 1);
    seal(&bench, false).await?;
    let told = verify(&bench).await?;
    assert!(told.contains("3 charges and 2 credits"), "{told}");
    let text = bench
        .run(&["usage", "explain", "--org", "acme", "zendesk:5158"])
        .await?
        .stdout;
    assert!(
        text.contains("credited") && text.contains("another claim was credited before"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_claim_is_sent_only_when_it_is_applied_and_bad_words_are_refused() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    bench.clock.advance(7 * DAY_MS + 1);
    let late = [credit("zendesk:5160", "r"), vec!["--apply"]].concat();
    let sent = bench.json(&late).await?;
    assert_eq!((&sent["would"], &sent["sent"]), (&json!("record"), &json!(true)));
    let bad = bench
        .run(&[
            "usage", "credit", "--org", "acme", "nonsense", "--reason", "", "--by", "a\nb",
        ])
        .await?;
    assert_eq!(bad.exit, Exit::Invalid);
    assert!(
        bad.stderr.contains("--by") && bad.stderr.contains("--reason"),
        "{}",
        bad.stderr
    );
    for (bug, exit) in [
        ("nonsense", Exit::Invalid),
        ("0123456789abcdef0123", Exit::NotFound),
    ] {
        let nobody = bench.run(&credit(bug, "r")).await?;
        assert_eq!(nobody.exit, exit, "{}", nobody.stderr);
    }
    Ok(())
}

#[tokio::test]
async fn a_claim_before_the_bill_swallows_no_later_one_and_is_refused_plainly() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let early = Life::of(&bench, "7001")?;
    let refused = bench
        .run(&[credit("zendesk:7001", "wrong module"), vec!["--apply"]].concat())
        .await?;
    assert_eq!(refused.exit, Exit::Refused, "{}", refused.stdout);
    assert!(
        refused.stderr.contains("no charge to give back"),
        "{}",
        refused.stderr
    );
    // An older build sent it all the same.
    assert_eq!(claimed(&early, "wrong module").await?, Verdict::NotBilled);
    early.billed().await?;
    let dry = bench.json(&credit("zendesk:7001", "wrong module")).await?;
    assert_eq!((&dry["would"], &dry["verdict"]), (&json!("credit"), &Value::Null));
    assert_eq!(claimed(&early, "wrong module").await?, Verdict::Credited);
    let told = bench
        .run(&["usage", "explain", "--org", "acme", "zendesk:7001"])
        .await?
        .stdout;
    assert!(
        told.contains("there was no charge then") && told.contains("ana): credited"),
        "{told}"
    );
    Ok(())
}

#[tokio::test]
async fn a_claim_that_was_judged_is_told_with_its_verdict_and_not_sent_again() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let life = Life::of(&bench, "5158")?;
    let bug = life.at.ticket.bug();
    assert_eq!(claimed(&life, "wrong").await?, Verdict::Credited);
    assert_eq!(claimed(&life, "again").await?, Verdict::CreditedBefore);
    for name in ["zendesk:5158", bug.as_str()] {
        let told = bench
            .json(&[credit(name, "wrong"), vec!["--apply"]].concat())
            .await?;
        assert_eq!(
            (&told["would"], &told["sent"]),
            (&json!("nothing"), &json!(false))
        );
        assert_eq!(told["verdict"], "credited");
        assert_eq!(told["entry"], json!(format!("entry#{bug}#credit")));
    }
    let again = bench.run(&credit("zendesk:5158", "again")).await?.stdout;
    assert!(again.contains("another claim was credited before"), "{again}");
    Ok(())
}

#[tokio::test]
async fn a_claim_about_another_charge_than_the_one_on_record_gives_nothing_back() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let life = Life::of(&bench, "5158")?;
    let other = Some("of another charge".to_owned());
    assert_eq!(claimed_of(&life, "wrong", other).await?, Verdict::NotBilled);
    assert_eq!(
        claimed_of(&life, "wrong", None).await?,
        Verdict::Credited,
        "of an older build"
    );
    Ok(())
}

#[tokio::test]
async fn credits_that_find_no_charge_in_their_month_are_named() -> Result<()> {
    let bench = Bench::new().await?;
    bench.clock.advance(27 * DAY_MS);
    billed(&bench).await?;
    // The charges are February's, and the credits March's.
    bench.clock.advance(2 * DAY_MS);
    for number in ["5158", "5159"] {
        assert_eq!(
            claimed(&Life::of(&bench, number)?, "wrong").await?,
            Verdict::Credited
        );
    }
    let month = ["usage", "show", "--org", "acme"];
    let shown = bench.json(&month).await?;
    assert_eq!(shown["period"], "2026-03", "{shown}");
    let due = json!({ "net": 0, "included": 0, "overage": 0, "unused_credits": 2 });
    assert_eq!(shown["due"], due);
    let text = bench.run(&month).await?.stdout;
    assert!(text.contains("2 credits found no charge in 2026-03"), "{text}");
    let before = [&month[..], &["--period", "2026-02"]].concat();
    assert_eq!(bench.json(&before).await?["due"]["unused_credits"], 0);
    let text = bench.run(&before).await?.stdout;
    assert!(!text.contains("found no charge"), "{text}");
    Ok(())
}
