//! Rows that do not read: nobody works on one, and nobody passes over it without a word.

use ratchet_guard::store::Item;
use ratchet_guard::{Ledger, StageError, Unfinished, UnreadableRow, Work, WorkKey};

use crate::intake::event;
use crate::world::{HAND_OVER_MS, LEASE_MS, NOW, World, item, key, s, work};

const SUBJECT: &str = "ticket#acme#zendesk#1";

/// Two rows of one subject that are done, and one that was claimed and is past its lease.
async fn three_rows() -> World {
    let world = World::new().await;
    for step in ["extract", "map"] {
        let done = Work::new(WorkKey::new(SUBJECT, step), "c");
        world.ledger().record(&done, &()).await.unwrap();
    }
    drop(world.claim(&work()).await);
    world.pass_lease();
    world
}

/// Sets one attribute of a row to a text, as by hand.
async fn set(world: &World, table: &str, key: Item, name: &str, value: &str) {
    let update = world.client.update_item().table_name(table);
    let update = update.set_key(Some(key)).update_expression("SET #name = :value");
    let update = update.expression_attribute_names("#name", name);
    update
        .expression_attribute_values(":value", s(value))
        .send()
        .await
        .unwrap();
}

async fn damage(world: &World, key: &WorkKey, name: &str) {
    let row = item([("subject", s(key.subject())), ("step", s(key.step()))]);
    set(world, "ledger", row, name, "what no build writes").await;
}

fn named<T: std::fmt::Debug>(answer: Result<T, StageError>) -> WorkKey {
    match answer {
        Err(StageError::Unreadable { key, .. }) => key,
        other => panic!("not unreadable but {other:?}"),
    }
}

#[tokio::test]
async fn row_whose_state_fence_or_time_does_not_read_is_named_by_whoever_meets_it() {
    for name in ["state", "fence", "first_claimed_at"] {
        let world = three_rows().await;
        let ledger = world.ledger();
        assert_eq!(ledger.life(SUBJECT).await.unwrap().len(), 3);
        damage(&world, &key(), name).await;

        let page = ledger.scan("ticket#", None).await.unwrap();
        let due_at = Some(NOW + LEASE_MS);
        let row = UnreadableRow { key: key(), due_at };
        assert_eq!(
            (page.records.len(), page.unreadable),
            (2, vec![row.clone()]),
            "{name}"
        );
        let rows = ledger.rows(SUBJECT).await.unwrap();
        assert_eq!(
            (rows.records.len(), rows.unreadable),
            (2, vec![row.clone()]),
            "{name}"
        );
        let due = ledger.due(&[Unfinished::Claimed], 10).await.unwrap();
        assert_eq!((due.records.len(), due.unreadable), (0, vec![row]), "{name}");

        assert_eq!(named(ledger.life(SUBJECT).await), key(), "{name}");
        assert_eq!(named(ledger.read(&key()).await), key(), "{name}");
        assert_eq!(named(ledger.sealed(&key()).await), key(), "{name}");
    }
}

#[tokio::test]
async fn claim_of_a_row_that_does_not_read_is_refused_and_leaves_it_as_it_is() {
    let world = three_rows().await;
    damage(&world, &key(), "state").await;
    let row = || item([("subject", s(SUBJECT)), ("step", s(key().step()))]);
    let before = world.item("ledger", row()).await;
    assert_eq!(named(world.ledger().claim(&work()).await), key());
    assert_eq!(world.item("ledger", row()).await, before);
}

#[tokio::test]
async fn event_that_does_not_read_is_named_beside_those_that_do() {
    let world = World::new().await;
    let other = ratchet_guard::intake::Event {
        key: "acme#zendesk#1#evt-2".to_owned(),
        ..event()
    };
    for event in [&event(), &other] {
        world.intake().admit(event).await.unwrap();
    }
    world.clock.advance(HAND_OVER_MS);
    let row = item([("event", s(&event().key))]);
    set(&world, "events", row, "received_at", "lately").await;
    let (mut events, mut unreadable) = (Vec::new(), Vec::new());
    for shard in Ledger::shards() {
        let page = world
            .events()
            .waiting(shard, NOW + HAND_OVER_MS, None)
            .await
            .unwrap();
        events.extend(page.events.into_iter().map(|event| event.key));
        unreadable.extend(page.unreadable);
    }
    assert_eq!(events, [other.key]);
    let due_at = Some(NOW + HAND_OVER_MS);
    assert_eq!(
        unreadable,
        [UnreadableRow {
            key: event().key,
            due_at
        }]
    );
}
