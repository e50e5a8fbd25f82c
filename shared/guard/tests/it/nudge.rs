//! What a sweep notes on a row: its message goes out a few times, one sweep at a time, and then a person is asked.

use ratchet_guard::{Nudge, Park, State, Unfinished};

use crate::index::unfinished;
use crate::wire::Fault;
use crate::world::{NOW, TIMING, World, key, parked, work};

const WAIT_MS: u64 = 60_000;

/// One sweep's note, when the last one's time is over.
async fn nudge(world: &World) -> Nudge {
    world.clock.advance(WAIT_MS);
    let record = world.record(&key()).await;
    let next_ms = world.ledger().now_ms() + WAIT_MS;
    world.ledger().nudge(&record, next_ms).await.unwrap()
}

async fn used_up(world: &World) {
    for sent in 0..TIMING.attempts_max {
        assert_eq!(nudge(world).await, Nudge::Send, "after {sent}");
    }
}

#[tokio::test]
async fn row_that_nobody_claims_is_parked_for_a_person_after_the_last_note() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    used_up(&world).await;
    assert_eq!(nudge(&world).await, Nudge::Parked);
    let record = world.record(&key()).await;
    assert_eq!((record.state, record.fence), (State::Parked, 1));
    assert_eq!(record.reason.as_deref(), Some("never_claimed"));
    assert!(record.detail.is_some_and(|detail| detail.contains("4 times")));
    assert_eq!((record.resends, record.resend_at), (0, None));
    let now_ms = world.ledger().now_ms();
    assert_eq!(unfinished(&world, Unfinished::Claimed, now_ms).await.len(), 0);
    assert_eq!(unfinished(&world, Unfinished::Review, now_ms).await.len(), 1);
    let found = parked(world.ledger().claim(&work()).await);
    assert_eq!(
        found.reason(),
        "never_claimed",
        "a message that comes now finds it parked"
    );
}

#[tokio::test]
async fn row_that_waited_for_a_time_is_parked_as_well() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    claim.park(Park::until("capped", "", NOW + 1)).await.unwrap();
    used_up(&world).await;
    assert_eq!(nudge(&world).await, Nudge::Parked);
    let record = world.record(&key()).await;
    assert_eq!(
        (record.resume_at, record.reason.as_deref()),
        (None, Some("never_claimed"))
    );
}

#[tokio::test]
async fn row_that_a_person_lets_go_again_asks_before_it_acts() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    used_up(&world).await;
    nudge(&world).await;
    let record = world.record(&key()).await;
    assert!(world.ledger().resume(&record).await.unwrap());
    let claim = world.claim(&work()).await;
    assert!(
        claim.may_have_sent(),
        "the attempt before the park may have sent it"
    );
    assert_eq!(claim.fence(), 2);
    claim.decide(1).seal().await.unwrap();
}

#[tokio::test]
async fn claim_between_two_notes_counts_them_anew() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    used_up(&world).await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    assert_eq!(world.record(&key()).await.resends, 0);
    used_up(&world).await;
    assert_eq!(nudge(&world).await, Nudge::Parked);
}

#[tokio::test]
async fn second_sweep_leaves_what_the_first_has_sent_or_parked() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    let record = world.record(&key()).await;
    let next_ms = world.ledger().now_ms() + WAIT_MS;
    let both = [
        world.ledger().nudge(&record, next_ms).await.unwrap(),
        world.ledger().nudge(&record, next_ms).await.unwrap(),
    ];
    assert_eq!(both, [Nudge::Send, Nudge::Leave]);
    for _ in 1..TIMING.attempts_max {
        nudge(&world).await;
    }
    world.clock.advance(WAIT_MS);
    let record = world.record(&key()).await;
    let both = [
        world.ledger().nudge(&record, next_ms).await.unwrap(),
        world.ledger().nudge(&record, next_ms).await.unwrap(),
    ];
    assert_eq!(both, [Nudge::Parked, Nudge::Leave]);
}

#[tokio::test]
async fn stage_that_claims_before_the_last_note_keeps_its_work() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    used_up(&world).await;
    world.clock.advance(WAIT_MS);
    let record = world.record(&key()).await;
    let claim = world.claim(&work()).await;
    let next_ms = world.ledger().now_ms() + WAIT_MS;
    assert_eq!(
        world.ledger().nudge(&record, next_ms).await.unwrap(),
        Nudge::Leave
    );
    claim.decide(1).seal().await.unwrap();
}

#[tokio::test]
async fn note_and_park_that_were_applied_and_resent_are_known_as_their_own() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    world.wire.next("UpdateItem", Fault::LoseReply);
    used_up(&world).await;
    world.wire.next("UpdateItem", Fault::LoseReply);
    assert_eq!(nudge(&world).await, Nudge::Parked);
    assert!(world.wire.plan_is_done());
}
