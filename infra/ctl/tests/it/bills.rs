//! Bills that can be proved: sealed, verified, explained, exported and given back.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use ctl::failure::Exit;
use ratchet_domain::bill::{self, Flag};
use ratchet_domain::credit::{CreditAsked, Judged, Source, Verdict};
use ratchet_domain::ids::OrgId;
use ratchet_domain::message::{Body, Envelope};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::stage::key_of;
use ratchet_runtime::usage::Usage;
use ratchet_runtime::usage::seal::Sealing;
use ratchet_runtime::usage::slice::Slice;
use serde_json::{Value, json};

use crate::bench::{Bench, acme};
use crate::forgeries::set;
use crate::life::Life;

pub(crate) const DAY_MS: u64 = 24 * 3_600_000;

pub(crate) fn org() -> Result<OrgId> {
    Ok(OrgId::parse("acme")?)
}

pub(crate) fn month(text: &str) -> Result<Period> {
    Period::parse(text).context("a month")
}

pub(crate) fn usage(bench: &Bench) -> Usage {
    Usage::new(bench.world.deployment.dynamo.clone(), "usage")
}

pub(crate) async fn seal(bench: &Bench, is_over: bool) -> Result<Sealing> {
    let now_ms = bench.world.now_ms();
    Ok(usage(bench)
        .seal(&org()?, &month("2026-02")?, is_over, now_ms)
        .await?)
}

/// Three bugs, billed.
pub(crate) async fn billed(bench: &Bench) -> Result<()> {
    bench.put(&acme()).await?;
    for number in ["5158", "5159", "5160"] {
        Life::of(bench, number)?.billed().await?;
    }
    Ok(())
}

pub(crate) async fn verify(bench: &Bench) -> Result<String> {
    let answer = bench
        .run(&["usage", "verify", "--org", "acme", "--ledger"])
        .await?;
    Ok(match answer.exit {
        Exit::Done => answer.stdout,
        Exit::Failed => answer.stderr,
        other => bail!("{other:?}: {}", answer.stderr),
    })
}

/// Runs a claim through `qualify`, as its message does.
pub(crate) async fn claimed(life: &Life<'_>, note: &str) -> Result<Verdict> {
    let claim = CreditAsked {
        ticket: life.at.ticket.clone(),
        source: Source::Operator,
        by: "ana".to_owned(),
        note: note.to_owned(),
        asked_at_ms: life.bench.world.now_ms(),
    };
    let qualify = qualify::Qualify::new(&life.bench.world.deployment)?;
    let envelope = Envelope::new(None, Body::Credit(claim.clone()));
    let invocation = Invocation {
        ledger: life.ledger()?,
        message: envelope.to_json(),
        trace: None,
    };
    qualify.handle(&invocation, &envelope).await?;
    let key = key_of(&claim.ticket, step::credit_claim(&claim.id()));
    let sealed = life
        .ledger()?
        .sealed(&key)
        .await?
        .context("the claim is on record")?;
    Ok(sealed.result::<Judged>()?.verdict)
}

#[tokio::test]
async fn a_sealed_period_verifies_open_and_signed_off() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let open = verify(&bench).await?;
    assert!(open.starts_with("acme in 2026-02: verified\n"), "{open}");
    assert!(open.contains("not sealed yet"), "{open}");
    let sealed = seal(&bench, false).await?;
    assert_eq!((sealed.added, sealed.size, sealed.is_final), (3, 3, false));
    assert_eq!(seal(&bench, false).await?.added, 0, "nothing came since");
    Life::of(&bench, "5161")?.billed().await?;
    let shown = bench.json(&["usage", "verify", "--org", "acme"]).await?;
    assert_eq!((&shown["sealed"], &shown["unsealed"]), (&json!(3), &json!(1)));
    let last = seal(&bench, true).await?;
    assert_eq!((last.added, last.size, last.is_final), (1, 4, true));
    let shown = bench
        .json(&["usage", "verify", "--org", "acme", "--ledger"])
        .await?;
    assert_eq!(shown["verified"], true);
    assert_eq!((&shown["sealed"], &shown["batches"]), (&json!(4), &json!(2)));
    assert_eq!(shown["signed_off"], true);
    Ok(())
}

#[tokio::test]
async fn a_flag_without_its_entry_is_found_by_searching_the_ledger() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let life = Life::of(&bench, "7000")?;
    let flag = Flag {
        org_period: "acme#2026-02".to_owned(),
        entry: bill::charge_key(&life.at.ticket.bug()),
        hash: String::new(),
        billed_at: 0,
        content: life.at.content.clone(),
    };
    life.seal(step::BILL, "", flag).await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("flag on the ledger has no entry") && said.contains("7000"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn why_a_bug_was_or_was_not_billed_is_told_with_its_proof() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    let bug = Life::of(&bench, "5159")?.at.ticket.bug();
    for name in ["zendesk:5159", bug.as_str()] {
        let told = bench.json(&["usage", "explain", "--org", "acme", name]).await?;
        assert_eq!((&told["billed"], &told["verifies"]), (&json!(true), &json!(true)));
        assert_eq!(told["proof"]["holds"], true);
        assert_eq!(told["proof"]["size"], 3);
        assert_eq!(told["entry"]["ticket"], "zendesk:5159");
    }
    let text = bench
        .run(&["usage", "explain", "--org", "acme", "zendesk:5159"])
        .await?
        .stdout;
    assert!(
        text.contains("0.9 is at or above the org's 0.7") && text.contains("the proof holds"),
        "{text}"
    );

    let held = Life::of(&bench, "6001")?;
    held.extracted(0.69).await?;
    held.mapped().await?;
    held.qualified().await?;
    let text = bench
        .run(&["usage", "explain", "--org", "acme", "zendesk:6001"])
        .await?
        .stdout;
    assert!(
        text.contains("not billed") && text.contains("0.69 against 0.7"),
        "{text}"
    );
    let answer = bench
        .run(&["usage", "explain", "--org", "acme", "zendesk:1"])
        .await?;
    assert_eq!(answer.exit, Exit::NotFound);
    let answer = bench
        .run(&["usage", "explain", "--org", "acme", "0123456789abcdef0123"])
        .await?;
    assert_eq!(answer.exit, Exit::NotFound);
    Ok(())
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

#[tokio::test]
async fn a_claim_is_credited_once_a_bug_within_seven_days_and_every_claim_is_on_record() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let life = Life::of(&bench, "5158")?;
    let dry = bench
        .json(&[
            "usage",
            "credit",
            "--org",
            "acme",
            "zendesk:5158",
            "--reason",
            "wrong",
            "--by",
            "ana",
        ])
        .await?;
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
    let sent = bench
        .json(&[
            "usage",
            "credit",
            "--org",
            "acme",
            "zendesk:5160",
            "--reason",
            "r",
            "--by",
            "b",
            "--apply",
        ])
        .await?;
    assert_eq!((&sent["would"], &sent["sent"]), (&json!("record"), &json!(true)));
    let bad = bench
        .run(&[
            "usage", "credit", "--org", "acme", "nonsense", "--reason", "", "--by", "b",
        ])
        .await?;
    assert_eq!(bad.exit, Exit::Invalid);
    assert!(
        bad.stderr.contains("TICKET") && bad.stderr.contains("--reason"),
        "{}",
        bad.stderr
    );
    Ok(())
}
