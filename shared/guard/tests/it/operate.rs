//! What only a person does to the ledger: finished records, closing, doing once more, and reading it all.

use ratchet_guard::effect::probed;
use ratchet_guard::{Park, Recorded, State, Unfinished, Work, WorkKey};

use crate::provider::Provider;
use crate::wire::Fault;
use crate::world::{World, key, parked, replay, work};

async fn is_open(world: &World, kind: Unfinished) -> bool {
    let ledger = world.ledger();
    let mut found = 0;
    for shard in ratchet_guard::Ledger::shards() {
        let page = ledger.unfinished(kind, shard, u64::MAX >> 12, None).await;
        found += page.unwrap().records.len();
    }
    found > 0
}

#[tokio::test]
async fn finished_record_is_written_once_and_a_lost_reply_is_known_as_its_own() {
    let world = World::new().await;
    let fact = Work::new(WorkKey::new("subject", "fact"), "content").driven_by("stage", "message");
    world.wire.next("PutItem", Fault::LoseReply);
    assert_eq!(
        world.ledger().record(&fact, &"first").await.unwrap(),
        Recorded::Written
    );
    let Recorded::Found(found) = world.ledger().record(&fact, &"second").await.unwrap() else {
        panic!("it was written twice");
    };
    assert_eq!(found.result::<String>().unwrap(), "first");
    assert_eq!(
        (found.state, found.content.as_str(), found.message.as_str()),
        (State::Sealed, "content", "message")
    );
    assert_eq!(
        replay(world.ledger().claim(&fact).await)
            .result::<String>()
            .unwrap(),
        "first"
    );
}

#[tokio::test]
async fn closed_row_leaves_the_index_and_nobody_claims_it_again() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    claim.park(Park::until("capped", "", 1)).await.unwrap();
    let record = world.record(&key()).await;
    assert!(is_open(&world, Unfinished::Waiting).await);
    assert!(world.ledger().close(&record).await.unwrap());
    assert!(!is_open(&world, Unfinished::Waiting).await);
    world.clock.advance(86_400_000);
    assert_eq!(parked(world.ledger().claim(&work()).await).reason(), "capped");
}

#[tokio::test]
async fn row_that_has_moved_is_neither_closed_nor_reopened() {
    let world = World::new().await;
    world.claim(&work()).await.decide("done").seal().await.unwrap();
    let sealed = world.record(&key()).await;
    assert!(!world.ledger().close(&sealed).await.unwrap());
    assert!(world.ledger().reopen(&sealed).await.unwrap());
    let reopened = world.record(&key()).await;
    assert!(!world.ledger().reopen(&sealed).await.unwrap(), "once");
    drop(world.claim(&work()).await);
    assert!(!world.ledger().close(&reopened).await.unwrap());
}

#[tokio::test]
async fn row_that_was_worked_on_since_is_neither_closed_nor_reopened_by_an_older_look() {
    let world = World::new().await;
    world
        .claim(&work())
        .await
        .park(Park::for_a_person("first", ""))
        .await
        .unwrap();
    let parked_first = world.record(&key()).await;
    assert!(world.ledger().resume(&parked_first).await.unwrap());
    world
        .claim(&work())
        .await
        .park(Park::for_a_person("second", ""))
        .await
        .unwrap();
    assert!(!world.ledger().close(&parked_first).await.unwrap());
    let parked_second = world.record(&key()).await;
    assert!(world.ledger().resume(&parked_second).await.unwrap());
    world.claim(&work()).await.decide("one").seal().await.unwrap();
    let sealed_first = world.record(&key()).await;
    assert!(world.ledger().reopen(&sealed_first).await.unwrap());
    world.claim(&work()).await.decide("two").seal().await.unwrap();
    assert!(!world.ledger().reopen(&sealed_first).await.unwrap());
}

#[tokio::test]
async fn row_is_forgotten_only_as_it_was_read() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide("what a customer wrote");
    acted.seal().await.unwrap();
    let read = world.record(&key()).await;
    assert!(world.ledger().forget(&read, "\"gone\"", "gone").await.unwrap());
    let after = world.record(&key()).await;
    assert_eq!(after.result::<String>().unwrap(), "gone");
    assert_eq!(
        (after.fence, &after.content, after.state),
        (read.fence, &read.content, read.state)
    );
    assert!(!world.ledger().forget(&read, "\"again\"", "again").await.unwrap());
    assert_eq!(world.record(&key()).await.result::<String>().unwrap(), "gone");
}

#[tokio::test]
async fn reopened_step_is_asked_for_before_it_is_made_again() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    acted.seal().await.unwrap();
    let sealed = world.record(&key()).await;
    world.ledger().reopen(&sealed).await.unwrap();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    acted.seal().await.unwrap();
    assert_eq!(
        (provider.sends(), provider.probes()),
        (1, 1),
        "what is there is adopted"
    );
    assert_eq!(world.record(&key()).await.fence, sealed.fence + 1);
}

#[tokio::test]
async fn scan_reads_one_prefix_subject_by_subject() {
    let world = World::new().await;
    for subject in ["org#a#1", "org#b#1", "org#a#2"] {
        for step in ["one", "two"] {
            let work = Work::new(WorkKey::new(subject, step), "c");
            world.ledger().record(&work, &()).await.unwrap();
        }
    }
    let page = world.ledger().scan("org#a#", None).await.unwrap();
    let mut keys: Vec<String> = page.records.iter().map(|record| record.key.to_string()).collect();
    let neighbours = keys.chunks(2).all(|pair| {
        let subject = |key: &String| key.split('/').next().map(str::to_owned);
        pair.first().and_then(subject) == pair.last().and_then(subject)
    });
    assert!(neighbours, "{keys:?}");
    keys.sort();
    assert_eq!(keys, ["org#a#1/one", "org#a#1/two", "org#a#2/one", "org#a#2/two"]);
    assert!(page.next.is_none());
}

#[tokio::test]
async fn scan_comes_in_pages_of_a_thousand_rows() {
    let world = World::new().await;
    for number in 0..=1_000 {
        let work = Work::new(WorkKey::new("org#a#1", format!("step-{number}")), "c");
        world.ledger().record(&work, &()).await.unwrap();
    }
    let ledger = world.ledger();
    let first = ledger.scan("org#a#", None).await.unwrap();
    assert_eq!(first.records.len(), 1_000);
    let last = ledger.scan("org#a#", first.next).await.unwrap();
    assert_eq!((last.records.len(), last.next), (1, None));
}
