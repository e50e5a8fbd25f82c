//! Every write after the claim carries its fence: whoever was overtaken writes nothing that counts.

use ratchet_guard::effect::{accept_duplicates, probed};
use ratchet_guard::{Park, State, Why};

use crate::provider::{Provider, Receipt, Say};
use crate::world::{LEASE_MS, NOW, World, busy, key, replay, retry, work};

const WHY: &str = "the test counts them";

#[tokio::test]
async fn late_seal_by_a_fenced_attempt_is_refused_and_kept_as_a_receipt() {
    let world = World::new().await;
    let provider = Provider::default();
    let late = world
        .act(&work(), accept_duplicates(provider.post(), WHY))
        .await
        .unwrap();
    let late = late.known_as("first");
    world.pass_lease();
    let second = world.claim(&work()).await;
    let until = busy(late.seal().await);
    assert_eq!(until, NOW + 2 * LEASE_MS, "it comes back when the owner is done");

    let receipt = receipt(&world, 1).await.unwrap();
    assert_eq!(receipt.result::<Receipt>().unwrap().id, 1);
    assert_eq!(receipt.external_id.as_deref(), Some("first"));
    assert_eq!(receipt.fence, 1);
    assert_eq!(receipt.settled_at, Some(NOW + LEASE_MS));
    assert_eq!(receipt.due_at, Some(NOW + LEASE_MS));

    let sealed = second
        .act(accept_duplicates(provider.post(), WHY))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(sealed.result::<Receipt>().unwrap().id, 2);
}

#[tokio::test]
async fn first_result_on_record_wins_and_the_late_attempt_goes_on_with_it() {
    let world = World::new().await;
    let provider = Provider::default();
    let late = world
        .act(&work(), accept_duplicates(provider.post(), WHY))
        .await
        .unwrap();
    world.pass_lease();
    let second = world
        .act(&work(), accept_duplicates(provider.post(), WHY))
        .await
        .unwrap();
    let winner = second.seal().await.unwrap();
    let told = late.seal().await.unwrap();
    assert_eq!(told, winner, "both pass on the same record");
    assert_eq!(told.result::<Receipt>().unwrap().id, 2);
    assert_eq!(
        receipt(&world, 1).await.unwrap().result::<Receipt>().unwrap().id,
        1
    );
    assert_eq!(replay(world.ledger().claim(&work()).await), winner);
}

#[tokio::test]
async fn late_decision_leaves_no_receipt_since_it_had_no_effect() {
    let world = World::new().await;
    let late = world.claim(&work()).await;
    world.pass_lease();
    let winner = world.claim(&work()).await.decide(2).seal().await.unwrap();
    assert_eq!(late.decide(1).seal().await.unwrap(), winner);
    assert_eq!(receipt(&world, 1).await, None);
}

#[tokio::test]
async fn late_seal_of_a_parked_work_comes_back_at_once() {
    let world = World::new().await;
    let provider = Provider::default();
    let late = world
        .act(&work(), accept_duplicates(provider.post(), WHY))
        .await
        .unwrap();
    world.pass_lease();
    let parking = world.claim(&work()).await;
    parking.park(Park::for_a_person("odd", "")).await.unwrap();
    assert_eq!(busy(late.seal().await), 0);
    assert!(receipt(&world, 1).await.is_some());
    assert_eq!(world.record(&key()).await.state, State::Parked);
}

#[tokio::test]
async fn late_release_and_late_park_change_nothing() {
    let world = World::new().await;
    let first = world.claim(&work()).await;
    world.pass_lease();
    let second = world.claim(&work()).await;
    world.pass_lease();
    let third = world.claim(&work()).await;
    let before = world.record(&key()).await;

    let until = busy::<()>(Err(first.release(&Why::new("rate_limited", "")).await));
    assert_eq!(until, before.lease_until);
    assert_eq!(
        busy(second.park(Park::for_a_person("odd", "")).await),
        before.lease_until
    );
    assert_eq!(world.record(&key()).await, before);
    third.decide(3).seal().await.unwrap();
}

#[tokio::test]
async fn late_park_of_work_that_is_parked_is_told_how_it_is_parked() {
    let world = World::new().await;
    let first = world.claim(&work()).await;
    world.pass_lease();
    let second = world.claim(&work()).await;
    second.park(Park::for_a_person("second", "")).await.unwrap();
    let parked = first.park(Park::for_a_person("first", "")).await.unwrap();
    assert_eq!(parked.reason(), "second");
}

#[tokio::test]
async fn late_restatement_is_refused_before_anything_is_sent_with_it() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Stale("second words")]);
    let first = world.claim(&work()).await;
    // A clock that lags: this attempt believes that it has time left.
    world.clock.advance(LEASE_MS);
    let second = world.claim(&work()).await;
    world.clock.set(NOW);
    assert_eq!(busy(first.act(probed(provider.post())).await), NOW + 2 * LEASE_MS);
    assert_eq!(provider.applied(), [""; 0]);
    assert_eq!(world.record(&key()).await.intent, "first words");
    second.decide(()).seal().await.unwrap();
}

#[tokio::test]
async fn zombie_that_wakes_after_its_lease_sends_nothing() {
    let world = World::new().await;
    let provider = Provider::default();
    let zombie = world.claim(&work()).await;
    world.pass_lease();
    let sealed = world
        .act(&work(), probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(busy(zombie.act(probed(provider.post())).await), 0);
    assert_eq!((provider.sends(), provider.probes()), (1, 1));
    assert_eq!(replay(world.ledger().claim(&work()).await), sealed);
}

#[tokio::test]
async fn seal_that_lands_after_its_lease_and_before_the_next_claim_counts() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    world.clock.advance(3 * LEASE_MS);
    acted.seal().await.unwrap();
    assert_eq!(world.record(&key()).await.state, State::Sealed);
}

#[tokio::test]
async fn seal_that_lands_after_the_next_claim_is_refused_by_the_store_itself() {
    let world = World::new().await;
    let provider = Provider::default();
    let late = world.act(&work(), probed(provider.post())).await.unwrap();
    for _ in 0..3 {
        world.wire.next("UpdateItem", crate::wire::Fault::Delay);
    }
    late.seal().await.unwrap_err();
    world.pass_lease();
    let second = world.claim(&work()).await;
    assert_eq!(world.wire.deliver_late(), [400, 400, 400]);
    assert_eq!(world.record(&key()).await.state, State::Claimed);
    second
        .act(probed(provider.post()))
        .await
        .unwrap()
        .seal()
        .await
        .unwrap();
    assert_eq!(provider.sends(), 1, "the second attempt adopted it");
}

#[tokio::test]
async fn row_that_is_gone_is_never_written_again() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    let row = crate::world::item([
        ("subject", crate::world::s(key().subject())),
        ("step", crate::world::s(key().step())),
    ]);
    let delete = world.client.delete_item().table_name("ledger");
    delete.set_key(Some(row)).send().await.unwrap();
    assert_eq!(busy(acted.seal().await), NOW);
    assert_eq!(world.ledger().read(&key()).await.unwrap(), None);
    assert!(
        receipt(&world, 1).await.is_some(),
        "what was done is still on record"
    );
}

#[tokio::test]
async fn provider_that_says_not_now_after_a_takeover_is_busy() {
    let world = World::new().await;
    let provider = Provider::saying([Say::NotNow(None)]);
    let first = world.claim(&work()).await;
    world.clock.advance(LEASE_MS);
    drop(world.claim(&work()).await);
    world.clock.set(NOW);
    busy(first.act(probed(provider.post())).await);
    world.clock.advance(2 * LEASE_MS);
    let third = world.claim(&work()).await;
    assert!(third.may_have_sent());
    retry::<()>(Err(third.release(&Why::new("odd", "")).await));
}

async fn receipt(world: &World, fence: u64) -> Option<ratchet_guard::Record> {
    let step = format!("{}#receipt#{fence}", key().step());
    let key = ratchet_guard::WorkKey::new(key().subject(), step);
    world.ledger().read(&key).await.unwrap()
}
