//! What a sweep notes on a row: once for one fence and one due time, and nothing that a stage sees.

use ratchet_guard::intake::Event;
use ratchet_guard::{Ledger, Record, Unfinished};

use crate::world::{HAND_OVER_MS, LEASE_MS, NOW, World, key, run, work};

async fn due(world: &World) -> Record {
    for shard in Ledger::shards() {
        let page = world
            .ledger()
            .unfinished(Unfinished::Claimed, shard, u64::MAX, None)
            .await;
        if let Some(record) = page.unwrap().records.pop() {
            return record;
        }
    }
    panic!("nothing is unfinished")
}

#[tokio::test]
async fn note_of_a_sweep_holds_the_next_one_back_until_its_time() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.clock.advance(LEASE_MS);
    let seen = due(&world).await;
    let next_ms = world.clock_ms() + 1_000;
    assert!(world.ledger().nudge(&seen, next_ms).await.unwrap());
    assert!(
        !world.ledger().nudge(&seen, next_ms).await.unwrap(),
        "another sweep has just sent it"
    );
    let noted = due(&world).await;
    assert_eq!(
        (noted.resend_at, noted.due_at),
        (Some(next_ms), seen.due_at),
        "how long it is stuck stays known"
    );
    world.clock.advance(1_000);
    assert!(world.ledger().nudge(&noted, next_ms + 1_000).await.unwrap());
}

#[tokio::test]
async fn note_ends_with_the_next_claim_and_hinders_no_claim() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.clock.advance(LEASE_MS);
    let seen = due(&world).await;
    assert!(world.ledger().nudge(&seen, u64::MAX / 2).await.unwrap());
    drop(run(world.ledger().claim(&work()).await));
    let anew = due(&world).await;
    assert_eq!((anew.fence, anew.resend_at), (2, None), "a stage has moved it on");
    assert!(
        !world.ledger().nudge(&seen, u64::MAX).await.unwrap(),
        "what was seen is over"
    );
}

#[tokio::test]
async fn sealed_work_takes_no_note() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    let seen = due(&world).await;
    claim.decide(1).seal().await.unwrap();
    let before = world.record(&key()).await;
    assert!(!world.ledger().nudge(&seen, u64::MAX).await.unwrap());
    assert_eq!(world.record(&key()).await, before);
}

#[tokio::test]
async fn event_takes_one_note_for_each_hand_over_and_none_once_consumed() {
    let world = World::new().await;
    let event = Event {
        key: "acme#zendesk#1#evt-1".to_owned(),
        body_hash: "hash-1".to_owned(),
        subject: "ticket#1".to_owned(),
        stage: "extract".to_owned(),
        message: "m".to_owned(),
    };
    drop(world.intake().admit(&event).await.unwrap());
    world.clock.advance(HAND_OVER_MS);
    let waiting = async || {
        let mut found = Vec::new();
        for shard in Ledger::shards() {
            found.extend(world.events().waiting(shard, u64::MAX, None).await.unwrap().0);
        }
        found
    };
    let seen = waiting().await.remove(0);
    assert!(world.events().nudge(&seen, NOW + 90_000).await.unwrap());
    assert!(!world.events().nudge(&seen, NOW + 90_000).await.unwrap());
    assert_eq!(waiting().await[0].resend_at, Some(NOW + 90_000));

    // Its source delivers again: that is another hand-over, and the note is over.
    drop(world.intake().admit(&event).await.unwrap());
    world.clock.advance(HAND_OVER_MS);
    let seen = waiting().await.remove(0);
    assert_eq!(seen.resend_at, None);
    world.events().consume(&event.key).await.unwrap();
    assert!(!world.events().nudge(&seen, u64::MAX).await.unwrap());
}
