//! The hand-over lease: an event is handed over again until somebody consumes it, and by one delivery at a time.

use ratchet_guard::intake::{Admission, Event, HandOver, Waiting};
use ratchet_guard::{Ledger, store::Item};

use crate::world::{HAND_OVER_MS, NOW, TTL_SECONDS, World, item, s};

pub(crate) fn event() -> Event {
    Event {
        key: "acme#zendesk#1#evt-1".to_owned(),
        body_hash: "hash-1".to_owned(),
        subject: "ticket#acme#zendesk#1".to_owned(),
        stage: "extract".to_owned(),
        message: "{\"v\":1}".to_owned(),
    }
}

#[tokio::test]
async fn new_event_is_ours_and_a_duplicate_inside_the_lease_is_not() {
    let world = World::new().await;
    let _ours = hand_over(&world, &event()).await;
    duplicate(&world, &event()).await;
    world.clock.advance(HAND_OVER_MS - 1);
    duplicate(&world, &event()).await;
}

#[tokio::test]
async fn event_that_nobody_consumed_is_handed_over_again_when_the_lease_ends() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    for _ in 0..3 {
        world.clock.advance(HAND_OVER_MS);
        drop(hand_over(&world, &event()).await);
        duplicate(&world, &event()).await;
    }
}

#[tokio::test]
async fn consumed_event_is_never_handed_over_again() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    world.events().consume(&event().key).await.unwrap();
    let row = row(&world).await.unwrap();
    assert_eq!(row["consumed_at"].as_n().unwrap(), &NOW.to_string());
    world.clock.advance(100 * HAND_OVER_MS);
    duplicate(&world, &event()).await;
    world.events().consume(&event().key).await.unwrap();
    assert_eq!(
        self::row(&world).await.unwrap()["consumed_at"].as_n().unwrap(),
        &NOW.to_string(),
        "once"
    );
}

#[tokio::test]
async fn sweep_sends_an_event_once_a_while_and_none_that_is_consumed_or_handed_over_anew() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    world.clock.advance(HAND_OVER_MS);
    let found = waiting(&world, world.clock_ms()).await;
    let nudged = async |event: &Waiting| {
        let next_ms = world.clock_ms() + 1_000;
        world.events().nudge(event, next_ms).await.unwrap()
    };
    assert!(nudged(&found[0]).await, "nobody has sent it");
    let noted = waiting(&world, world.clock_ms()).await;
    assert!(
        noted[0].resend_at > Some(world.clock_ms()),
        "it says until when none need send it"
    );
    world.clock.advance(999);
    assert!(!nudged(&found[0]).await, "a sweep has just sent it");
    world.clock.advance(1);
    assert!(nudged(&found[0]).await, "its time has come again");

    world.clock.advance(1_000);
    drop(hand_over(&world, &event()).await);
    assert!(!nudged(&found[0]).await, "its source has handed it over anew");
    world.clock.advance(HAND_OVER_MS);
    let anew = waiting(&world, world.clock_ms()).await;
    assert_eq!(anew[0].resend_at, None, "the note was for another hand-over");
    world.events().consume(&event().key).await.unwrap();
    assert!(!nudged(&anew[0]).await, "somebody has consumed it");
}

#[tokio::test]
async fn event_that_is_not_there_is_not_made_by_consuming_it() {
    let world = World::new().await;
    world.events().consume("acme#zendesk#1#evt-9").await.unwrap();
    assert_eq!(
        world
            .item("events", item([("event", s("acme#zendesk#1#evt-9"))]))
            .await,
        None
    );
}

#[tokio::test]
async fn same_event_with_another_body_is_told_apart_in_every_state() {
    let world = World::new().await;
    let other = Event {
        body_hash: "hash-2".to_owned(),
        ..event()
    };
    let reused = async || matches!(world.intake().admit(&other).await.unwrap(), Admission::Reused);
    drop(hand_over(&world, &event()).await);
    assert!(reused().await, "inside the lease");
    world.clock.advance(HAND_OVER_MS);
    assert!(reused().await, "past the lease");
    world.events().consume(&event().key).await.unwrap();
    assert!(reused().await, "consumed");
    assert_eq!(row(&world).await.unwrap()["body_hash"], s("hash-1"));
}

#[tokio::test]
async fn event_given_back_is_handed_over_by_the_next_delivery_at_once() {
    let world = World::new().await;
    let ours = hand_over(&world, &event()).await;
    world.clock.advance(5);
    world.intake().give_back(ours).await.unwrap();
    assert_eq!(
        row(&world).await.unwrap()["due_at"].as_n().unwrap(),
        &(NOW + 5).to_string()
    );
    drop(hand_over(&world, &event()).await);
    duplicate(&world, &event()).await;
}

#[tokio::test]
async fn duty_that_another_delivery_has_taken_is_not_given_back() {
    let world = World::new().await;
    let first = hand_over(&world, &event()).await;
    world.clock.advance(HAND_OVER_MS);
    let _second = hand_over(&world, &event()).await;
    world.intake().give_back(first).await.unwrap();
    duplicate(&world, &event()).await;
}

#[tokio::test]
async fn duty_that_is_consumed_is_not_given_back() {
    let world = World::new().await;
    let ours = hand_over(&world, &event()).await;
    world.events().consume(&event().key).await.unwrap();
    let before = row(&world).await;
    world.intake().give_back(ours).await.unwrap();
    assert_eq!(row(&world).await, before);
}

#[tokio::test]
async fn ended_lease_is_taken_by_one_of_two() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    world.clock.advance(HAND_OVER_MS);
    let until = NOW + HAND_OVER_MS;
    let (a, b) = (world.intake(), world.intake());
    let event = event();
    let (a, b) = tokio::join!(a.take_over(&event.key, until), b.take_over(&event.key, until));
    let taken = [a.unwrap(), b.unwrap()];
    let ours = taken
        .iter()
        .filter(|admission| matches!(admission, Admission::HandOver(_)));
    assert_eq!(ours.count(), 1, "{taken:?}");
}

#[tokio::test]
async fn live_lease_is_not_taken_even_when_its_end_is_known() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    world.clock.advance(HAND_OVER_MS - 1);
    let taken = world
        .intake()
        .take_over(&event().key, NOW + HAND_OVER_MS)
        .await
        .unwrap();
    assert!(matches!(taken, Admission::Duplicate));
    world.clock.advance(1);
    let taken = world
        .intake()
        .take_over(&event().key, NOW + HAND_OVER_MS)
        .await
        .unwrap();
    assert!(matches!(taken, Admission::HandOver(_)));
}

#[tokio::test]
async fn consumed_event_is_not_taken_over() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    world.events().consume(&event().key).await.unwrap();
    world.clock.advance(HAND_OVER_MS);
    let taken = world
        .intake()
        .take_over(&event().key, NOW + HAND_OVER_MS)
        .await
        .unwrap();
    assert!(matches!(taken, Admission::Duplicate));
}

#[tokio::test]
async fn record_past_its_time_to_live_counts_as_gone_though_the_store_still_has_it() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    world.events().consume(&event().key).await.unwrap();
    world.clock.advance(TTL_SECONDS * 1000);
    duplicate(&world, &event()).await;
    world.clock.advance(1000);
    let other = Event {
        body_hash: "hash-2".to_owned(),
        ..event()
    };
    drop(hand_over(&world, &other).await);
    let row = row(&world).await.unwrap();
    let seconds = (NOW + TTL_SECONDS * 1000 + 1000) / 1000 + TTL_SECONDS;
    assert_eq!(row["ttl"].as_n().unwrap(), &seconds.to_string());
    assert!(!row.contains_key("consumed_at"));
}

#[tokio::test]
async fn event_that_nobody_redelivers_is_found_by_the_sweep() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    assert_eq!(waiting(&world, NOW + HAND_OVER_MS - 1).await, []);
    world.clock.advance(HAND_OVER_MS);
    let found = waiting(&world, world.clock_ms()).await;
    let expected = Waiting {
        key: event().key,
        stage: event().stage,
        message: event().message,
        due_at: NOW + HAND_OVER_MS,
        received_at: NOW,
        resend_at: None,
    };
    assert_eq!(found, [expected]);
    let taken = world.intake().take_over(&found[0].key, found[0].due_at).await;
    assert!(matches!(taken, Ok(Admission::HandOver(_))));
    assert_eq!(
        waiting(&world, world.clock_ms()).await,
        [],
        "somebody hands it over"
    );

    world.clock.advance(HAND_OVER_MS);
    assert_eq!(waiting(&world, world.clock_ms()).await.len(), 1);
    world.events().consume(&event().key).await.unwrap();
    assert_eq!(waiting(&world, u64::MAX).await, [], "consumed");
}

#[tokio::test]
async fn waiting_events_come_in_pages() {
    let world = World::new().await;
    for n in 0..1_000 {
        let event = Event {
            key: format!("acme#zendesk#1#evt-{n}"),
            ..event()
        };
        drop(hand_over(&world, &event).await);
    }
    world.wire.reset();
    let found = waiting(&world, u64::MAX).await;
    assert_eq!(found.len(), 1_000);
    assert!(
        world.wire.calls().len() > 8,
        "more than a page a shard, or this test shows nothing"
    );
}

#[tokio::test]
async fn accepted_event_costs_one_write_and_a_duplicate_one_failed_write() {
    let world = World::new().await;
    drop(hand_over(&world, &event()).await);
    duplicate(&world, &event()).await;
    assert_eq!(
        world.wire.seen(),
        [("PutItem".to_owned(), 200), ("PutItem".to_owned(), 400)]
    );
}

async fn hand_over(world: &World, event: &Event) -> HandOver {
    match world.intake().admit(event).await.unwrap() {
        Admission::HandOver(ours) => ours,
        other @ (Admission::Duplicate | Admission::Reused) => panic!("not handed over but {other:?}"),
    }
}

async fn duplicate(world: &World, event: &Event) {
    let admission = world.intake().admit(event).await.unwrap();
    assert!(matches!(admission, Admission::Duplicate), "{admission:?}");
}

async fn waiting(world: &World, due_until: u64) -> Vec<Waiting> {
    let mut all = Vec::new();
    for shard in Ledger::shards() {
        let mut start = None;
        loop {
            let page = world.events().waiting(shard, due_until, start).await.unwrap();
            assert_eq!(page.unreadable, []);
            all.extend(page.events);
            start = page.next;
            if start.is_none() {
                break;
            }
        }
    }
    all
}

async fn row(world: &World) -> Option<Item> {
    world.item("events", item([("event", s(&event().key))])).await
}
