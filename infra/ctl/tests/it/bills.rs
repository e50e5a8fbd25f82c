//! Bills that can be proved: sealed, verified, explained and given back.

use anyhow::{Context, Result, bail, ensure};
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
use serde_json::json;

use crate::bench::{Bench, acme};
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

/// What `usage verify` says, which is the same however few entries it compares at once.
pub(crate) async fn verify(bench: &Bench) -> Result<String> {
    let all = verify_in(bench, "100").await?;
    let few = verify_in(bench, "1").await?;
    ensure!(few == all, "{few}\n{all}");
    Ok(all)
}

/// What `usage verify` says that compares so many entries at once.
pub(crate) async fn verify_in(bench: &Bench, at_once: &str) -> Result<String> {
    verify_with(bench, &["--at-once", at_once]).await
}

/// What `usage verify` says with these options.
pub(crate) async fn verify_with(bench: &Bench, options: &[&str]) -> Result<String> {
    let verify: Vec<&str> = ["usage", "verify", "--org", "acme"]
        .into_iter()
        .chain(options.iter().copied())
        .collect();
    let answer = bench.run(&verify).await?;
    Ok(match answer.exit {
        Exit::Done => answer.stdout,
        Exit::Failed => answer.stderr,
        other => bail!("{other:?}: {}", answer.stderr),
    })
}

/// Runs a claim through `qualify`, as its message does; it names the charge that there is.
pub(crate) async fn claimed(life: &Life<'_>, note: &str) -> Result<Verdict> {
    let flag = life
        .ledger()?
        .sealed(&key_of(&life.at.ticket, step::BILL))
        .await?;
    let flag: Option<Flag> = flag.map(|flag| flag.result()).transpose()?;
    let charge = flag.filter(Flag::is_charge).map(|flag| flag.hash);
    claimed_of(life, note, charge).await
}

/// Runs a claim about this charge through `qualify`.
pub(crate) async fn claimed_of(life: &Life<'_>, note: &str, charge: Option<String>) -> Result<Verdict> {
    let claim = CreditAsked {
        ticket: life.at.ticket.clone(),
        source: Source::Operator,
        by: "ana".to_owned(),
        note: note.to_owned(),
        charge,
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
    let shown = bench.json(&["usage", "verify", "--org", "acme"]).await?;
    assert_eq!(shown["verified"], true);
    assert_eq!((&shown["sealed"], &shown["batches"]), (&json!(4), &json!(2)));
    assert_eq!(shown["signed_off"], true);
    Ok(())
}

#[tokio::test]
async fn entries_that_are_sealed_a_few_at_a_time_are_each_sealed_once() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let (org, month, now_ms) = (org()?, month("2026-02")?, bench.world.now_ms());
    let few = usage(&bench).with_at_once(2);
    assert_eq!(few.seal(&org, &month, false, now_ms).await?.added, 3);
    for number in ["1", "2", "3", "4", "5", "6"] {
        Life::of(&bench, number)?.billed().await?;
    }
    assert_eq!(few.slices(9).len(), 5);
    let sealing = few.seal(&org, &month, true, now_ms).await?;
    assert_eq!((sealing.added, sealing.size, sealing.is_final), (6, 9, true));
    assert_eq!(few.seal(&org, &month, true, now_ms).await?.added, 0);
    let said = verify(&bench).await?;
    assert!(
        said.contains("seal     9 of 9 entries in 2 batches, signed off"),
        "{said}"
    );
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
    let passed = verify_with(&bench, &["--entries-only"]).await?;
    assert!(
        passed.contains("not searched for flags without an entry"),
        "{passed}"
    );

    let unread = Life::of(&bench, "6000")?;
    unread.seal(step::BILL, "", json!("not a flag")).await?;
    let said = verify_with(&bench, &[]).await?;
    assert!(
        said.contains("flag on the ledger does not read") && said.contains("6000"),
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
