//! What a sweep does to a row: one message a period, and none for a row that has gone on.

use ratchet_guard::clock::Clock;
use ratchet_guard::{Nudge, Park, Record, State, WorkKey};

use crate::world::{NOW, World, key, work};

const PERIOD_MS: u64 = 300_000;

/// A claim that nobody works on any more, its lease over.
async fn stuck(world: &World) -> Record {
    drop(world.claim(&work()).await);
    world.pass_lease();
    world.record(&key()).await
}

/// Work that waits until `at_ms`, when it is that time.
async fn due(world: &World, at_ms: u64) -> Record {
    let claim = world.claim(&work()).await;
    claim.park(Park::until("capped", "", at_ms)).await.unwrap();
    world.clock.set(at_ms);
    world.record(&key()).await
}

async fn nudge(world: &World, record: &Record) -> bool {
    let next_ms = world.clock.now_ms() + PERIOD_MS;
    world.ledger().nudge(record, next_ms).await.unwrap() == Nudge::Send
}

#[tokio::test]
async fn stuck_claim_is_sent_once_a_period() {
    let world = World::new().await;
    let record = stuck(&world).await;
    assert!(nudge(&world, &record).await);
    assert!(!nudge(&world, &record).await, "two sweeps at once");
    let noted = world.record(&key()).await;
    assert!(!nudge(&world, &noted).await, "a sweep that overlaps");
    world.clock.advance(PERIOD_MS);
    assert!(nudge(&world, &noted).await);
}

#[tokio::test]
async fn row_that_was_claimed_again_is_not_sent() {
    let world = World::new().await;
    let record = stuck(&world).await;
    drop(world.claim(&work()).await);
    world.clock.set(record.due_at.unwrap());
    let newer = world.record(&key()).await;
    assert_eq!(newer.fence, record.fence + 1);
    let alike = Record {
        due_at: newer.due_at,
        ..record
    };
    assert!(!nudge(&world, &alike).await);
}

#[tokio::test]
async fn row_that_was_settled_since_is_not_sent() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    let claimed = world.record(&key()).await;
    let at_ms = claimed.due_at.unwrap();
    claim.park(Park::until("capped", "", at_ms)).await.unwrap();
    world.clock.set(at_ms);
    assert_eq!(world.record(&key()).await.due_at, Some(at_ms));
    assert!(!nudge(&world, &claimed).await);
}

#[tokio::test]
async fn row_that_is_due_anew_is_sent_at_once() {
    let world = World::new().await;
    let record = due(&world, NOW + 1_000).await;
    assert!(nudge(&world, &record).await);
    world.clock.advance(1_000);
    assert!(world.ledger().resume(&record).await.unwrap());
    let resumed = world.record(&key()).await;
    assert!(
        nudge(&world, &resumed).await,
        "the old note does not hold it back"
    );
}

#[tokio::test]
async fn row_that_is_due_at_another_time_than_it_was_read_is_not_sent() {
    let world = World::new().await;
    let record = due(&world, NOW + 1_000).await;
    world.clock.advance(1_000);
    assert!(world.ledger().resume(&record).await.unwrap());
    assert!(!nudge(&world, &record).await);
}

#[tokio::test]
async fn message_is_retired_once_after_it_was_let_go() {
    let world = World::new().await;
    let ledger = world.ledger();
    let key = parked_message(&world, "first").await;
    let parked = world.record(&key).await;
    assert!(!ledger.retire_message(&parked).await.unwrap(), "nobody let it go");
    assert!(ledger.resume(&parked).await.unwrap());
    assert!(ledger.retire_message(&parked).await.unwrap());
    assert_eq!(world.record(&key).await.state, State::Sealed);
    assert!(!ledger.retire_message(&parked).await.unwrap());
}

#[tokio::test]
async fn message_that_fails_again_is_parked_again() {
    let world = World::new().await;
    let ledger = world.ledger();
    let key = parked_message(&world, "first").await;
    let parked = world.record(&key).await;
    assert!(ledger.resume(&parked).await.unwrap());
    parked_message(&world, "second").await;
    let again = world.record(&key).await;
    assert_eq!(again.detail.as_deref(), Some("second"));
    assert!(
        !ledger.retire_message(&parked).await.unwrap(),
        "it failed meanwhile"
    );

    assert!(ledger.resume(&again).await.unwrap());
    assert!(ledger.retire_message(&again).await.unwrap());
    parked_message(&world, "third").await;
    let third = world.record(&key).await;
    assert_eq!(
        (third.state, third.detail.as_deref()),
        (State::Parked, Some("third"))
    );
}

async fn parked_message(world: &World, detail: &str) -> WorkKey {
    let ledger = world.ledger();
    let parked = ledger.park_message("extract", "{\"v\":99}", "bad_version", detail);
    parked.await.unwrap()
}
