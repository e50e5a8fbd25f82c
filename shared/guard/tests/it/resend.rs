//! A write whose reply is lost is sent again by the SDK, and then meets its own first send. It was us: success.

use ratchet_guard::effect::probed;
use ratchet_guard::intake::Admission;
use ratchet_guard::{Companion, Joint, Park, StageError, State, Why};

use crate::intake::event;
use crate::provider::{Provider, Say};
use crate::wire::Fault;
use crate::world::{World, item, key, replay, retry, run, s, work};

const LOST: [Fault; 2] = [Fault::LoseReply, Fault::Err500Applied];

#[tokio::test]
async fn claim_that_was_applied_and_resent_is_granted() {
    for fault in LOST {
        let world = World::new().await;
        world.wire.next("PutItem", fault);
        let claim = run(world.ledger().claim(&work()).await);
        assert_eq!(claim.fence(), 1, "{fault:?}");
        assert!(!claim.may_have_sent());
        assert_eq!(world.wire.seen(), [put(200), put(400)]);
        assert_eq!(world.record(&key()).await.attempts, 1);
        claim.decide(1).seal().await.unwrap();
    }
}

#[tokio::test]
async fn later_claim_that_was_applied_and_resent_is_granted() {
    for fault in LOST {
        let world = World::new().await;
        drop(world.claim(&work()).await);
        world.pass_lease();
        world.wire.reset();
        world.wire.next("UpdateItem", fault);
        let claim = run(world.ledger().claim(&work()).await);
        assert_eq!(claim.fence(), 2, "{fault:?}");
        assert!(claim.may_have_sent());
        assert_eq!(world.wire.seen(), [put(400), update(200), update(400)]);
        assert_eq!(world.record(&key()).await.attempts, 2);
        claim.decide(1).seal().await.unwrap();
    }
}

#[tokio::test]
async fn seal_that_was_applied_and_resent_is_sealed() {
    for fault in LOST {
        let world = World::new().await;
        let provider = Provider::default();
        let acted = world.act(&work(), probed(provider.post())).await.unwrap();
        world.wire.reset();
        world.wire.next("UpdateItem", fault);
        let sealed = acted.seal().await.unwrap();
        assert_eq!(world.wire.seen(), [update(200), update(400)], "and no receipt");
        assert_eq!(replay(world.ledger().claim(&work()).await), sealed);
    }
}

#[tokio::test]
async fn release_that_was_applied_and_resent_is_a_release() {
    for fault in LOST {
        let world = World::new().await;
        let claim = world.claim(&work()).await;
        world.wire.next("UpdateItem", fault);
        retry::<()>(Err(claim.release(&Why::new("rate_limited", "")).await));
        assert!(!world.claim(&work()).await.may_have_sent());
    }
}

#[tokio::test]
async fn park_that_was_applied_and_resent_is_parked() {
    for fault in LOST {
        let world = World::new().await;
        let claim = world.claim(&work()).await;
        world.wire.reset();
        world.wire.next("UpdateItem", fault);
        let parked = claim.park(Park::for_a_person("odd", "")).await.unwrap();
        assert_eq!(parked.reason(), "odd");
        assert_eq!(world.wire.seen(), [update(200), update(400)]);
    }
}

#[tokio::test]
async fn restatement_that_was_applied_and_resent_goes_on() {
    for fault in LOST {
        let world = World::new().await;
        let provider = Provider::saying([Say::Stale("second words")]);
        let claim = world.claim(&work()).await;
        world.wire.next("UpdateItem", fault);
        let acted = claim.act(probed(provider.post())).await.unwrap();
        acted.seal().await.unwrap();
        assert_eq!(provider.applied(), ["second words"]);
        assert!(world.wire.plan_is_done());
    }
}

#[tokio::test]
async fn resume_that_was_applied_and_resent_is_a_resumption() {
    for fault in LOST {
        let world = World::new().await;
        let claim = world.claim(&work()).await;
        claim.park(Park::for_a_person("odd", "")).await.unwrap();
        let record = world.record(&key()).await;
        world.wire.next("UpdateItem", fault);
        assert!(world.ledger().resume(&record).await.unwrap());
        world.claim(&work()).await.decide(1).seal().await.unwrap();
    }
}

#[tokio::test]
async fn joint_seal_that_was_applied_and_resent_is_sealed_once() {
    for fault in LOST {
        let world = World::new().await;
        let acted = world.claim(&work()).await.decide("billed");
        let entry = Companion::entry("usage", "org_period", entry()).unwrap();
        let count = Companion::count("usage", total(), &[("bugs", 1)], None).unwrap();
        world.wire.reset();
        world.wire.next("TransactWriteItems", fault);
        let sealed = match acted.seal_with(vec![entry, count]).await.unwrap() {
            Joint::OnRecord(sealed) => sealed,
            Joint::Refused { .. } => panic!("refused by its own first send"),
        };
        let calls = world.wire.seen();
        assert_eq!(calls.len(), 2, "{calls:?}");
        assert_eq!(replay(world.ledger().claim(&work()).await), sealed);
        let row = world.item("usage", total()).await.unwrap();
        assert_eq!(row["bugs"].as_n().unwrap(), "1");
    }
}

#[tokio::test]
async fn joint_seal_that_is_resent_after_its_token_is_forgotten_is_known_by_its_attempt() {
    // The store forgets a transaction's token after ten minutes; the attempt id stays on the row.
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    let entry = Companion::entry("usage", "org_period", entry()).unwrap();
    world.wire.reset();
    world.wire.next("TransactWriteItems", Fault::LoseReplyAndToken);
    let joint = acted.seal_with(vec![entry]).await.unwrap();
    assert!(matches!(joint, Joint::OnRecord(_)), "{joint:?}");
    let statuses: Vec<u16> = world.wire.seen().into_iter().map(|(_, status)| status).collect();
    assert_eq!(
        statuses,
        [200, 400],
        "refused by its own first send, and no receipt"
    );
}

#[tokio::test]
async fn joint_seal_that_lands_when_nobody_waits_for_it_is_on_record() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide("billed");
    let entry = Companion::entry("usage", "org_period", entry()).unwrap();
    world.wire.next("TransactWriteItems", Fault::Delay);
    world.wire.next("TransactWriteItems", Fault::Drop);
    world.wire.next("TransactWriteItems", Fault::Drop);
    assert!(matches!(
        acted.seal_with(vec![entry]).await,
        Err(StageError::Store(_))
    ));
    assert_eq!(world.wire.deliver_late(), [200]);
    assert_eq!(
        replay(world.ledger().claim(&work()).await)
            .result::<String>()
            .unwrap(),
        "billed"
    );
}

#[tokio::test]
async fn receipt_that_was_applied_and_resent_is_kept_once() {
    for fault in LOST {
        let world = World::new().await;
        let provider = Provider::default();
        let late = world.act(&work(), probed(provider.post())).await.unwrap();
        world.pass_lease();
        let adopted = world.act(&work(), probed(provider.post())).await.unwrap();
        adopted.seal().await.unwrap();
        world.wire.next("PutItem", fault);
        late.seal().await.unwrap();
        let life = world.ledger().life(key().subject()).await.unwrap();
        let receipts = life.iter().filter(|record| record.state == State::Receipt);
        assert_eq!(receipts.count(), 1);
        assert!(world.wire.plan_is_done());
    }
}

#[tokio::test]
async fn event_whose_put_was_applied_and_resent_is_handed_over() {
    for fault in LOST {
        let world = World::new().await;
        world.wire.next("PutItem", fault);
        let admission = world.intake().admit(&event()).await.unwrap();
        assert!(matches!(admission, Admission::HandOver(_)), "{admission:?}");
        assert_eq!(
            world.wire.seen(),
            [("PutItem".to_owned(), 200), ("PutItem".to_owned(), 400)]
        );
    }
}

#[tokio::test]
async fn hand_over_whose_taking_was_applied_and_resent_is_ours() {
    for fault in LOST {
        let world = World::new().await;
        drop(world.intake().admit(&event()).await.unwrap());
        world.clock.advance(crate::world::HAND_OVER_MS);
        world.wire.next("UpdateItem", fault);
        let admission = world.intake().admit(&event()).await.unwrap();
        assert!(matches!(admission, Admission::HandOver(_)), "{admission:?}");
    }
}

#[tokio::test]
async fn poison_whose_put_was_applied_and_resent_is_recorded_once() {
    let world = World::new().await;
    world.wire.next("PutItem", Fault::LoseReply);
    let key = world
        .ledger()
        .park_message("map", "{", "unreadable", "eof")
        .await
        .unwrap();
    assert_eq!(world.record(&key).await.message, "{");
}

#[tokio::test]
async fn write_that_never_arrived_is_sent_again() {
    let world = World::new().await;
    world.wire.next("PutItem", Fault::Drop);
    world.wire.next("PutItem", Fault::Throttle);
    let claim = run(world.ledger().claim(&work()).await);
    assert_eq!(world.wire.seen(), [put(0), put(400), put(200)]);
    claim.decide(1).seal().await.unwrap();
}

#[tokio::test]
async fn store_that_stays_silent_is_an_error_that_names_the_operation() {
    let world = World::new().await;
    for _ in 0..3 {
        world.wire.next("PutItem", Fault::Drop);
    }
    let error = world.ledger().claim(&work()).await.unwrap_err();
    let StageError::Store(error) = error else {
        panic!("not the store but {error:?}")
    };
    assert_eq!(
        (error.operation, error.code.as_str()),
        ("PutItem", "DispatchFailure")
    );
    drop(world.claim(&work()).await);
    world.pass_lease();
    for _ in 0..3 {
        world.wire.next("UpdateItem", Fault::Throttle);
    }
    let error = world.ledger().claim(&work()).await.unwrap_err();
    let StageError::Store(error) = error else {
        panic!("not the store but {error:?}")
    };
    assert_eq!(
        (error.operation, error.code.as_str()),
        ("UpdateItem", "ThrottlingException")
    );
    assert_eq!(error.detail, "by the test");
}

fn put(status: u16) -> (String, u16) {
    ("PutItem".to_owned(), status)
}

fn update(status: u16) -> (String, u16) {
    ("UpdateItem".to_owned(), status)
}

fn entry() -> ratchet_guard::store::Item {
    item([("org_period", s("acme#2026-11")), ("sk", s("entry#1"))])
}

fn total() -> ratchet_guard::store::Item {
    item([("org_period", s("acme#2026-11")), ("sk", s("total"))])
}
