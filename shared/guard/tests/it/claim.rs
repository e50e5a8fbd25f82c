//! The second move: one attempt at a time, and a result on record is never worked on again.

use ratchet_guard::{OnRecord, Park, StageError, State, Subject, Work, WorkKey};

use crate::provider::{Provider, Say};
use crate::world::{
    INVOCATION_MS, LEASE_MS, NOW, TIMING, World, busy, key, refused, replay, retry, run, work,
};
use ratchet_guard::effect::probed;

#[tokio::test]
async fn new_work_is_granted_once_and_busy_while_its_lease_lives() {
    let world = World::new().await;
    let claim = run(world.ledger().claim(&work()).await);
    assert_eq!(claim.fence(), 1);
    assert_eq!(claim.intent(), "first words");
    assert_eq!(claim.first_claimed_at(), NOW);
    assert!(!claim.may_have_sent());
    assert_eq!(claim.key(), &key());
    assert_eq!(claim.effect_key(), key().effect());

    assert_eq!(busy(world.ledger().claim(&work()).await), NOW + LEASE_MS);
    world.clock.advance(LEASE_MS - 1);
    assert_eq!(busy(world.ledger().claim(&work()).await), NOW + LEASE_MS);
}

#[tokio::test]
async fn lease_that_ended_is_followed_by_a_higher_fence() {
    let world = World::new().await;
    let first = world.claim(&work()).await;
    world.clock.advance(LEASE_MS);
    let second = world.claim(&work().intending("other words")).await;
    assert_eq!((first.fence(), second.fence()), (1, 2));
    assert!(second.may_have_sent(), "the first attempt ended without a word");
    assert_eq!(second.intent(), "first words", "a retry sends the same bytes");
    assert_eq!(
        second.first_claimed_at(),
        NOW,
        "a time that is the same for every attempt"
    );
    let record = world.record(&key()).await;
    assert_eq!((record.fence, record.attempts), (2, 2));
    assert_eq!(record.claimed_at, NOW + LEASE_MS);
}

#[tokio::test]
async fn ended_lease_is_taken_by_one_of_two() {
    let world = World::new().await;
    drop(world.claim(&work()).await);
    world.pass_lease();
    let (one, two, work) = (world.ledger(), world.ledger(), work());
    let (one, two) = tokio::join!(one.claim(&work), two.claim(&work));
    let (granted, refused) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(run(granted).fence(), 2);
    assert_eq!(busy(refused), NOW + 2 * LEASE_MS);
    let record = world.record(&key()).await;
    assert_eq!((record.fence, record.attempts), (2, 2), "one attempt was made");
}

#[tokio::test]
async fn new_work_is_granted_to_one_of_two() {
    let world = World::new().await;
    let (one, two, work) = (world.ledger(), world.ledger(), work());
    let (one, two) = tokio::join!(one.claim(&work), two.claim(&work));
    let (granted, refused) = if one.is_ok() { (one, two) } else { (two, one) };
    assert_eq!(run(granted).fence(), 1);
    assert_eq!(busy(refused), NOW + LEASE_MS);
}

#[tokio::test]
async fn ended_lease_whose_work_is_settled_meanwhile_is_not_taken() {
    let world = World::new().await;
    let first = world.claim(&work()).await;
    world.pass_lease();
    let (ledger, work) = (world.ledger(), work());
    let (sealed, decision) = tokio::join!(first.decide(1).seal(), ledger.claim(&work));
    // The seal is first at the wire, and the claim has seen the row before it.
    assert_eq!(replay(decision), sealed.unwrap());
}

#[tokio::test]
async fn key_of_a_receipt_is_no_work() {
    let world = World::new().await;
    let provider = Provider::default();
    let late = world.act(&work(), probed(provider.post())).await.unwrap();
    world.pass_lease();
    world.claim(&work()).await.decide(1).seal().await.unwrap();
    late.seal().await.unwrap();
    let receipt = WorkKey::new(key().subject(), "comment#receipt#1");
    let claimed = world.ledger().claim(&Work::new(receipt, "")).await;
    assert!(matches!(claimed, Err(StageError::Conflict { .. })), "{claimed:?}");
}

#[tokio::test]
async fn busy_deliveries_count_as_no_attempt() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    for _ in 0..20 {
        busy(world.ledger().claim(&work()).await);
    }
    assert_eq!(world.record(&key()).await.attempts, 1);
    claim.decide("late but alone").seal().await.unwrap();
}

#[tokio::test]
async fn sealed_work_is_replayed_with_its_result() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    assert_eq!(acted.receipt().id, 1);
    assert_eq!(acted.claim().fence(), 1);
    let sealed = acted
        .map(|receipt| receipt.id + 41)
        .known_as("pr-7")
        .seal()
        .await
        .unwrap();
    assert_eq!(sealed.result::<u32>().unwrap(), 42);
    assert_eq!(sealed.external_id(), Some("pr-7"));

    world.clock.advance(10 * LEASE_MS);
    let again = replay(world.ledger().claim(&work()).await);
    assert_eq!(
        again, sealed,
        "every delivery is answered with the same decision and bytes"
    );
    assert_eq!(again.first_claimed_at(), NOW);
    assert_eq!(OnRecord::key(&again), &key());
    assert_eq!(provider.sends(), 1);
    let read = world.ledger().sealed(&key()).await.unwrap();
    assert_eq!(read, Some(sealed));
}

#[tokio::test]
async fn unsealed_work_has_no_sealed_result() {
    let world = World::new().await;
    assert_eq!(world.ledger().sealed(&key()).await.unwrap(), None);
    assert_eq!(world.ledger().read(&key()).await.unwrap(), None);
    let claim = world.claim(&work()).await;
    assert_eq!(world.ledger().sealed(&key()).await.unwrap(), None);
    claim.decide(()).seal().await.unwrap();
    let sealed = world.ledger().sealed(&key()).await.unwrap().unwrap();
    sealed.result::<()>().unwrap();
    assert!(matches!(
        sealed.result::<u32>(),
        Err(StageError::Unreadable { .. })
    ));
}

#[tokio::test]
async fn same_key_with_other_content_is_a_conflict_in_every_state() {
    let world = World::new().await;
    let other = Work::new(key(), "content-2");
    let conflicts = async || {
        matches!(
            world.ledger().claim(&other).await,
            Err(StageError::Conflict { key: found }) if found == key()
        )
    };
    let claim = world.claim(&work()).await;
    assert!(conflicts().await, "under a live lease");
    world.pass_lease();
    assert!(conflicts().await, "after a lease");
    drop(claim);
    let claim = world.claim(&work()).await;
    claim.decide(1).seal().await.unwrap();
    assert!(conflicts().await, "on record");
    assert_eq!(world.record(&key()).await.content, "content-1");
}

#[tokio::test]
async fn attempts_that_end_without_a_word_are_bounded() {
    let world = World::new().await;
    for attempt in 1..=TIMING.attempts_max {
        assert_eq!(world.claim(&work()).await.fence(), attempt);
        world.pass_lease();
    }
    let reason = refused(world.ledger().claim(&work()).await);
    assert_eq!(reason, "attempts_exhausted");
    let record = world.record(&key()).await;
    assert_eq!(record.state, State::Parked);
    assert_eq!(
        record.detail.as_deref(),
        Some("every attempt ended without a word")
    );
    assert_eq!(record.resume_at, None, "it waits for a person");
    assert!(
        record.clean_fence < record.fence,
        "somebody may have sent something"
    );
}

#[tokio::test]
async fn attempts_that_were_told_no_are_bounded_and_the_last_fault_is_kept() {
    let world = World::new().await;
    let provider = Provider::saying([const { Say::NotNow(None) }; 4]);
    for _ in 0..TIMING.attempts_max {
        let at_ms = retry(world.act(&work(), probed(provider.post())).await);
        world.clock.set(at_ms);
    }
    assert_eq!(refused(world.ledger().claim(&work()).await), "attempts_exhausted");
    let record = world.record(&key()).await;
    assert_eq!(record.detail.as_deref(), Some("rate_limited: too many"));
    assert_eq!(record.clean_fence, record.fence, "nobody sent anything");
    assert_eq!(provider.sends(), 4);
}

#[tokio::test]
async fn nothing_is_sent_after_the_deadline() {
    let world = World::new().await;
    let provider = Provider::default();
    let claim = world.claim(&work()).await;
    world.clock.advance(INVOCATION_MS);
    retry(claim.act(probed(provider.post())).await);
    assert_eq!(provider.sends(), 0);

    let claim = world.claim(&work()).await;
    assert!(
        !claim.may_have_sent(),
        "the attempt is known to have sent nothing"
    );
    world.clock.advance(INVOCATION_MS - 1);
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
async fn ledger_of_no_invocation_acts_on_nothing() {
    let world = World::new().await;
    let provider = Provider::default();
    let claim = run(world.idle_ledger().claim(&work()).await);
    retry(claim.act(probed(provider.post())).await);
    assert_eq!(provider.sends(), 0);
}

#[tokio::test]
async fn the_life_of_a_subject_is_read_whole_and_no_other() {
    let world = World::new().await;
    // Bodies of 100 KB, so that one page of the store does not hold them.
    let body = "x".repeat(100 * 1024);
    for step in 0..15 {
        let work = Work::new(WorkKey::new("subject", format!("step-{step:02}")), "c");
        world
            .claim(&work)
            .await
            .decide(body.clone())
            .seal()
            .await
            .unwrap();
    }
    let other = Work::new(WorkKey::new("other", "step"), "c");
    world.claim(&other).await.decide(1).seal().await.unwrap();
    world.wire.reset();
    let life = world.ledger().life("subject").await.unwrap();
    let steps: Vec<_> = life.iter().map(|record| record.key.step().to_owned()).collect();
    let expected: Vec<_> = (0..15).map(|step| format!("step-{step:02}")).collect();
    assert_eq!(steps, expected);
    assert!(
        world.wire.calls().len() > 1,
        "it took more than one page, or this test shows nothing"
    );
    assert!(
        life.iter()
            .all(|record| record.result::<String>().unwrap() == body)
    );
}

#[tokio::test]
async fn every_attempt_that_ended_without_a_word_is_unaccounted_for() {
    let world = World::new().await;
    for earlier in 0..3 {
        let claim = world.claim(&work()).await;
        assert_eq!(claim.unaccounted(), earlier);
        assert!(!claim.resumed(), "nobody let it go");
        assert_eq!(claim.now_ms(), world.clock_ms());
        world.pass_lease();
    }
}

#[tokio::test]
async fn claim_of_work_that_somebody_let_go_says_so() {
    let world = World::new().await;
    let parked = world
        .claim(&work())
        .await
        .park(Park::for_a_person("held", ""))
        .await;
    parked.unwrap();
    let record = world.record(&key()).await;
    assert!(world.ledger().resume(&record).await.unwrap());
    let claim = world.claim(&work()).await;
    assert!(claim.resumed());
    assert_eq!(claim.unaccounted(), 0, "what parked it sent nothing");
}

#[tokio::test]
async fn work_is_taken_up_anew_when_it_was_parked_and_not_when_it_is_retried() {
    let world = World::new().await;
    let first = world.claim(&work()).await;
    assert_eq!(first.taken_up_at(), NOW);
    drop(first);
    world.pass_lease();
    let retried = world.claim(&work()).await;
    assert_eq!(retried.taken_up_at(), NOW, "a crash changes nothing");
    let waits = Park::until("full", "", world.clock_ms() + 1_000);
    retried.park(waits).await.unwrap();
    assert_eq!(world.record(&key()).await.taken_up_at, NOW, "it waits");
    world.clock.advance(1_000);
    let again = world.clock_ms();
    drop(world.claim(&work()).await);
    world.pass_lease();
    let last = world.claim(&work()).await;
    assert_eq!((last.taken_up_at(), last.first_claimed_at()), (again, NOW));
    last.decide("done").seal().await.unwrap();
    assert_eq!(world.record(&key()).await.taken_up_at, again);
}

#[test]
fn work_and_its_subject_say_what_they_are_made_of() {
    assert_eq!(work().content(), "content-1");
    assert_eq!(Subject::new("ticket", "7").to_string(), "ticket#7");
}
