//! Random histories of charges and credits: whatever happens, in whatever order, a bug is billed once or not at all, a
//! claim is judged as the seven days say, and the books agree.
//!
//! The histories are the same in every run, so that what they reach can be counted; `PROPTEST_CASES` makes more of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use ratchet_domain::bill::Kind;
use ratchet_domain::period::{Period, Zone};
use ratchet_runtime::usage::Usage;
use ratchet_runtime::usage::slice::Slice;

use crate::bench::{Bench, NOW_MS};
use crate::bills::{org, usage};
use crate::faults::{Fault, Point};
use crate::history::{History, Reached};

/// The cases of a run that `PROPTEST_CASES` says nothing about.
const CASES_UNASKED: u32 = 256;

/// One thing that happens.
#[derive(Debug, Clone)]
pub(crate) enum Happens {
    /// A content of a bug is extracted with a score, and its message reaches the gate; the invocation may meet a fault.
    Scored {
        bug: u8,
        content: u8,
        passes: bool,
        fault: Option<Point>,
    },
    /// The gate's message comes again, and its invocation may meet a fault.
    Message {
        bug: u8,
        content: u8,
        fault: Option<Point>,
    },
    /// Somebody claims the bug back, and the invocation may meet a fault.
    Claimed { bug: u8, fault: Option<Point> },
    /// An earlier claim's message comes again.
    ClaimedAgain { claim: u8 },
    /// The org's cap and its partitions change.
    Cap { cap: Option<u8>, partitions: u8 },
    /// Time passes.
    Waits { hours: u16 },
    /// The clock is set back.
    Back { hours: u16 },
    /// The sealer runs.
    Sealed,
}

fn fault() -> impl Strategy<Value = Option<Point>> {
    let kinds = prop_oneof![
        Just(Fault::LoseReply),
        Just(Fault::DieBefore),
        Just(Fault::DieAfter)
    ];
    proptest::option::weighted(0.6, (0..8_u8, kinds))
}

fn happens() -> impl Strategy<Value = Happens> {
    let (bug, content) = (0..3_u8, 0..2_u8);
    prop_oneof![
        5 => (bug.clone(), content.clone(), prop::bool::weighted(0.8), fault())
            .prop_map(|(bug, content, passes, fault)| Happens::Scored { bug, content, passes, fault }),
        4 => (bug.clone(), content, fault())
            .prop_map(|(bug, content, fault)| Happens::Message { bug, content, fault }),
        4 => (bug, fault()).prop_map(|(bug, fault)| Happens::Claimed { bug, fault }),
        1 => (0..6_u8).prop_map(|claim| Happens::ClaimedAgain { claim }),
        2 => (proptest::option::of(0..3_u8), 1..6_u8).prop_map(|(cap, partitions)| Happens::Cap { cap, partitions }),
        2 => (1..48_u16).prop_map(|hours| Happens::Waits { hours }),
        2 => (48..480_u16).prop_map(|hours| Happens::Waits { hours }),
        1 => (1..72_u16).prop_map(|hours| Happens::Back { hours }),
        1 => Just(Happens::Sealed),
    ]
}

/// Plays a history to its end and checks the books.
async fn plays(happens: &[Happens]) -> Result<Reached> {
    let mut history = History::new().await?;
    for what in happens {
        history.plays(what).await?;
    }
    history.ends().await?;
    let bench = &history.bench;
    let reached = history.reached;
    let found = books(bench).await?;
    assert_eq!(found.charged.len(), history.due()?.len(), "never two");
    assert_eq!(
        found.charged.into_iter().collect::<BTreeSet<_>>(),
        history.due()?,
        "never nought"
    );
    assert_eq!(found.credited.len(), history.credited().len(), "one credit a bug");
    assert_eq!(
        found.credited.into_iter().collect::<BTreeSet<_>>(),
        history.credited(),
        "each claim in time gives one back"
    );
    Ok(reached)
}

/// The bugs of all entries.
#[derive(Default)]
struct Found {
    charged: Vec<String>,
    credited: Vec<String>,
}

/// Every month's entries add up to its total, and verify once they are sealed.
async fn books(bench: &Bench) -> Result<Found> {
    let zone = Zone::named("Europe/Berlin").context("zone")?;
    let mut found = Found::default();
    let (mut period, last) = (Period::of(NOW_MS, &zone), Period::of(bench.world.now_ms(), &zone));
    while period <= last {
        let own = usage(bench);
        own.seal(&org()?, &period, period < last, bench.world.now_ms())
            .await?;
        for (partition, total) in own.totals(&org()?, &period).await? {
            let entries = entries(&own, &partition).await?;
            let charges = entries.iter().filter(|(kind, _)| *kind == Kind::MappedBug);
            let charges = charges.count() as u64;
            assert_eq!(charges, total.mapped_bugs, "{partition}");
            assert_eq!(entries.len() as u64 - charges, total.credits, "{partition}");
            for (kind, bug) in entries {
                match kind {
                    Kind::MappedBug => found.charged.push(bug),
                    Kind::Credit => found.credited.push(bug),
                }
            }
        }
        let verify = ["usage", "verify", "--org", "acme", "--period", period.as_str()];
        let answer = bench.run(&verify).await?;
        assert!(answer.stdout.contains("verified"), "{}", answer.stderr);
        period = period.next();
    }
    Ok(found)
}

async fn entries(usage: &Usage, partition: &str) -> Result<Vec<(Kind, String)>> {
    let page = usage.page(partition, &Slice::whole(), None).await?;
    assert!(page.next.is_none(), "a page has them all");
    let mut entries = Vec::new();
    for entry in page.entries {
        let bug = entry.entry.get("bug").context("bug")?.to_owned();
        entries.push((entry.verified()?, bug));
    }
    Ok(entries)
}

/// Charges of many bugs while the cap and the partitions change.
fn charges() -> impl Strategy<Value = Happens> {
    let scored = |bug| Happens::Scored {
        bug,
        content: 0,
        passes: true,
        fault: None,
    };
    let cap = (0..8_u8, 1..6_u8).prop_map(|(cap, partitions)| Happens::Cap {
        cap: Some(cap),
        partitions,
    });
    prop_oneof![2 => (0..9_u8).prop_map(scored), 1 => cap]
}

/// Plays so many histories, the same ones in every run, and adds up what they reached.
fn play(
    cases: u32,
    happens: impl Strategy<Value = Happens>,
) -> Result<BTreeMap<&'static str, u32>, TestError<Vec<Happens>>> {
    let mut config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if config.cases == CASES_UNASKED {
        config.cases = cases;
    }
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let reached = RefCell::new(BTreeMap::new());
    let histories = prop::collection::vec(happens, 4..24);
    TestRunner::new_with_rng(config, random).run(&histories, |history| {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let played = runtime.block_on(plays(&history));
        let played = played.map_err(|error| TestCaseError::fail(format!("{error:#}")))?;
        for (what, count) in played.counts() {
            *reached.borrow_mut().entry(what).or_default() += count;
        }
        Ok(())
    })?;
    Ok(reached.into_inner())
}

#[test]
fn whatever_happens_a_bug_is_billed_once_and_the_books_agree() {
    let reached = play(48, happens()).unwrap();
    // What the property is about was there to go wrong.
    for (what, count) in &reached {
        assert!(*count >= 4, "{what}: {count} of {reached:?}");
    }
}

#[test]
fn no_cap_is_passed_however_it_and_the_partitions_change() {
    let reached = play(16, charges()).unwrap();
    let waited = reached.get("charges that waited at a cap");
    assert!(waited.is_some_and(|count| *count >= 16), "{reached:?}");
}
