//! A thousand orders with failures in their midst: each resumes by itself.

use ratchet_guard::{Standing, Unfinished};

use crate::shop::{Shop, audit};
use crate::workflow::backend::Fault;
use crate::workflow::doubles::Face;

const ORDERS: usize = 1_000;

#[tokio::test]
async fn thousand_orders_with_failures_in_the_middle_resume_one_by_one() {
    let shop = Shop::new(ORDERS, Face::Keys).await;
    // One for the first order that comes to each of these places after the crash.
    for id in [100, 200, 300] {
        shop.backend
            .next(&format!("PUT store/orders/{id}/synced"), Fault::TooBusy);
    }
    shop.backend.next("PUT store/orders/400/synced", Fault::Refuse);
    shop.backend
        .next("PUT store/orders/500/synced", Fault::LoseAnswer);
    shop.backend
        .next("PUT store/orders/600/synced", Fault::CrashAfter);

    assert_eq!(shop.run_or_crash().await, None, "the process ended at order 600");
    let invoices = shop.backend.world().invoices.len();
    assert_eq!(invoices, 600);

    shop.later();
    let report = shop.run().await;
    let waited = ["100", "200", "300", "500", "600"];
    assert!(
        waited
            .iter()
            .all(|id| report.synced.iter().any(|synced| synced == id))
    );
    for list in [&report.retryable, &report.needs_review, &report.unrecorded] {
        assert!(list.is_empty(), "order 400 was told before the crash: {report:?}");
    }

    // What is done is not done again: one invoice each, and the refused order is the only one that is not marked.
    let refused = Standing::NeedsReview {
        reason: "rejected".to_owned(),
    };
    let mark = shop.life("400").await;
    let mark = mark.iter().find(|record| record.key.step() == "mark").unwrap();
    assert_eq!(mark.standing(u64::MAX), refused);
    assert_eq!(
        audit(&shop.backend.world()),
        ["order 400 has 0 mails", "order 400 is not marked"]
    );

    // A person has mended what the store refused.
    let order = shop.backend.world().paid[399].clone();
    assert!(shop.ledger().resume(mark).await.unwrap());
    assert!(shop.orders().let_go(&order).await.unwrap());
    let report = shop.run().await;
    assert_eq!(report.synced, ["400"]);
    assert_eq!(audit(&shop.backend.world()), [""; 0]);
    let kinds = [Unfinished::Claimed, Unfinished::Waiting, Unfinished::Review];
    assert!(shop.ledger().due(&kinds, 10).await.unwrap().records.is_empty());
    assert_eq!(shop.backend.world().mails.len(), ORDERS);
}

#[tokio::test]
async fn retryable_and_needs_review_are_told_apart_and_retries_are_bounded() {
    let shop = Shop::new(2, Face::Keys).await;
    shop.backend.next("PUT store/orders/1/synced", Fault::Refuse);
    for _ in 0..4 {
        shop.backend.next("PUT store/orders/2/synced", Fault::TooBusy);
    }
    let first = shop.run().await;
    assert_eq!(
        (first.needs_review, first.retryable),
        (vec!["1".to_owned()], vec!["2".to_owned()])
    );
    let mut reports = Vec::new();
    for _ in 0..4 {
        shop.later();
        reports.push(shop.run().await);
    }
    let last = reports.pop().unwrap();
    assert!(
        reports
            .iter()
            .all(|report| report.retryable == ["2"] && report.needs_review.is_empty())
    );
    assert_eq!(
        last.needs_review,
        ["2"],
        "four attempts were told no, and that is enough"
    );
    let review = shop.ledger().due(&[Unfinished::Review], 10).await.unwrap();
    let mut reasons: Vec<_> = review
        .records
        .iter()
        .map(|record| format!("{} {}", record.key, record.reason.clone().unwrap()))
        .collect();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            "order#1/mark rejected",
            "order#1/order step_needs_review",
            "order#2/mark attempts_exhausted",
            "order#2/order step_needs_review"
        ]
    );
}

#[tokio::test]
async fn cursor_stays_before_orders_that_are_not_on_record() {
    let shop = Shop::new(2, Face::Keys).await;
    let cursor = shop.cursor();
    let mut orders = shop.orders();
    // A ledger that is not there: nothing can be put on record.
    orders.ledger = ratchet_guard::Ledger::new(
        shop.client.clone(),
        "no-such-table",
        shop.clock.clone(),
        std::sync::Arc::new(ratchet_guard::clock::CountedAttemptIds::new("b")),
        crate::shop::TIMING,
    )
    .until(u64::MAX);
    assert!(orders.run(&cursor).await.is_err());
    let mut report = crate::workflow::run::Report::default();
    let order = shop.backend.world().paid[0].clone();
    orders.one(&order, &mut report).await.unwrap();
    assert_eq!(report.unrecorded, ["1"]);
    assert_eq!(cursor.read().await.unwrap(), 0);
    assert!(
        shop.backend.world().invoices.is_empty(),
        "nothing is done that is not on record"
    );

    shop.run().await;
    assert_eq!(cursor.read().await.unwrap(), 2);
    cursor.advance(1).await.unwrap();
    assert_eq!(cursor.read().await.unwrap(), 2, "it moves forward only");
}
