//! What the guard refuses by itself, and where a key comes from.

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_guard::effect::{call, keyed};
use ratchet_guard::{Companion, Decision, Outcome, StageError, State, Subject, Work};

use crate::shop::{NOW, Shop};
use crate::workflow::backend::Fault;
use crate::workflow::doubles::Face;

#[tokio::test]
async fn time_that_gets_into_a_request_is_refused_when_the_work_comes_again() {
    let shop = Shop::new(1, Face::Keys).await;
    let key = Subject::new("order", "1").step("invoice");
    let work = |now_ms: u64| Work::sending(key.clone(), &("invoice of order 1", now_ms)).unwrap();
    drop(shop.ledger().claim(&work(NOW)).await.unwrap());
    let again = shop.ledger().claim(&work(NOW + 1)).await;
    assert!(matches!(again, Err(StageError::Conflict { .. })), "{again:?}");
}

#[tokio::test]
async fn every_attempt_sends_the_same_key_and_the_same_bytes() {
    let shop = Shop::new(1, Face::Bare).await;
    let work = Work::sending(Subject::new("order", "1").step("invoice"), "one").unwrap();
    let sent = std::sync::Mutex::new(Vec::new());
    for _ in 0..3 {
        let effect = call(|act| {
            sent.lock().unwrap().push((act.effect().clone(), act.bytes()));
            async { Outcome::<u32>::no_answer() }
        });
        let told = shop.ledger().once(&work, keyed(effect.key_is_permanent())).await;
        assert!(matches!(told, Err(StageError::Retry { .. })), "{told:?}");
        shop.later();
    }
    let sent = sent.into_inner().unwrap();
    assert_eq!(sent.len(), 3);
    assert!(sent.iter().all(|one| *one == sent[0]), "{sent:?}");
    assert_eq!(sent[0].0, Subject::new("order", "1").step("invoice").effect());
    assert_eq!(sent[0].1, b"\"one\"");
}

#[tokio::test]
async fn second_row_of_one_order_is_refused_by_the_ledger_itself() {
    let shop = Shop::new(1, Face::Keys).await;
    shop.run().await;
    let rows = shop.life("1").await.len();
    let order = shop.backend.world().paid[0].clone();
    let other = Work::new(order.subject().step("order"), "another content");
    let claimed = shop.ledger().claim(&other).await;
    assert!(matches!(claimed, Err(StageError::Conflict { .. })), "{claimed:?}");
    shop.orders().sync(&order).await.unwrap();
    assert_eq!(shop.life("1").await.len(), rows);
}

#[tokio::test]
async fn amended_order_is_shown_to_a_person_and_not_invoiced_again() {
    let shop = Shop::new(1, Face::Keys).await;
    shop.run().await;
    shop.backend.world().paid[0].total_cents += 1;
    let order = shop.backend.world().paid[0].clone();
    let mut report = crate::workflow::run::Report::default();
    shop.orders().one(&order, &mut report).await.unwrap();
    assert_eq!(report.needs_review, ["1"]);
    assert_eq!(shop.backend.world().invoices_of("1"), 1);
    let review = shop
        .ledger()
        .due(&[ratchet_guard::Unfinished::Review], 10)
        .await
        .unwrap();
    assert_eq!(review.records.len(), 1);
    assert_eq!(review.records[0].reason.as_deref(), Some("content_conflict"));
}

#[tokio::test]
async fn additive_action_of_ones_own_is_exactly_once_in_the_seals_transaction() {
    let shop = Shop::new(1, Face::Keys).await;
    let work = Work::new(Subject::new("order", "1").step("points"), "10 points");
    let key = || [("customer".to_owned(), AttributeValue::S("c1".to_owned()))].into();
    for _ in 0..3 {
        match shop.ledger().claim(&work).await.unwrap() {
            Decision::Run(claim) => {
                let add = Companion::count("points", key(), &[("points", 10)], None).unwrap();
                claim.decide(()).seal_with(vec![add]).await.unwrap();
            }
            Decision::Replay(_) => {}
            Decision::Parked(parked) => panic!("{parked:?}"),
        }
    }
    let row = shop.client.get_item().table_name("points").set_key(Some(key()));
    let row = row.send().await.unwrap().item.unwrap();
    assert_eq!(row["points"], AttributeValue::N("10".to_owned()));
}

#[tokio::test]
async fn mail_is_the_last_request_of_an_order_and_its_loss_of_an_answer_costs_one_more_at_most() {
    let shop = Shop::new(1, Face::Keys).await;
    shop.backend.next("POST mail/messages", Fault::LoseAnswer);
    shop.run().await;
    shop.run_to_the_end().await;
    let seen = shop.backend.seen();
    let effects: Vec<_> = seen.iter().filter(|label| !label.starts_with("GET")).collect();
    assert_eq!(
        effects,
        [
            "PUT accounting/customers/c2",
            "POST accounting/invoices",
            "PUT store/orders/1/synced",
            "POST mail/messages",
            "POST mail/messages"
        ]
    );
    let life = shop.life("1").await;
    assert!(
        life.iter().all(|record| record.state == State::Sealed),
        "{life:?}"
    );
}

#[tokio::test]
async fn customer_that_changes_between_two_attempts_is_upserted_as_it_is_then() {
    let shop = Shop::new(1, Face::Keys).await;
    shop.backend.next("PUT accounting/customers", Fault::LoseAnswer);
    shop.run().await;
    shop.backend.world().change_customer("c2", "Newer name");
    shop.run_to_the_end().await;
    assert_eq!(crate::shop::audit(&shop.backend.world()), [""; 0]);
    assert_eq!(shop.backend.world().accounts["c2"].version, 2);
}
