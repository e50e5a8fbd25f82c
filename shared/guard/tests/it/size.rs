//! What does not fit into a row is refused before the effect, or parked with its reason after it.

use std::collections::BTreeMap;

use ratchet_guard::effect::probed;
use ratchet_guard::{Companion, Park, StageError, State, Work, WorkKey};

use crate::provider::{Provider, Say};
use crate::world::{World, key, refused, replay, work};

const KB: usize = 1024;

#[tokio::test]
async fn work_that_fits_into_no_row_is_refused_before_anything_is_written() {
    let world = World::new().await;
    let large = "x".repeat(265 * KB);
    for (work, expected) in [
        (work().intending(large.clone()), "work_too_large"),
        (work().driven_by("map", large.clone()), "work_too_large"),
        (Work::new(key(), large.clone()), "work_too_large"),
        (Work::new(WorkKey::new("", "step"), "c"), "bad_subject"),
        (
            Work::new(WorkKey::new("s".repeat(2049), "step"), "c"),
            "bad_subject",
        ),
        (Work::new(WorkKey::new("subject", ""), "c"), "bad_step"),
        (
            Work::new(WorkKey::new("subject", "s".repeat(993)), "c"),
            "bad_step",
        ),
    ] {
        match world.ledger().claim(&work).await {
            Err(StageError::Poison { code, detail }) => {
                assert_eq!(code, expected);
                assert!(!detail.contains("xx"), "an error carries no content");
            }
            other => panic!("not refused but {other:?}"),
        }
    }
    assert_eq!(world.wire.seen(), []);
}

#[tokio::test]
async fn largest_work_and_largest_keys_fit() {
    let world = World::new().await;
    let provider = Provider::default();
    let key = WorkKey::new("s".repeat(2048), "t".repeat(992));
    let work = Work::new(key.clone(), "c").intending("i".repeat(264 * KB - 1));
    let late = world.act(&work, probed(provider.post())).await.unwrap();
    world.pass_lease();
    let body = "b".repeat(120 * KB);
    let sealed = world
        .claim(&work)
        .await
        .decide(body.clone())
        .seal()
        .await
        .unwrap();
    assert_eq!(sealed.result::<String>().unwrap(), body);
    late.seal().await.unwrap();
    assert_eq!(world.ledger().life(key.subject()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn result_that_fits_into_no_row_is_parked_with_its_reason() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    let acted = acted.map(|_| "x".repeat(400 * KB)).known_as("comment-1");
    assert_eq!(refused(acted.seal().await), "result_too_large");
    let record = world.record(&key()).await;
    assert_eq!(record.state, State::Parked);
    assert_eq!(record.external_id.as_deref(), Some("comment-1"));
    assert!(record.body.is_empty());
    assert!(record.clean_fence < record.fence, "the effect is there");
}

#[tokio::test]
async fn result_has_the_room_that_the_intent_leaves() {
    let world = World::new().await;
    let work = work().intending("i".repeat(200 * KB));
    let body = "b".repeat(190 * KB);
    let claim = world.claim(&work).await;
    let sealed = claim.decide(body.clone()).seal().await.unwrap();
    assert_eq!(sealed.result::<String>().unwrap(), body);

    let other = Work::new(WorkKey::new("other", "step"), "c").intending("i".repeat(200 * KB));
    let claim = world.claim(&other).await;
    assert_eq!(
        refused(claim.decide("b".repeat(193 * KB)).seal().await),
        "result_too_large"
    );
}

#[tokio::test]
async fn restatement_that_fits_into_no_row_is_parked() {
    let world = World::new().await;
    let large: &'static str = "x".repeat(265 * KB).leak();
    let provider = Provider::saying([Say::Stale(large)]);
    assert_eq!(
        refused(world.act(&work(), probed(provider.post())).await),
        "intent_too_large"
    );
    assert_eq!(world.record(&key()).await.intent, "first words");
}

#[tokio::test]
async fn restatement_may_be_as_large_as_a_work() {
    let world = World::new().await;
    let largest: &'static str = "x".repeat(264 * KB).leak();
    let provider = Provider::saying([Say::Stale(largest)]);
    let acted = world.act(&work(), probed(provider.post())).await;
    acted.unwrap().seal().await.unwrap();
    assert_eq!(provider.applied(), [largest]);
}

#[tokio::test]
async fn restatement_takes_its_room_from_the_result() {
    let world = World::new().await;
    let large: &'static str = "x".repeat(260 * KB).leak();
    let provider = Provider::saying([Say::Stale(large)]);
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    let acted = acted.map(|_| "b".repeat(140 * KB));
    assert_eq!(refused(acted.seal().await), "result_too_large");
}

#[tokio::test]
async fn restatement_gives_the_old_intents_room_back() {
    let world = World::new().await;
    let work = work().intending("x".repeat(260 * KB));
    let provider = Provider::saying([Say::Stale("short")]);
    let acted = world.act(&work, probed(provider.post())).await.unwrap();
    acted.map(|_| "b".repeat(380 * KB)).seal().await.unwrap();
}

#[tokio::test]
async fn result_that_is_no_json_is_parked_with_its_reason() {
    let world = World::new().await;
    let unwritable = BTreeMap::from([(vec![1], "a key must be a string")]);
    let claim = world.claim(&work()).await;
    assert_eq!(
        refused(claim.decide(unwritable.clone()).seal().await),
        "result_unwritable"
    );
    let key = WorkKey::new("flag", "f");
    let refused = Companion::sealed_step(&world.ledger(), &key, "c", &unwritable);
    assert!(matches!(
        refused,
        Err(StageError::Poison {
            code: "result_unwritable",
            ..
        })
    ));
}

#[tokio::test]
async fn parked_result_that_fits_into_no_row_does_not_keep_its_work_from_being_parked() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide("x".repeat(400 * KB));
    acted
        .park_with(Park::for_a_person("odd", "the detail"), Vec::new())
        .await
        .unwrap();
    let record = world.record(&key()).await;
    assert_eq!(record.reason.as_deref(), Some("odd"));
    let detail = record.detail.unwrap();
    assert!(detail.starts_with("the detail; result_too_large: "), "{detail}");
    assert!(record.body.is_empty());
}

#[tokio::test]
async fn fault_of_any_length_is_cut_before_it_is_recorded() {
    let world = World::new().await;
    let long = "é".repeat(300 * KB);
    let claim = world.claim(&work()).await;
    drop(claim.release(&ratchet_guard::Why::new("odd", long.clone())).await);
    assert_eq!(world.record(&key()).await.detail.unwrap().len(), 2 * KB - 1);
    let claim = world.claim(&work()).await;
    claim.park(Park::for_a_person("odd", long.clone())).await.unwrap();
    assert_eq!(world.record(&key()).await.detail.unwrap().len(), 2 * KB);
    let poison = world
        .ledger()
        .park_message("map", "m", "odd", &long)
        .await
        .unwrap();
    assert_eq!(world.record(&poison).await.detail.unwrap().len(), 2 * KB);
}

#[tokio::test]
async fn result_that_is_nothing_is_sealed_and_read_as_nothing() {
    let world = World::new().await;
    let sealed = world
        .claim(&work())
        .await
        .decide(None::<u32>)
        .seal()
        .await
        .unwrap();
    assert_eq!(sealed.result::<Option<u32>>().unwrap(), None);
    assert_eq!(world.record(&key()).await.body, "");
    assert_eq!(replay(world.ledger().claim(&work()).await), sealed);
}
