//! What a row's record says may happen to it next, at every instant that matters.

use ratchet_guard::effect::probed;
use ratchet_guard::{Park, Standing, WorkKey};

use crate::provider::{Provider, Say};
use crate::world::{LEASE_MS, NOW, World, key, retry, work};

async fn standing(world: &World, now_ms: u64) -> Standing {
    world.record(&key()).await.standing(now_ms)
}

#[tokio::test]
async fn claimed_row_is_held_until_its_lease_ends_and_asks_first_from_then_on() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    let ends_ms = NOW + LEASE_MS;
    assert_eq!(
        standing(&world, ends_ms - 1).await,
        Standing::Held { until_ms: ends_ms }
    );
    assert_eq!(
        standing(&world, ends_ms).await,
        Standing::Retryable {
            at_ms: ends_ms,
            asks_first: true
        }
    );
}

#[tokio::test]
async fn row_whose_attempt_sent_nothing_may_be_run_again_without_a_question() {
    let world = World::new().await;
    let provider = Provider::saying([Say::NotNow(None)]);
    let at_ms = retry(world.act(&work(), probed(provider.post())).await);
    assert_eq!(
        standing(&world, NOW).await,
        Standing::Retryable {
            at_ms,
            asks_first: false
        }
    );
}

#[tokio::test]
async fn sealed_row_is_done() {
    let world = World::new().await;
    let acted = world.act(&work(), probed(Provider::default().post())).await;
    acted.unwrap().seal().await.unwrap();
    assert_eq!(standing(&world, NOW).await, Standing::Done);
}

#[tokio::test]
async fn parked_row_waits_for_its_time_or_for_a_person_until_it_is_closed() {
    let world = World::new().await;
    let resume_ms = NOW + 1_000;
    let claim = world.claim(&work()).await;
    claim.park(Park::until("capped", "", resume_ms)).await.unwrap();
    assert_eq!(
        standing(&world, resume_ms - 1).await,
        Standing::Waits { until_ms: resume_ms }
    );
    assert_eq!(
        standing(&world, resume_ms).await,
        Standing::Retryable {
            at_ms: resume_ms,
            asks_first: false
        }
    );

    world.clock.set(resume_ms);
    let claim = world.claim(&work()).await;
    claim.park(Park::for_a_person("not_a_bug", "")).await.unwrap();
    let reason = "not_a_bug".to_owned();
    assert_eq!(
        standing(&world, resume_ms).await,
        Standing::NeedsReview { reason }
    );
    let record = world.record(&key()).await;
    assert!(world.ledger().close(&record).await.unwrap());
    assert_eq!(standing(&world, resume_ms).await, Standing::Closed);
}

#[tokio::test]
async fn late_receipt_is_one_until_a_person_has_closed_it() {
    let world = World::new().await;
    let late = world.overtaken(&Provider::default()).await;
    late.seal().await.unwrap_err();
    let receipt = WorkKey::new(key().subject(), format!("{}#receipt#1", key().step()));
    let record = world.record(&receipt).await;
    assert_eq!(record.standing(NOW), Standing::LateReceipt);
    assert!(world.ledger().close(&record).await.unwrap());
    assert_eq!(world.record(&receipt).await.standing(NOW), Standing::Closed);
}

#[tokio::test]
async fn ledger_of_an_invocation_knows_when_it_is_stopped() {
    let world = World::new().await;
    assert_eq!(world.idle_ledger().until(NOW + 7).deadline_ms(), NOW + 7);
}
