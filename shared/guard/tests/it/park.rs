//! Work that waits: on record, with its reason, until its time or a person brings it back.

use ratchet_guard::effect::accept_duplicates;
use ratchet_guard::{Joint, OnRecord, Park, StageError, State, Work, WorkKey};

use crate::provider::Provider;
use crate::world::{NOW, TIMING, World, key, parked, refused, replay, work};

#[tokio::test]
async fn work_parked_for_a_person_stays_parked_whatever_the_time() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    let given = claim
        .park(Park::for_a_person("below_threshold", "0.42 < 0.7"))
        .await
        .unwrap();
    assert_eq!((given.reason(), given.resume_at()), ("below_threshold", None));
    assert_eq!((given.key(), OnRecord::key(&given)), (&key(), &key()));
    world.clock.advance(1_000 * 86_400_000);
    assert_eq!(
        parked(world.ledger().claim(&work()).await),
        given,
        "every delivery is told"
    );
    let record = world.record(&key()).await;
    assert_eq!(record.detail.as_deref(), Some("0.42 < 0.7"));
    assert_eq!(record.lease_until, 0);
}

#[tokio::test]
async fn work_parked_until_a_time_is_claimable_then_with_its_attempts_anew() {
    let world = World::new().await;
    let wait_ms = 86_400_000;
    for _ in 0..3 * TIMING.attempts_max {
        let claim = world.claim(&work()).await;
        assert!(!claim.may_have_sent(), "waiting sends nothing");
        let until = Park::until("cap_reached", "", NOW + wait_ms);
        assert_eq!(claim.park(until).await.unwrap().resume_at(), Some(NOW + wait_ms));
        assert_eq!(world.record(&key()).await.attempts, 0);
        world.clock.set(NOW + wait_ms - 1);
        parked(world.ledger().claim(&work()).await);
        world.clock.set(NOW + wait_ms);
    }
    let claim = world.claim(&work()).await;
    let record = world.record(&key()).await;
    assert_eq!((record.state, record.attempts), (State::Claimed, 1));
    assert_eq!(
        (record.reason, record.resume_at, record.settled_at),
        (None, None, None)
    );
    claim.decide("done").seal().await.unwrap();
    assert_eq!(
        replay(world.ledger().claim(&work()).await)
            .result::<String>()
            .unwrap(),
        "done"
    );
}

#[tokio::test]
async fn person_brings_work_back_with_its_attempts_anew() {
    let world = World::new().await;
    for _ in 0..TIMING.attempts_max {
        drop(world.claim(&work()).await);
        world.pass_lease();
    }
    refused(world.ledger().claim(&work()).await);
    let record = world.record(&key()).await;
    assert!(world.ledger().resume(&record).await.unwrap());
    let waiting = world.record(&key()).await;
    assert_eq!((waiting.state, waiting.attempts), (State::Parked, 0));
    assert_eq!(waiting.resume_at, Some(world.clock_ms()));
    for _ in 0..TIMING.attempts_max {
        drop(world.claim(&work()).await);
        world.pass_lease();
    }
    refused(world.ledger().claim(&work()).await);
}

#[tokio::test]
async fn work_that_is_not_parked_as_the_record_says_is_not_brought_back() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    let claimed = world.record(&key()).await;
    assert!(!world.ledger().resume(&claimed).await.unwrap(), "a live claim");
    claim.park(Park::for_a_person("odd", "")).await.unwrap();
    let first = world.record(&key()).await;
    assert!(world.ledger().resume(&first).await.unwrap());
    let claim = world.claim(&work()).await;
    claim.park(Park::for_a_person("odd again", "")).await.unwrap();
    assert!(!world.ledger().resume(&first).await.unwrap(), "parked anew since");
    let second = world.record(&key()).await;
    assert!(world.ledger().resume(&second).await.unwrap());
    world.claim(&work()).await.decide(1).seal().await.unwrap();
    assert!(!world.ledger().resume(&second).await.unwrap(), "sealed");
}

#[tokio::test]
async fn result_and_id_of_a_parked_effect_are_kept_for_whoever_decides() {
    let world = World::new().await;
    let provider = Provider::default();
    let effect = accept_duplicates(provider.post(), "the test counts them");
    let acted = world.act(&work(), effect).await.unwrap();
    let acted = acted.map(|_| "raw answer").known_as("answer-7");
    let joint = acted
        .park_with(Park::for_a_person("unreadable", ""), Vec::new())
        .await
        .unwrap();
    assert!(matches!(joint, Joint::OnRecord(parked) if parked.reason() == "unreadable"));
    let record = world.record(&key()).await;
    assert_eq!(record.result::<String>().unwrap(), "raw answer");
    assert_eq!(record.external_id.as_deref(), Some("answer-7"));
    assert!(record.clean_fence < record.fence, "an effect was sent");

    assert!(world.ledger().resume(&record).await.unwrap());
    let sealed = world.claim(&work()).await.decide("read").seal().await.unwrap();
    assert_eq!(sealed.external_id(), None);
    assert_eq!(
        replay(world.ledger().claim(&work()).await),
        sealed,
        "the id went with the result"
    );
}

#[tokio::test]
async fn message_that_nobody_can_work_on_is_recorded_whole_and_once() {
    let world = World::new().await;
    let ledger = world.ledger();
    let first = ledger
        .park_message("extract", "{\"v\":99}", "bad_version", "99")
        .await
        .unwrap();
    world.clock.advance(5_000);
    let again = ledger
        .park_message("extract", "{\"v\":99}", "bad_version", "again")
        .await
        .unwrap();
    assert_eq!(first, again);
    let other = ledger
        .park_message("extract", "{\"v\":98}", "bad_version", "98")
        .await
        .unwrap();
    assert_ne!(first, other);
    let stage = ledger
        .park_message("map", "{\"v\":99}", "bad_version", "99")
        .await
        .unwrap();
    assert_ne!(first, stage);

    let record = world.record(&first).await;
    assert_eq!(record.state, State::Parked);
    assert_eq!(
        (record.stage.as_str(), record.message.as_str()),
        ("extract", "{\"v\":99}")
    );
    assert_eq!(record.reason.as_deref(), Some("bad_version"));
    assert_eq!(record.detail.as_deref(), Some("99"), "the first one's");
    assert_eq!(record.settled_at, Some(NOW));
    assert!(world.ledger().resume(&record).await.unwrap());
}

#[tokio::test]
async fn steps_of_one_subject_wait_for_themselves_alone() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    claim.park(Park::for_a_person("odd", "")).await.unwrap();
    let other = Work::new(WorkKey::new(key().subject(), "slack#bugs"), "c");
    world.claim(&other).await.decide(1).seal().await.unwrap();
}

#[tokio::test]
async fn what_only_a_person_can_mend_before_the_effect_is_parked_on_the_works_own_row() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    let had: Result<(), _> = Err(StageError::Poison {
        code: "unauthorized",
        detail: "the token is refused".to_owned(),
    });
    let Err(StageError::Parked(given)) = claim.having(had).await else {
        panic!("the work goes on without what it needs");
    };
    assert_eq!(given.reason(), "unauthorized");
    assert_eq!(parked(world.ledger().claim(&work()).await), given);
    assert_eq!(world.record(&key()).await.state, State::Parked);
}

#[tokio::test]
async fn failed_read_before_the_effect_releases_the_lease() {
    let world = World::new().await;
    let claim = world.claim(&work()).await;
    let had: Result<(), _> = Err(StageError::NotRead {
        why: "settings: throttled".to_owned(),
        retry_after_ms: Some(7_000),
    });
    let Err(StageError::Retry { at_ms, .. }) = claim.having(had).await else {
        panic!("the attempt is not over");
    };
    assert_eq!(at_ms, NOW + 7_000);
    let again = world.claim(&work()).await;
    assert!(
        !again.may_have_sent(),
        "nothing was sent, and the lease has ended"
    );
    let (again, token) = again.having(Ok("token")).await.unwrap();
    again.decide(token).seal().await.unwrap();
    assert_eq!(world.record(&key()).await.state, State::Sealed);
}
