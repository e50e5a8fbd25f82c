//! A seal and what must not be without it: one transaction, all or nothing.

use ratchet_guard::effect::probed;
use ratchet_guard::store::Item;
use ratchet_guard::{Acted, Companion, Joint, Park, Sealed, StageError, State, Work, WorkKey};

use crate::provider::{Provider, Receipt};
use crate::wire::Fault;
use crate::world::{NOW, World, busy, item, key, parked, replay, retry, s, work};

#[tokio::test]
async fn entry_count_and_seal_land_together() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide("billed");
    let sealed = on_record(acted.seal_with(bill(1, None)).await);
    assert_eq!(replay(world.ledger().claim(&work()).await), sealed);
    assert_eq!(total(&world).await, Some(1));
    assert!(world.item("usage", entry_key(1)).await.is_some());
}

#[tokio::test]
async fn entry_that_is_there_hands_the_effect_back_and_nothing_is_written() {
    let world = World::new().await;
    let first = Work::new(WorkKey::new("ticket#2", "bill"), "c");
    on_record(world.claim(&first).await.decide(1).seal_with(bill(1, None)).await);

    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    let (acted, companion, found) = refused(acted.seal_with(bill(1, None)).await);
    assert_eq!(companion, 0);
    assert_eq!(
        found.unwrap()["sk"],
        s("entry#1"),
        "the item that stood in its way"
    );
    assert_eq!(total(&world).await, Some(1));
    assert_eq!(world.record(&key()).await.state, State::Claimed);

    // Settled in another way, under the same claim.
    let sealed = acted.seal().await.unwrap();
    assert_eq!(sealed.result::<Receipt>().unwrap().id, 1);
}

#[tokio::test]
async fn refused_work_can_be_parked_under_the_same_claim() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide("billed");
    let (acted, companion, found) = refused(acted.seal_with(bill(1, Some(0))).await);
    assert_eq!((companion, found), (1, None));
    let until = Park::until("cap_reached", "", NOW + 1_000);
    let joint = acted.park_with(until, vec![entry(9)]).await.unwrap();
    assert!(matches!(joint, Joint::OnRecord(parked) if parked.resume_at() == Some(NOW + 1_000)));
    assert!(
        world.item("usage", entry_key(9)).await.is_some(),
        "a park has companions too"
    );
    assert_eq!(
        parked(world.ledger().claim(&work()).await).reason(),
        "cap_reached"
    );
}

#[tokio::test]
async fn cap_is_reached_and_never_passed() {
    let world = World::new().await;
    for n in 0..5 {
        let work = Work::new(WorkKey::new("ticket", format!("bill#{n}")), "c");
        let acted = world.claim(&work).await.decide(n);
        let joint = acted.seal_with(bill(n, Some(3))).await.unwrap();
        assert_eq!(matches!(joint, Joint::OnRecord(_)), n < 3, "bill {n}");
    }
    assert_eq!(total(&world).await, Some(3));
}

#[tokio::test]
async fn cap_of_zero_refuses_the_first() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide(());
    let (_, companion, _) = refused(acted.seal_with(bill(1, Some(0))).await);
    assert_eq!(companion, 1);
    assert_eq!(total(&world).await, None);
}

#[tokio::test]
async fn cap_holds_for_counts_of_many_at_a_time() {
    let world = World::new().await;
    let mut totals = Vec::new();
    for n in 0..4 {
        let work = Work::new(WorkKey::new("ticket", format!("bill#{n}")), "c");
        let count = Companion::count(
            "usage",
            total_key(),
            &[("bugs", 4), ("calls", 1)],
            Some(("bugs", 10)),
        );
        let acted = world.claim(&work).await.decide(n);
        drop(acted.seal_with(vec![count.unwrap()]).await.unwrap());
        totals.push(total(&world).await);
    }
    assert_eq!(totals, [Some(4), Some(8), Some(8), Some(8)]);
    let row = world.item("usage", total_key()).await.unwrap();
    assert_eq!(row["calls"].as_n().unwrap(), "2", "both counters or none");
}

#[tokio::test]
async fn cap_on_a_counter_that_others_raise_is_read_as_it_stands() {
    let world = World::new().await;
    let capped = |n: u64| Companion::count("usage", total_key(), &[("calls", 1)], Some(("bugs", n)));
    for (n, cap, expected) in [(0, 1, true), (1, 2, true), (2, 0, false)] {
        let work = Work::new(WorkKey::new("ticket", format!("s#{n}")), "c");
        let acted = world.claim(&work).await.decide(n);
        let joint = acted.seal_with(vec![capped(cap).unwrap()]).await.unwrap();
        assert_eq!(
            matches!(joint, Joint::OnRecord(_)),
            expected,
            "cap {cap} with no bugs"
        );
    }
    let work = Work::new(WorkKey::new("ticket", "bugs"), "c");
    on_record(world.claim(&work).await.decide(0).seal_with(bill(1, None)).await);
    let work = Work::new(WorkKey::new("ticket", "full"), "c");
    let acted = world.claim(&work).await.decide(0);
    let _handed_back = refused(acted.seal_with(vec![capped(1).unwrap()]).await);
}

#[tokio::test]
async fn flag_that_two_works_compete_for_is_raised_by_one_and_the_other_sees_it() {
    let world = World::new().await;
    let ledger = world.ledger();
    let flag = WorkKey::new("bug#7", "billable");
    let raise = |by: &str| Companion::sealed_step(&ledger, &flag, "flag-content", &by.to_owned()).unwrap();
    let first = Work::new(WorkKey::new("bug#7", "qualify#v1"), "c1");
    let second = Work::new(WorkKey::new("bug#7", "qualify#v2"), "c2");
    let (a, b) = (world.claim(&first).await, world.claim(&second).await);
    on_record(a.decide("v1").seal_with(vec![raise("v1")]).await);
    let (b, companion, found) = refused(b.decide("v2").seal_with(vec![raise("v2")]).await);
    assert_eq!(companion, 0);
    assert_eq!(
        found.unwrap()["body"],
        s("\"v1\""),
        "the loser sees what the winner wrote"
    );
    b.seal().await.unwrap();

    let raised = world.record(&flag).await;
    assert_eq!(
        (raised.state, raised.fence, raised.attempts),
        (State::Sealed, 1, 1)
    );
    assert_eq!(
        (raised.first_claimed_at, raised.claimed_at, raised.settled_at),
        (NOW, NOW, Some(NOW))
    );
    let again = replay(ledger.claim(&Work::new(flag.clone(), "flag-content")).await);
    assert_eq!(again.result::<String>().unwrap(), "v1");
    let other = ledger.claim(&Work::new(flag, "other")).await;
    assert!(matches!(other, Err(StageError::Conflict { .. })));
}

#[tokio::test]
async fn flag_that_is_claimed_is_not_raised_by_another() {
    let world = World::new().await;
    let ledger = world.ledger();
    let flag = WorkKey::new("bug#7", "billable");
    let claim = world.claim(&Work::new(flag.clone(), "f")).await;
    let raise = Companion::sealed_step(&ledger, &flag, "f", &1).unwrap();
    let acted = world.claim(&work()).await.decide(());
    let _handed_back = refused(acted.seal_with(vec![raise]).await);
    claim.decide(2).seal().await.unwrap();
}

#[tokio::test]
async fn transaction_in_conflict_is_sent_again_until_it_lands() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide(());
    for _ in 0..7 {
        world.wire.next("TransactWriteItems", Fault::Conflict);
    }
    on_record(acted.seal_with(bill(1, None)).await);
    assert!(world.wire.plan_is_done());
    assert_eq!(total(&world).await, Some(1));
}

#[tokio::test]
async fn transaction_in_endless_conflict_is_released_and_tried_later() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide(());
    for _ in 0..8 {
        world.wire.next("TransactWriteItems", Fault::Conflict);
    }
    world.wire.reset();
    let at_ms = retry(acted.seal_with(bill(1, None)).await);
    assert!(
        at_ms < NOW + crate::world::LEASE_MS,
        "it does not wait for its own lease"
    );
    let transactions = world
        .wire
        .seen()
        .iter()
        .filter(|(operation, _)| operation == "TransactWriteItems")
        .count();
    assert_eq!(transactions, 8);
    assert_eq!(total(&world).await, None);
    let claim = world.claim(&work()).await;
    assert!(!claim.may_have_sent(), "a decision sends nothing");
    on_record(claim.decide(()).seal_with(bill(1, None)).await);
}

#[tokio::test]
async fn effect_in_endless_conflict_is_probed_for_by_the_next_attempt() {
    let world = World::new().await;
    let provider = Provider::default();
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    for _ in 0..8 {
        world.wire.next("TransactWriteItems", Fault::Conflict);
    }
    retry(acted.seal_with(bill(1, None)).await);
    let acted = world.act(&work(), probed(provider.post())).await.unwrap();
    on_record(acted.seal_with(bill(1, None)).await);
    assert_eq!((provider.sends(), provider.probes()), (1, 1));
}

#[tokio::test]
async fn transaction_that_the_store_throttles_is_an_error_and_not_a_refusal() {
    let world = World::new().await;
    let acted = world.claim(&work()).await.decide(());
    for _ in 0..3 {
        world.wire.next("TransactWriteItems", Fault::Throttle);
    }
    let error = acted.seal_with(bill(1, None)).await.unwrap_err();
    assert!(matches!(error, StageError::Store(error) if error.code == "ThrottlingException"));
}

#[tokio::test]
async fn late_joint_seal_is_refused_whole_and_kept_as_a_receipt() {
    let world = World::new().await;
    let provider = Provider::default();
    let late = world.act(&work(), probed(provider.post())).await.unwrap();
    world.pass_lease();
    let second = world.claim(&work()).await;
    busy(late.seal_with(bill(1, None)).await);
    assert_eq!(total(&world).await, None, "no bill without its seal");
    let life = world.ledger().life(key().subject()).await.unwrap();
    assert_eq!(
        life.iter()
            .filter(|record| record.state == State::Receipt)
            .count(),
        1
    );

    let second = second.act(probed(provider.post())).await.unwrap();
    let winner = on_record(second.seal_with(bill(1, None)).await);
    assert_eq!(winner.result::<Receipt>().unwrap().id, 1);
}

#[tokio::test]
async fn late_joint_seal_after_another_result_goes_on_with_that() {
    let world = World::new().await;
    let late = world.claim(&work()).await.decide(1);
    world.pass_lease();
    let winner = on_record(
        world
            .claim(&work())
            .await
            .decide(2)
            .seal_with(bill(1, None))
            .await,
    );
    // Its entry is there too; that the row is lost counts first.
    assert_eq!(on_record(late.seal_with(bill(1, None)).await), winner);
    assert_eq!(total(&world).await, Some(1));
}

type Settled<T> = Result<Joint<T, Sealed>, StageError>;

fn on_record<T: std::fmt::Debug>(joint: Settled<T>) -> Sealed {
    match joint {
        Ok(Joint::OnRecord(sealed)) => sealed,
        other => panic!("not on record but {other:?}"),
    }
}

fn refused<T: std::fmt::Debug>(joint: Settled<T>) -> (Acted<T>, usize, Option<Item>) {
    match joint {
        Ok(Joint::Refused {
            acted,
            companion,
            found,
        }) => (*acted, companion, found),
        other => panic!("not refused but {other:?}"),
    }
}

fn entry(n: u32) -> Companion {
    Companion::entry("usage", "org_period", entry_key(n)).unwrap()
}

fn bill(n: u32, cap: Option<u64>) -> Vec<Companion> {
    let count = Companion::count("usage", total_key(), &[("bugs", 1)], cap.map(|cap| ("bugs", cap)));
    vec![entry(n), count.unwrap()]
}

fn entry_key(n: u32) -> Item {
    item([
        ("org_period", s("acme#2026-11")),
        ("sk", s(&format!("entry#{n}"))),
    ])
}

fn total_key() -> Item {
    item([("org_period", s("acme#2026-11")), ("sk", s("total"))])
}

async fn total(world: &World) -> Option<u64> {
    let row = world.item("usage", total_key()).await?;
    Some(row.get("bugs")?.as_n().unwrap().parse().unwrap())
}
