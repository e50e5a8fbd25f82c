//! Random histories of charges: whatever happens, in whatever order, a bug is billed once or not at all, and the books agree.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use proptest::prelude::*;
use ratchet_domain::bill::Kind;
use ratchet_domain::ids::ContentHash;
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_runtime::usage::slice::Slice;
use ratchet_runtime::usage::{fold, sum};
use serde_json::json;

use crate::bench::{Bench, acme};
use crate::bills::{claimed, month, org, usage};
use crate::life::Life;

/// The months that a history may reach.
const MONTHS: [&str; 4] = ["2026-02", "2026-03", "2026-04", "2026-05"];

/// One thing that happens.
#[derive(Debug, Clone)]
enum Happens {
    /// A content of a bug is extracted with a score, and its message reaches the gate.
    Scored { bug: u8, content: u8, passes: bool },
    /// The message comes again.
    Again { bug: u8, content: u8 },
    /// An attempt claims the gate's work and dies.
    Dies { bug: u8, content: u8 },
    /// Somebody claims the bug back.
    Claimed { bug: u8, note: u8 },
    /// The org's cap and its partitions change.
    Cap { cap: Option<u8>, partitions: u8 },
    /// Time passes.
    Waits { hours: u16 },
    /// The sealer runs.
    Sealed,
}

fn happens() -> impl Strategy<Value = Happens> {
    let (bug, content) = (0..5_u8, 0..2_u8);
    prop_oneof![
        4 => (bug.clone(), content.clone(), any::<bool>())
            .prop_map(|(bug, content, passes)| Happens::Scored { bug, content, passes }),
        3 => (bug.clone(), content.clone()).prop_map(|(bug, content)| Happens::Again { bug, content }),
        2 => (bug.clone(), content).prop_map(|(bug, content)| Happens::Dies { bug, content }),
        2 => (bug, 0..2_u8).prop_map(|(bug, note)| Happens::Claimed { bug, note }),
        1 => (proptest::option::of(0..4_u8), 1..6_u8).prop_map(|(cap, partitions)| Happens::Cap { cap, partitions }),
        2 => (1..400_u16).prop_map(|hours| Happens::Waits { hours }),
        1 => Just(Happens::Sealed),
    ]
}

fn life(bench: &Bench, bug: u8, content: u8) -> Result<Life<'_>> {
    let mut life = Life::of(bench, &format!("70{bug}"))?;
    life.at.content = ContentHash::of(&["words", &content.to_string()]);
    Ok(life)
}

async fn put(bench: &Bench, cap: Option<u8>, partitions: u8) -> Result<()> {
    let mut settings = acme();
    settings["billing"] =
        json!({ "time_zone": "Europe/Berlin", "mapped_bug_cap": cap, "partitions": partitions });
    bench.put(&settings).await?;
    Ok(())
}

async fn seal_all(bench: &Bench) -> Result<()> {
    for text in MONTHS {
        usage(bench)
            .seal(&org()?, &month(text)?, false, bench.world.now_ms())
            .await?;
    }
    Ok(())
}

/// What each month has charged.
async fn charged(bench: &Bench) -> Result<Vec<u64>> {
    let mut charged = Vec::new();
    for text in MONTHS {
        let totals = usage(bench).totals(&org()?, &month(text)?).await?;
        charged.push(sum(&totals).mapped_bugs);
    }
    Ok(charged)
}

/// Plays a history to its end and checks the books.
async fn plays(history: &[Happens]) -> Result<()> {
    let bench = Bench::new().await?;
    put(&bench, None, 1).await?;
    // The first score of each content is the one that counts.
    let mut scores: BTreeMap<(u8, u8), bool> = BTreeMap::new();
    let mut deaths: BTreeMap<(u8, u8), u32> = BTreeMap::new();
    let mut cap_now = None;
    let mut before = charged(&bench).await?;
    for what in history {
        match *what {
            Happens::Scored { bug, content, passes } => {
                let life = life(&bench, bug, content)?;
                let again = life.extracted(if passes { 0.7 } else { 0.699 }).await.is_err();
                assert_eq!(
                    again,
                    scores.contains_key(&(bug, content)),
                    "a score is sealed once"
                );
                scores.entry((bug, content)).or_insert(passes);
                if !again {
                    life.mapped().await?;
                }
                drop(life.qualified().await);
            }
            Happens::Again { bug, content } if scores.contains_key(&(bug, content)) => {
                drop(life(&bench, bug, content)?.qualified().await);
            }
            Happens::Dies { bug, content } if scores.contains_key(&(bug, content)) => {
                let died = deaths.entry((bug, content)).or_default();
                *died += 1;
                // One more, and the work would wait for a person.
                if *died > 3 {
                    continue;
                }
                let life = life(&bench, bug, content)?;
                drop(life.claim(step::qualify(&life.at.content)).await);
            }
            Happens::Claimed { bug, note } => {
                claimed(&life(&bench, bug, 0)?, &note.to_string()).await?;
            }
            Happens::Cap { cap, partitions } => {
                put(&bench, cap, partitions).await?;
                cap_now = cap.map(u64::from);
            }
            Happens::Waits { hours } => bench.clock.advance(u64::from(hours) * 3_600_000 / 8),
            Happens::Sealed => seal_all(&bench).await?,
            Happens::Again { .. } | Happens::Dies { .. } => {}
        }
        let after = charged(&bench).await?;
        for (before, after) in before.iter().zip(&after).filter(|(before, after)| before < after) {
            assert!(
                cap_now.is_none_or(|cap| *after <= cap),
                "{before} to {after} over {cap_now:?}"
            );
        }
        before = after;
    }
    // In the end every lease is over, there is room for all, and every message has come once more.
    put(&bench, None, 1).await?;
    bench.clock.advance(2 * 3_600_000);
    for (bug, content) in scores.keys() {
        life(&bench, *bug, *content)?.qualified().await?;
    }
    agrees(&bench, &scores).await
}

async fn agrees(bench: &Bench, scores: &BTreeMap<(u8, u8), bool>) -> Result<()> {
    let mut charged: Vec<String> = Vec::new();
    let mut credited: Vec<String> = Vec::new();
    seal_all(bench).await?;
    let now = Period::of(
        bench.world.now_ms(),
        &ratchet_domain::period::Zone::named("Europe/Berlin").context("zone")?,
    );
    for text in MONTHS {
        let period = month(text)?;
        let totals = usage(bench).totals(&org()?, &period).await?;
        let mut kinds = Vec::new();
        for (partition, total) in &totals {
            let page = usage(bench).page(partition, &Slice::whole(), None).await?;
            let mut own = Vec::new();
            for entry in page.entries {
                let kind = entry.verified()?;
                own.push(kind);
                let bug = entry.entry.get("bug").context("bug")?.to_owned();
                if kind == Kind::MappedBug {
                    charged.push(bug)
                } else {
                    credited.push(bug)
                }
            }
            assert_eq!(fold(own.iter().copied()), *total, "{partition}");
            kinds.extend(own);
        }
        assert_eq!(fold(kinds), sum(&totals), "{text}");
        if period <= now {
            let answer = bench
                .run(&["usage", "verify", "--org", "acme", "--period", text])
                .await?;
            assert!(answer.stdout.contains("verified"), "{}", answer.stderr);
        }
    }
    let expected: BTreeSet<String> = scores
        .iter()
        .filter(|(_, passes)| **passes)
        .map(|((bug, content), _)| Ok(life(bench, *bug, *content)?.at.ticket.bug().to_string()))
        .collect::<Result<_>>()?;
    assert_eq!(charged.len(), expected.len(), "never two");
    assert_eq!(
        charged.into_iter().collect::<BTreeSet<_>>(),
        expected,
        "never nought"
    );
    let once: BTreeSet<&String> = credited.iter().collect();
    assert_eq!(once.len(), credited.len(), "one credit a bug");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_bug_is_billed_once_and_the_books_agree(history in prop::collection::vec(happens(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(plays(&history)).unwrap();
    }
}
