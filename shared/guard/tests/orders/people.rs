//! Where nobody can tell, a person does: what the ledger shows them, and what their word does.

use ratchet_guard::{Standing, State};

use crate::shop::{NOW, Shop, audit};
use crate::workflow::backend::Fault;
use crate::workflow::doubles::Face;
use crate::workflow::view;

/// An order whose invoice nobody can tell of, at an accounting without key or search.
async fn in_doubt(fault: Fault) -> Shop {
    let shop = Shop::new(1, Face::Bare).await;
    shop.backend.next("POST accounting/invoices", fault);
    shop.run().await;
    shop.later();
    let report = shop.run().await;
    assert_eq!(report.needs_review, ["1"]);
    let life = shop.life("1").await;
    let invoice = life.iter().find(|record| record.key.step() == "invoice").unwrap();
    assert_eq!(invoice.reason.as_deref(), Some("possibly_lost"));
    shop
}

#[tokio::test]
async fn invoice_that_a_person_finds_is_adopted_and_the_order_goes_on() {
    let shop = in_doubt(Fault::LoseAnswer).await;
    let (order, invoice) = {
        let world = shop.backend.world();
        (world.paid[0].clone(), world.invoices[0].0.clone())
    };
    shop.orders().adopt_invoice(&order, &invoice).await.unwrap();
    assert!(shop.orders().let_go(&order).await.unwrap());
    assert_eq!(shop.run().await.synced, ["1"]);
    assert_eq!(audit(&shop.backend.world()), [""; 0]);
    let life = shop.life("1").await;
    let sealed = life.iter().find(|record| record.key.step() == "invoice").unwrap();
    assert_eq!(
        (sealed.state, sealed.external_id.as_deref()),
        (State::Sealed, Some("INV-1"))
    );
}

#[tokio::test]
async fn invoice_that_a_person_does_not_find_is_made_then() {
    let shop = in_doubt(Fault::Vanish).await;
    let order = shop.backend.world().paid[0].clone();
    // Letting the order go by itself changes nothing: the doubt stays.
    assert!(shop.orders().let_go(&order).await.unwrap());
    assert_eq!(shop.run().await.needs_review, ["1"]);
    assert!(shop.backend.world().invoices.is_empty());

    assert!(shop.orders().invoice_is_absent(&order).await.unwrap());
    assert!(shop.orders().let_go(&order).await.unwrap());
    assert_eq!(shop.run().await.synced, ["1"]);
    assert_eq!(audit(&shop.backend.world()), [""; 0]);
}

#[tokio::test]
async fn word_on_a_record_that_has_gone_on_is_not_taken() {
    let shop = in_doubt(Fault::Vanish).await;
    let life = shop.life("1").await;
    let seen = life.iter().find(|record| record.key.step() == "invoice").unwrap();
    assert!(shop.ledger().resume_absent(seen).await.unwrap());
    assert!(
        !shop.ledger().resume_absent(seen).await.unwrap(),
        "the row has been written since it was seen"
    );
    let order = shop.backend.world().paid[0].clone();
    shop.orders().let_go(&order).await.unwrap();
    shop.run().await;
    assert!(!shop.ledger().resume_absent(seen).await.unwrap());
    assert_eq!(audit(&shop.backend.world()), [""; 0]);
}

#[tokio::test]
async fn adopting_what_is_on_record_answers_with_the_record() {
    let shop = Shop::new(1, Face::Keys).await;
    shop.run().await;
    let order = shop.backend.world().paid[0].clone();
    let mut other = shop.backend.world().invoices[0].0.clone();
    other.number = "INV-99".to_owned();
    shop.orders().adopt_invoice(&order, &other).await.unwrap();
    let life = shop.life("1").await;
    let invoice = life.iter().find(|record| record.key.step() == "invoice").unwrap();
    assert_eq!(
        invoice.external_id.as_deref(),
        Some("INV-1"),
        "the first result on record wins"
    );
}

#[tokio::test]
async fn record_that_a_person_closes_is_neither_retried_nor_reviewed() {
    let shop = in_doubt(Fault::Vanish).await;
    for record in shop.life("1").await {
        if record.state == State::Parked {
            assert!(shop.ledger().close(&record).await.unwrap());
        }
    }
    let life = shop.life("1").await;
    let standing: Vec<_> = life.iter().map(|record| record.standing(u64::MAX)).collect();
    assert_eq!(standing, [Standing::Done, Standing::Closed, Standing::Closed]);
    shop.later();
    assert_eq!(shop.run().await, crate::workflow::run::Report::default());
}

#[tokio::test]
async fn adopting_is_refused_while_an_attempt_may_still_act() {
    let shop = Shop::new(1, Face::Bare).await;
    shop.backend.next("POST accounting/invoices", Fault::LoseAnswer);
    shop.run().await;
    let (order, invoice) = {
        let world = shop.backend.world();
        (world.paid[0].clone(), world.invoices[0].0.clone())
    };
    let adopted = shop.orders().adopt_invoice(&order, &invoice).await;
    assert!(
        matches!(adopted, Err(ratchet_guard::StageError::Busy { .. })),
        "{adopted:?}"
    );
}

#[tokio::test]
async fn view_of_an_order_says_what_is_safe_to_retry_next() {
    let shop = Shop::new(1, Face::Keys).await;
    shop.backend.next("POST accounting/invoices", Fault::LoseAnswer);
    shop.run().await;
    let life = shop.life("1").await;
    let standing = |step: &str, now_ms: u64| {
        let record = life.iter().find(|record| record.key.step() == step).unwrap();
        record.standing(now_ms)
    };
    assert_eq!(standing("customer#v1", NOW), Standing::Done);
    assert_eq!(
        standing("invoice", NOW),
        Standing::Held {
            until_ms: NOW + 95_000
        }
    );
    assert_eq!(
        standing("order", NOW),
        Standing::Waits {
            until_ms: NOW + 95_000
        }
    );
    let asks_first = Standing::Retryable {
        at_ms: NOW + 95_000,
        asks_first: true,
    };
    assert_eq!(standing("invoice", NOW + 95_000), asks_first);
    let text = view::life("order#1", &life, NOW);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    assert!(lines[1].contains("customer#v1") && lines[1].contains("c2") && lines[1].contains("done"));
    assert!(lines[2].contains("held: safe to retry in 95 s"), "{text}");
    assert!(lines[2].contains(life[1].key.effect().as_str()), "{text}");
    assert!(lines[3].contains("waits: retried in 95 s"), "{text}");
}
