//! The ledger is lost, the world is not.

use crate::shop::{Shop, audit};
use crate::workflow::backend::{Backend, Fault};
use crate::workflow::doubles::Face;

/// A world in which some orders are done, one is invoiced, and the rest is not begun; the ledger of it is gone.
async fn after_the_loss(face: Face) -> (Shop, Vec<(String, String)>) {
    let before = Shop::new(6, face).await;
    before
        .backend
        .next("PUT store/orders/4/synced", Fault::CrashBefore);
    assert_eq!(before.run_or_crash().await, None);
    let world = before.backend.world().clone();
    let mut rows = Vec::new();
    for id in ["1", "2", "3", "4"] {
        rows.extend(sealed(&before, id).await);
    }
    (Shop::around(Backend::new(world)).await, rows)
}

/// Keys and external ids of what is sealed, but for customers and mails: accounting's customers need no row, and a
/// mailer cannot be asked.
async fn sealed(shop: &Shop, id: &str) -> Vec<(String, String)> {
    let life = shop.life(id).await;
    life.iter()
        .filter(|record| record.state == ratchet_guard::State::Sealed)
        .filter(|record| !record.key.step().starts_with("customer") && record.key.step() != "mail")
        .map(|record| {
            (
                record.key.to_string(),
                format!("{:?} {}", record.external_id, record.body),
            )
        })
        .collect()
}

#[tokio::test]
async fn ledger_is_rebuilt_from_store_and_accounting_and_nothing_is_done_twice() {
    let (shop, rows) = after_the_loss(Face::Keys).await;
    for round in 0..2 {
        let rebuilt = shop.orders().rebuild().await.unwrap();
        assert_eq!(rebuilt.done, ["1", "2", "3"], "round {round}");
        assert_eq!(rebuilt.begun, ["4"]);
        assert_eq!(rebuilt.fresh, ["5", "6"]);
    }
    assert!(
        shop.backend.seen().iter().all(|label| label.starts_with("GET")),
        "a rebuild sends nothing"
    );
    let mut again = Vec::new();
    for id in ["1", "2", "3", "4"] {
        again.extend(sealed(&shop, id).await);
    }
    assert_eq!(again, rows, "the same rows with the same results");
    shop.run().await;
    shop.run_to_the_end().await;
    assert_eq!(audit(&shop.backend.world()), [""; 0]);
}

#[tokio::test]
async fn what_accounting_cannot_be_asked_for_waits_for_a_person() {
    let (shop, _) = after_the_loss(Face::Bare).await;
    let rebuilt = shop.orders().rebuild().await.unwrap();
    assert_eq!(rebuilt.done, ["1", "2", "3"]);
    assert_eq!(rebuilt.needs_review, ["4", "5", "6"]);
    let report = shop.run().await;
    assert_eq!(report.needs_review, ["4", "5", "6"]);
    assert_eq!(
        shop.backend.world().invoices.len(),
        4,
        "no invoice is made in doubt"
    );

    // The person finds the invoice of order 4, and none of 5 and 6.
    let (orders, invoice) = {
        let world = shop.backend.world();
        (world.paid[3..].to_vec(), world.invoices[3].0.clone())
    };
    shop.orders().adopt_invoice(&orders[0], &invoice).await.unwrap();
    for order in &orders[1..] {
        assert!(shop.orders().invoice_is_absent(order).await.unwrap());
    }
    for order in &orders {
        assert!(shop.orders().let_go(order).await.unwrap());
    }
    assert_eq!(shop.run().await.synced.len(), 3);
    assert_eq!(audit(&shop.backend.world()), [""; 0]);
}

#[tokio::test]
async fn run_over_a_lost_ledger_without_a_rebuild_is_what_the_rebuild_is_for() {
    let (shop, _) = after_the_loss(Face::Bare).await;
    shop.run().await;
    shop.run_to_the_end().await;
    let found = audit(&shop.backend.world());
    assert!(found.contains(&"order 1 has 2 invoices".to_owned()), "{found:?}");
}
