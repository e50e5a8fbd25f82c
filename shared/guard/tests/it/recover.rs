//! The third move: what an earlier attempt may have sent is looked for before anything is sent again.

use ratchet_guard::effect::{accept_duplicates, accept_loss, keyed, probed};
use ratchet_guard::{State, Why, Work, WorkKey};

use crate::provider::{Provider, Receipt, Say};
use crate::world::{LEASE_MS, NOW, TIMING, World, busy, key, refused, retry, work};

const WHY: &str = "the test counts them";

#[tokio::test]
async fn first_attempt_sends_without_a_probe() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    assert_eq!((provider.sends(), provider.probes()), (1, 0));
    assert_eq!(provider.markers(), [key().effect().to_string()]);
    acted.seal().await.unwrap();
}

#[tokio::test]
async fn unknown_outcome_leaves_the_lease_to_run_out() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Lost]);
    let at_ms = retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(at_ms, NOW + LEASE_MS);
    world.clock.advance(LEASE_MS - 1);
    assert_eq!(busy(world.ledger().claim(&work()).await), NOW + LEASE_MS);
}

#[tokio::test]
async fn effect_that_the_probe_finds_is_adopted() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Lost]);
    retry(world.act(&work(), probed(provider.post())).await);
    world.pass_lease();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    assert_eq!(acted.receipt().id, 1);
    acted.seal().await.unwrap();
    assert_eq!((provider.sends(), provider.probes()), (1, 1));
}

#[tokio::test]
async fn effect_that_the_probe_does_not_find_is_sent_with_the_first_intent() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Vanished]);
    retry(world.act(&work(), probed(provider.post())).await);
    world.pass_lease();
    let again = work().intending("other words");
    world
        .act(&again, probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!((provider.sends(), provider.probes()), (2, 1));
    assert_eq!(provider.applied(), ["first words"]);
    assert_eq!(
        provider.first_claims(),
        [NOW, NOW],
        "every attempt sends the same time"
    );
}

#[tokio::test]
async fn attempt_that_crashed_before_it_acted_is_probed_for() {
    let world = World::new().await;
    let provider = Provider::default();
    drop(world.claim(&work()).await);
    world.pass_lease();
    world
        .act(&work(), probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!((provider.sends(), provider.probes()), (1, 1));
}

#[tokio::test]
async fn probe_that_cannot_tell_sends_nothing_and_the_row_stays_dirty() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Lost]).blind(1);
    retry(world.act(&work(), probed(provider.post())).await);
    world.pass_lease();
    let at_ms = retry(world.act(&work(), probed(provider.post())).await);
    assert!(
        at_ms < NOW + 2 * LEASE_MS,
        "released: what was sent earlier has landed by now"
    );
    assert_eq!(provider.sends(), 1);

    let third = world.claim(&work()).await;
    assert!(third.may_have_sent());
    third
        .act(probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!((provider.sends(), provider.probes()), (1, 2));
}

#[tokio::test]
async fn released_row_is_acted_on_without_a_probe() {
    let world = World::new().await;
    let provider = Provider::saying([Say::NotNow(None), Say::NotNow(None)]);
    for _ in 0..2 {
        retry(world.act(&work(), probed(provider.post())).await);
    }
    world
        .act(&work(), probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!((provider.sends(), provider.probes()), (3, 0));
}

#[tokio::test]
async fn row_released_after_a_dirty_attempt_is_still_probed() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Vanished, Say::NotNow(None)]);
    retry(world.act(&work(), probed(provider.post())).await);
    world.pass_lease();
    retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(world.record(&key()).await.clean_fence, 0);
    let third = world.claim(&work()).await;
    assert!(third.may_have_sent());
    third
        .act(probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!((provider.sends(), provider.probes()), (3, 2));
}

#[tokio::test]
async fn dirty_attempt_after_clean_ones_is_probed_for() {
    let world = World::new().await;
    let provider = Provider::saying([Say::NotNow(None), Say::Lost]);
    retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(world.record(&key()).await.clean_fence, 1);
    retry(world.act(&work(), probed(provider.post())).await);
    world.pass_lease();
    world
        .act(&work(), probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.applied().len(), 1);
    assert_eq!(provider.probes(), 1);
}

#[tokio::test]
async fn released_row_keeps_its_fence_its_attempts_and_the_fault() {
    let world = World::new().await;
    let provider = Provider::saying([Say::NotNow(Some(7_000))]);
    let at_ms = retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(at_ms, NOW + 7_000, "the provider's own word");
    let record = world.record(&key()).await;
    assert_eq!(
        (record.state, record.fence, record.attempts),
        (State::Claimed, 1, 1)
    );
    assert_eq!((record.lease_until, record.due_at), (NOW, Some(NOW + 7_000)));
    assert_eq!(record.detail.as_deref(), Some("rate_limited: too many"));

    let claim = world.claim(&work()).await;
    assert_eq!(claim.fence(), 2);
    let at_ms = retry::<()>(Err(claim.release(&Why::new("odd", "")).await));
    assert_eq!(at_ms, NOW + TIMING.backoff_ms(&key(), 2), "by itself, a backoff");
}

#[tokio::test]
async fn keyed_effect_is_sent_again_and_is_there_once() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Lost]).keyed();
    retry(world.act(&work(), keyed(provider.post())).await);
    world.pass_lease();
    let acted = world.act(&work(), keyed(provider.post())).await.unwrap();
    assert_eq!(acted.receipt().id, 1);
    acted.seal().await.unwrap();
    assert_eq!((provider.sends(), provider.probes()), (2, 0));
    assert_eq!(provider.applied().len(), 1);
}

#[tokio::test]
async fn keyed_effect_of_unknown_outcome_waits_for_its_lease() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Vanished]).keyed();
    assert_eq!(
        retry(world.act(&work(), keyed(provider.post())).await),
        NOW + LEASE_MS
    );
    busy(world.ledger().claim(&work()).await);
}

#[tokio::test]
async fn accepted_duplicates_are_sent_again_at_once() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Lost]);
    let at_ms = retry(world.act(&work(), accept_duplicates(provider.post(), WHY)).await);
    assert_eq!(at_ms, NOW + TIMING.backoff_ms(&key(), 1));
    let claim = world.claim(&work()).await;
    assert!(
        claim.may_have_sent(),
        "the row does not claim to be clean: the effect may be probed for one day"
    );
    claim
        .act(accept_duplicates(provider.post(), WHY))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.applied().len(), 2);
}

#[tokio::test]
async fn accepted_loss_is_never_sent_again() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Vanished]);
    assert_eq!(
        retry(world.act(&work(), accept_loss(provider.post(), WHY)).await),
        NOW + LEASE_MS
    );
    world.pass_lease();
    let reason = refused(world.act(&work(), accept_loss(provider.post(), WHY)).await);
    assert_eq!(reason, "possibly_lost");
    assert_eq!(provider.sends(), 1);
}

#[tokio::test]
async fn accepted_loss_is_sent_while_nothing_can_have_been() {
    let world = World::new().await;
    let provider = Provider::saying([Say::NotNow(None)]);
    retry(world.act(&work(), accept_loss(provider.post(), WHY)).await);
    world
        .act(&work(), accept_loss(provider.post(), WHY))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.applied().len(), 1);
}

#[tokio::test]
async fn stale_intent_is_restated_on_record_before_it_is_sent() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Stale("second words"), Say::Lost]);
    retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(
        provider.probes(),
        1,
        "what changed the token may have been a request of ours"
    );
    assert_eq!(provider.applied(), ["second words"]);
    assert_eq!(world.record(&key()).await.intent, "second words");
    world.pass_lease();
    let claim = world.claim(&work()).await;
    assert_eq!(claim.intent(), "second words");
    claim
        .act(probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.applied().len(), 1);
}

#[tokio::test]
async fn intent_that_is_stale_every_time_is_left_to_the_next_attempt() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Stale("2"), Say::Stale("3"), Say::Stale("4")]);
    let at_ms = retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(at_ms, NOW + TIMING.backoff_ms(&key(), 1));
    assert_eq!(provider.sends(), 3);
    let record = world.record(&key()).await;
    assert_eq!(record.intent, "4");
    assert!(record.detail.unwrap().starts_with("intent_outdated: "));
    let claim = world.claim(&work()).await;
    assert_eq!(claim.intent(), "4");
    assert!(claim.may_have_sent());
    claim
        .act(probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.applied(), ["4"]);
}

#[tokio::test]
async fn refused_effect_is_parked_for_a_person() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Never]);
    assert_eq!(
        refused(world.act(&work(), probed(provider.post())).await),
        "rejected"
    );
    let record = world.record(&key()).await;
    assert_eq!(record.state, State::Parked);
    assert_eq!(record.reason.as_deref(), Some("rejected"));
    assert_eq!(record.detail.as_deref(), Some("no such ticket"));
    assert_eq!(record.resume_at, None);
    assert_eq!(record.settled_at, Some(NOW));
}

#[tokio::test]
async fn refused_effect_that_is_brought_back_is_sent_without_a_probe_and_with_a_fresh_intent() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Never]);
    refused(world.act(&work(), probed(provider.post())).await);
    let record = world.record(&key()).await;
    assert!(world.ledger().resume(&record).await.unwrap());
    let again = work().intending("mended words");
    world
        .act(&again, probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.probes(), 0);
    assert_eq!(provider.applied(), ["mended words"]);
}

#[tokio::test]
async fn refused_effect_after_a_dirty_attempt_is_probed_for_with_the_first_intent_when_brought_back() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Vanished, Say::Never]);
    retry(world.act(&work(), probed(provider.post())).await);
    world.pass_lease();
    refused(world.act(&work(), probed(provider.post())).await);
    let record = world.record(&key()).await;
    assert!(world.ledger().resume(&record).await.unwrap());
    let again = work().intending("mended words");
    world
        .act(&again, probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.probes(), 2);
    assert_eq!(provider.applied(), ["first words"]);
}

#[tokio::test]
async fn effects_of_two_works_are_never_taken_for_each_other() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Lost]);
    retry(world.act(&work(), probed(provider.post())).await);
    world.pass_lease();
    let other = Work::new(WorkKey::new(key().subject(), "comment#2"), "content-1");
    drop(world.claim(&other).await);
    world.pass_lease();
    world
        .act(&other, probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    let receipt: Receipt = world
        .act(&work(), probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap()
        .result()
        .unwrap();
    assert_eq!(receipt.id, 1);
    assert_eq!(provider.applied().len(), 2);
}
