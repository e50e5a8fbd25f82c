//! One scenario for each mistake of the field, played by the naive version that makes it and by the guarded one.

use ratchet_guard::effect::{accept_loss, call};
use ratchet_guard::{StageError, Subject, Work};

use crate::naive::{Mistake, Naive};
use crate::shop::{Shop, audit};
use crate::workflow::backend::Fault;
use crate::workflow::doubles::Face;
use crate::workflow::shop::Customer;

/// What happens to whoever plays it: the same requests meet the same faults.
fn faults(mistake: Mistake) -> &'static [(&'static str, Fault)] {
    match mistake {
        Mistake::TimestampInKey | Mistake::KeyPerAttempt => {
            &[("POST accounting/invoices", Fault::LoseAnswer)]
        }
        Mistake::LoggedAsDone => &[("POST accounting/invoices", Fault::CrashBefore)],
        Mistake::DoneAtTheEnd => &[("PUT store/orders/1/synced", Fault::CrashBefore)],
        Mistake::MarkerForABatch => &[("PUT store/orders/2/synced", Fault::CrashBefore)],
        Mistake::AdditiveRetried => &[("POST accounting/points", Fault::LoseAnswer)],
        Mistake::UnguardedFirst => &[
            ("POST accounting/invoices", Fault::TooBusy),
            ("POST accounting/invoices", Fault::TooBusy),
        ],
        Mistake::DuplicateRows | Mistake::WebhooksOutOfOrder | Mistake::RunAgain | Mistake::Overlap => &[],
    }
}

/// What the auditor says about the naive version, at least.
fn caught_as(mistake: Mistake) -> &'static str {
    match mistake {
        Mistake::TimestampInKey
        | Mistake::DoneAtTheEnd
        | Mistake::KeyPerAttempt
        | Mistake::MarkerForABatch
        | Mistake::DuplicateRows
        | Mistake::RunAgain
        | Mistake::Overlap => "order 1 has 2 invoices",
        Mistake::LoggedAsDone => "order 1 has 0 invoices",
        Mistake::WebhooksOutOfOrder => "customer c1 has an old name",
        Mistake::AdditiveRetried => "customer c1 has 20 points",
        Mistake::UnguardedFirst => "order 1 has 3 mails",
    }
}

async fn shop_for(mistake: Mistake) -> Shop {
    let shop = Shop::new(3, Face::Keys).await;
    for (label, fault) in faults(mistake) {
        shop.backend.next(label, *fault);
    }
    shop
}

/// The webhooks of two changes, the older one last.
fn hooks(shop: &Shop) -> [Customer; 2] {
    let mut world = shop.backend.world();
    let older = world.customers.get("c1").unwrap().clone();
    world.change_customer("c1", "Newer name");
    [world.customers.get("c1").unwrap().clone(), older]
}

/// Plays the scenario with the naive version. Whatever fails is tried again later, as its people would.
async fn naive(mistake: Mistake) -> Vec<String> {
    let shop = shop_for(mistake).await;
    let memory = std::sync::Arc::default();
    let naive = Naive::new(mistake, shop.backend.clone(), shop.clock.clone(), memory);
    let mut crashes = 0;
    match mistake {
        Mistake::WebhooksOutOfOrder => {
            for content in hooks(&shop) {
                shop.later();
                assert!(naive.customer_changed(&content).await.is_ok());
            }
        }
        Mistake::AdditiveRetried => assert!(naive.add_points("c1").await.is_ok()),
        Mistake::Overlap => drop(tokio::join!(naive.run(), naive.run())),
        Mistake::DuplicateRows => {
            drop(tokio::join!(naive.run(), naive.run()));
            drop(naive.work_off().await);
        }
        Mistake::TimestampInKey
        | Mistake::LoggedAsDone
        | Mistake::DoneAtTheEnd
        | Mistake::MarkerForABatch
        | Mistake::KeyPerAttempt
        | Mistake::RunAgain
        | Mistake::UnguardedFirst => {
            for _ in 0..3 {
                if shop.backend.process(naive.run()).await.is_none() {
                    crashes += 1;
                }
                shop.later();
                if mistake == Mistake::RunAgain && shop.backend.world().invoices.len() >= 6 {
                    break;
                }
            }
        }
    }
    assert!(shop.backend.plan_is_done(), "{mistake:?}: a fault did not happen");
    let planned = faults(mistake)
        .iter()
        .filter(|(_, fault)| *fault == Fault::CrashBefore);
    assert_eq!(crashes, planned.count(), "{mistake:?}");
    let world = shop.backend.world();
    audit(&world)
}

/// Plays the same with the guarded version.
async fn guarded(mistake: Mistake) -> Vec<String> {
    let shop = shop_for(mistake).await;
    match mistake {
        Mistake::WebhooksOutOfOrder => {
            for content in hooks(&shop) {
                shop.later();
                shop.orders().customer_changed(&content.id).await.unwrap();
            }
        }
        Mistake::AdditiveRetried => points(&shop).await,
        Mistake::Overlap | Mistake::DuplicateRows => {
            tokio::join!(shop.run(), shop.run());
        }
        Mistake::TimestampInKey
        | Mistake::LoggedAsDone
        | Mistake::DoneAtTheEnd
        | Mistake::MarkerForABatch
        | Mistake::KeyPerAttempt
        | Mistake::RunAgain
        | Mistake::UnguardedFirst => {
            for _ in 0..3 {
                shop.run_or_crash().await;
                shop.later();
            }
        }
    }
    shop.run_to_the_end().await;
    assert!(shop.backend.plan_is_done(), "{mistake:?}: a fault did not happen");
    let world = shop.backend.world();
    audit(&world)
}

/// Ten points at a provider without keys, declared as what must not come twice; its people press the button again.
async fn points(shop: &Shop) {
    let orders = shop.orders();
    let work = Work::sending(Subject::new("customer", "c1").step("points"), &10).unwrap();
    let effect = || {
        accept_loss(
            call(|act| orders.api.add_points("c1", act)),
            "points are not given twice",
        )
    };
    let first = orders.ledger.once(&work, effect()).await;
    assert!(matches!(first, Err(StageError::Retry { .. })), "{first:?}");
    shop.later();
    for _ in 0..3 {
        let again = shop.ledger().once(&work, effect()).await;
        assert!(
            matches!(&again, Err(StageError::Parked(parked)) if parked.reason() == "possibly_lost"),
            "{again:?}"
        );
    }
}

#[tokio::test]
async fn every_mistake_of_the_field_is_caught_in_the_naive_version() {
    for mistake in Mistake::ALL {
        let found = naive(mistake).await;
        let expected = caught_as(mistake);
        assert!(
            found.iter().any(|line| line == expected),
            "{mistake:?}: not `{expected}` but {found:#?}"
        );
    }
}

#[tokio::test]
async fn no_mistake_of_the_field_is_found_in_the_guarded_version() {
    for mistake in Mistake::ALL {
        let found = guarded(mistake).await;
        assert!(found.is_empty(), "{mistake:?}: {found:#?}");
    }
}
