//! The same over real sockets: what a lost answer and a crash look like there.

use std::sync::Arc;

use crate::shop::{Shop, audit};
use crate::workflow::api::Api;
use crate::workflow::backend::Fault;
use crate::workflow::doubles::Face;
use crate::workflow::http::{Http, Servers};
use crate::workflow::orders::Orders;
use crate::workflow::run::Report;

async fn run(shop: &Shop, api: &Api) -> Option<Report> {
    let orders = Orders {
        api: api.clone(),
        ..shop.orders()
    };
    let cursor = shop.cursor();
    let run = async { orders.run(&cursor).await.unwrap() };
    Box::pin(shop.backend.process(run)).await
}

#[tokio::test]
async fn crash_and_lost_answers_over_sockets_come_to_one_of_each() {
    let shop = Shop::new(2, Face::Keys).await;
    let servers = Servers::bind().await.unwrap();
    let api = Api::new(Arc::new(Http), servers.addresses().unwrap());
    let play = async {
        shop.backend.next("POST accounting/invoices", Fault::CrashAfter);
        assert_eq!(run(&shop, &api).await, None);
        shop.later();
        shop.backend.next("PUT store/orders/1/synced", Fault::LoseAnswer);
        let report = run(&shop, &api).await.unwrap();
        assert_eq!(
            (report.synced.len(), report.needs_review.len()),
            (1, 0),
            "{report:?}"
        );
        shop.later();
        run(&shop, &api).await.unwrap();
        assert!(shop.backend.plan_is_done());
        assert_eq!(audit(&shop.backend.world()), [""; 0]);
    };
    tokio::select! {
        error = servers.serve(&shop.backend) => panic!("{error}"),
        () = Box::pin(play) => {}
    }
}

#[tokio::test]
async fn service_that_is_not_there_is_known_to_have_done_nothing() {
    let shop = Shop::new(1, Face::Bare).await;
    let servers = Servers::bind().await.unwrap();
    let mut at = servers.addresses().unwrap();
    at.accounting = {
        let gone = Servers::bind().await.unwrap();
        gone.addresses().unwrap().accounting
    };
    let api = Api::new(Arc::new(Http), at);
    tokio::select! {
        error = servers.serve(&shop.backend) => panic!("{error}"),
        report = run(&shop, &api) => assert_eq!(report.unwrap().retryable, ["1"]),
    }
    let life = shop.life("1").await;
    let customer = &life[0];
    assert_eq!(customer.key.step(), "customer#v1");
    assert_eq!(customer.clean_fence, customer.fence, "nothing can have been sent");
}
