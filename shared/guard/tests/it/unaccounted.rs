//! How many attempts left no word: they may have been paid for, so one that asked nobody, or whose result is on record, is
//! none of them.

use ratchet_guard::effect::accept_duplicates;
use ratchet_guard::{Acted, Companion, Joint, Park, State, Why};

use crate::provider::{Provider, Receipt, Say};
use crate::world::{NOW, TIMING, World, busy, item, key, parked, refused, retry, s, work};

const ACCEPTED: &str = "the test counts them";

/// How many attempts the next claim is told of; it ends without sending anything.
async fn unaccounted(world: &World) -> u64 {
    let claim = world.claim(&work()).await;
    let unaccounted = claim.unaccounted();
    let error = claim.release(&Why::new("not_read", "")).await;
    world.clock.set(retry(Err::<(), _>(error)));
    unaccounted
}

/// The effect is done, and not on record yet.
async fn acted(world: &World, provider: &Provider) -> Acted<Receipt> {
    let effect = accept_duplicates(provider.post(), ACCEPTED);
    world.act(&work(), effect).await.unwrap()
}

#[tokio::test]
async fn attempts_that_ask_nobody_after_a_dirty_one_are_accounted_for() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    // Released, told no, and parked for a time, as often as work waits.
    assert_eq!(unaccounted(&world).await, 1);
    let provider = Provider::saying([Say::NotNow(None)]);
    let not_now = accept_duplicates(provider.post(), ACCEPTED);
    world.clock.set(retry(world.act(&work(), not_now).await));
    for hour in 1..4 {
        let claim = world.claim(&work()).await;
        assert_eq!(claim.unaccounted(), 1);
        assert!(claim.may_have_sent(), "the first one may have");
        let at_ms = NOW + hour * 3_600_000;
        claim.park(Park::until("token_capped", "", at_ms)).await.unwrap();
        world.clock.set(at_ms);
    }
    let record = world.record(&key()).await;
    assert_eq!((record.clean_fence, record.accounted, record.fence), (0, 5, 6));
    drop(world.claim(&work()).await);
    world.pass_lease();
    assert_eq!(unaccounted(&world).await, 2, "the last one died");
}

#[tokio::test]
async fn attempt_whose_answer_was_lost_is_not_accounted_for() {
    let world = World::new().await;
    let provider = Provider::saying([Say::Vanished, Say::Stale("second words"), Say::NotNow(None)]);
    for _ in 0..2 {
        let lost = accept_duplicates(provider.post(), ACCEPTED);
        world.clock.set(retry(world.act(&work(), lost).await));
    }
    assert_eq!(
        unaccounted(&world).await,
        2,
        "the second one's first request may have been what made its intent stale"
    );
}

#[tokio::test]
async fn result_that_was_parked_and_one_that_was_sealed_are_accounted_for() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    let provider = Provider::default();
    let park = Park::for_a_person("unreadable", "");
    let joint = acted(&world, &provider).await.park_with(park, Vec::new());
    let Joint::OnRecord(given) = joint.await.unwrap() else {
        panic!("no companion refuses it");
    };
    assert_eq!((given.unaccounted(), given.first_claimed_at()), (1, NOW));
    assert_eq!(parked(world.ledger().claim(&work()).await), given);
    assert!(world.ledger().resume(&world.record(&key()).await).await.unwrap());
    assert_eq!(unaccounted(&world).await, 1, "its result is in the row");

    acted(&world, &provider).await.seal().await.unwrap();
    assert!(world.ledger().reopen(&world.record(&key()).await).await.unwrap());
    assert_eq!(unaccounted(&world).await, 1, "its result was sealed");
}

#[tokio::test]
async fn parked_result_that_fits_into_no_row_is_not_accounted_for() {
    let world = World::new().await;
    let provider = Provider::default();
    let large = acted(&world, &provider).await.map(|_| "a".repeat(1_000_000));
    assert_eq!(refused(large.seal().await), "result_too_large");
    assert_eq!(parked(world.ledger().claim(&work()).await).unaccounted(), 1);
}

fn price() -> Vec<Companion> {
    let entry = item([("org_period", s("acme#2026-11")), ("sk", s("call#1"))]);
    vec![Companion::entry("usage", "org_period", entry).unwrap()]
}

#[tokio::test]
async fn effect_that_came_to_nothing_leaves_its_price_with_the_release() {
    for (is_whole, left) in [(true, 0), (false, 1)] {
        let world = World::new().await;
        let provider = Provider::default();
        let acted = acted(&world, &provider).await;
        let why = Why::new("rate_limited", "too many").retry_after_ms(Some(7_000));
        let error = acted.release_with(&why, is_whole, price()).await;
        assert_eq!(retry(Err::<(), _>(error)), NOW + 7_000);
        let record = world.record(&key()).await;
        assert_eq!((record.state, record.attempts), (State::Claimed, 1));
        assert!(record.clean_fence < record.fence, "something was sent");
        assert_eq!(record.detail.as_deref(), Some("rate_limited: too many"));
        assert!(world.item("usage", price_key()).await.is_some());
        assert_eq!(unaccounted(&world).await, left);
    }
}

fn price_key() -> ratchet_guard::store::Item {
    item([("org_period", s("acme#2026-11")), ("sk", s("call#1"))])
}

#[tokio::test]
async fn price_of_an_attempt_that_was_taken_over_is_not_written() {
    let world = World::new().await;
    let late = world.overtaken(&Provider::default()).await;
    let why = Why::new("rate_limited", "");
    busy(Err::<(), _>(late.release_with(&why, true, price()).await));
    assert!(world.item("usage", price_key()).await.is_none());
}

#[tokio::test]
async fn releases_with_a_price_are_bounded_like_any_attempt() {
    let world = World::new().await;
    let provider = Provider::default();
    for _ in 0..TIMING.attempts_max {
        let acted = acted(&world, &provider).await;
        let why = Why::new("rate_limited", "");
        let error = acted.release_with(&why, true, Vec::new()).await;
        world.clock.set(retry(Err::<(), _>(error)));
    }
    assert_eq!(refused(world.ledger().claim(&work()).await), "attempts_exhausted");
    assert_eq!(parked(world.ledger().claim(&work()).await).unaccounted(), 0);
}
