//! The sparse index: what is not finished stands in it, what is finished does not, and reading it costs what is stuck.

use ratchet_guard::effect::{accept_duplicates, probed};
use ratchet_guard::{Ledger, Park, Record, Unfinished, Work, WorkKey};

use crate::provider::{Provider, Say};
use crate::world::{LEASE_MS, NOW, World, key, retry, work};

const EVER: u64 = u64::MAX;

#[tokio::test]
async fn claim_stands_in_the_index_from_its_lease_end_until_it_is_sealed() {
    let world = World::new().await;
    let work = work().driven_by("publish-rca", "{\"v\":1}");
    let claim = world.claim(&work).await;
    assert_eq!(
        unfinished(&world, Unfinished::Claimed, NOW + LEASE_MS - 1).await,
        []
    );
    let due = unfinished(&world, Unfinished::Claimed, NOW + LEASE_MS).await;
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].key, key());
    assert_eq!(
        (due[0].stage.as_str(), due[0].message.as_str()),
        ("publish-rca", "{\"v\":1}")
    );
    claim.decide(1).seal().await.unwrap();
    for kind in ALL {
        assert_eq!(unfinished(&world, kind, EVER).await, [], "{kind:?}");
    }
}

#[tokio::test]
async fn released_claim_is_due_when_its_backoff_is_over() {
    let world = World::new().await;
    let provider = Provider::saying([Say::NotNow(Some(7_000))]);
    retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(
        unfinished(&world, Unfinished::Claimed, NOW + 6_999).await.len(),
        0
    );
    assert_eq!(
        unfinished(&world, Unfinished::Claimed, NOW + 7_000).await.len(),
        1
    );
}

#[tokio::test]
async fn parked_work_stands_under_what_it_waits_for() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    let until = Park::until("cap_reached", "", NOW + 500);
    claim.park(until).await.unwrap();
    assert_eq!(kinds(&world, EVER).await, [Unfinished::Waiting]);
    assert_eq!(kinds(&world, NOW + 499).await, []);
    assert_eq!(kinds(&world, NOW + 500).await, [Unfinished::Waiting]);

    world.clock.advance(500);
    let claim = world.claim(&work()).await;
    assert_eq!(kinds(&world, EVER).await, [Unfinished::Claimed]);
    claim.park(Park::for_a_person("odd", "")).await.unwrap();
    assert_eq!(kinds(&world, world.clock_ms()).await, [Unfinished::Review]);

    world.clock.advance(9);
    let record = world.record(&key()).await;
    assert!(world.ledger().resume(&record).await.unwrap());
    assert_eq!(kinds(&world, world.clock_ms() - 1).await, []);
    assert_eq!(kinds(&world, world.clock_ms()).await, [Unfinished::Waiting]);
}

#[tokio::test]
async fn poison_waits_for_review_and_a_late_receipt_for_the_reconciliation() {
    let world = World::new().await;
    let poison = world
        .ledger()
        .park_message("map", "{", "unreadable", "")
        .await
        .unwrap();
    assert_eq!(unfinished(&world, Unfinished::Review, NOW).await[0].key, poison);

    let provider = Provider::default();
    let late = world
        .act(&work(), accept_duplicates(provider.post(), "it is counted"))
        .await;
    world.pass_lease();
    world.claim(&work()).await.decide(1).seal().await.unwrap();
    late.unwrap().seal().await.unwrap();
    let receipts = unfinished(&world, Unfinished::Receipt, world.clock_ms()).await;
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].key.step(), "comment#receipt#1");
}

#[tokio::test]
async fn reading_what_is_unfinished_costs_what_is_stuck() {
    let world = World::new().await;
    for n in 0..400 {
        let work = Work::new(WorkKey::new(format!("ticket#{n}"), "step"), "c");
        let claim = world.claim(&work).await;
        if n % 100 != 0 {
            claim.decide(n).seal().await.unwrap();
        }
    }
    world.wire.reset();
    let stuck = unfinished(&world, Unfinished::Claimed, EVER).await;
    assert_eq!(stuck.len(), 4);
    let scanned: u64 = world
        .wire
        .calls()
        .iter()
        .map(|call| call.answer["ScannedCount"].as_u64().unwrap())
        .sum();
    assert_eq!(scanned, 4, "of 400 rows");
    assert_eq!(world.wire.calls().len(), 8, "one query a shard");
}

#[tokio::test]
async fn unfinished_records_come_in_pages_by_the_time_they_are_due() {
    let world = World::new().await;
    for n in 0..250 {
        // One subject, so one shard.
        let work = Work::new(WorkKey::new("ticket", format!("step-{n}")), "c");
        drop(world.claim(&work).await);
        world.clock.advance(1);
    }
    world.wire.reset();
    let stuck = unfinished(&world, Unfinished::Claimed, EVER).await;
    let due: Vec<u64> = stuck.iter().map(|record| record.due_at.unwrap()).collect();
    assert_eq!(due, (0..250).map(|n| NOW + LEASE_MS + n).collect::<Vec<_>>());
    assert_eq!(world.wire.calls().len(), 7 + 3);
}

const ALL: [Unfinished; 5] = [
    Unfinished::Claimed,
    Unfinished::Waiting,
    Unfinished::Review,
    Unfinished::Receipt,
    Unfinished::Event,
];

async fn kinds(world: &World, due_until: u64) -> Vec<Unfinished> {
    let mut kinds = Vec::new();
    for kind in ALL {
        let found = unfinished(world, kind, due_until).await;
        kinds.extend(found.iter().map(|_| kind));
    }
    kinds
}

pub(crate) async fn unfinished(world: &World, kind: Unfinished, due_until: u64) -> Vec<Record> {
    let mut all = Vec::new();
    for shard in Ledger::shards() {
        let mut start = None;
        loop {
            let page = world
                .ledger()
                .unfinished(kind, shard, due_until, start)
                .await
                .unwrap();
            all.extend(page.records);
            start = page.next;
            if start.is_none() {
                break;
            }
        }
    }
    all
}
