//! A shop with the guarded workflow, and what an auditor asks of any shop.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeyType;
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_guard::embedded::EmbeddedDynamo;
use ratchet_guard::timing::Timing;
use ratchet_guard::{Ledger, Record, Subject, schema};

use crate::workflow::api::Api;
use crate::workflow::backend::{Backend, in_process};
use crate::workflow::doubles::{Doubles, Face};
use crate::workflow::orders::Orders;
use crate::workflow::run::{Cursor, Report};

pub(crate) const NOW: u64 = 1_800_000_000_000;
pub(crate) const INVOCATION_MS: u64 = 30_000;
/// Longer than any lease and any backoff of the first attempts.
pub(crate) const LATER_MS: u64 = 120_000;
pub(crate) const TIMING: Timing = Timing {
    request_life_ms_max: 60_000,
    lease_margin_ms: 5_000,
    backoff_ms_base: 2_000,
    backoff_ms_max: 900_000,
    attempts_max: 4,
};

pub(crate) struct Shop {
    pub(crate) backend: Arc<Backend>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) client: Client,
    ids: Arc<CountedAttemptIds>,
    face: Face,
}

impl Shop {
    pub(crate) async fn new(orders: usize, face: Face) -> Self {
        Self::around(Backend::new(Doubles {
            face,
            ..Doubles::with_orders(orders)
        }))
        .await
    }

    /// An empty ledger for that world.
    pub(crate) async fn around(backend: Backend) -> Self {
        let face = backend.world().face;
        let clock = Arc::new(ManualClock::at(NOW));
        let client = EmbeddedDynamo::memory_at(clock.clone()).unwrap().client();
        schema::create_ledger_table(&client, "ledger").await.unwrap();
        let key = [("cursor", KeyType::Hash)];
        schema::create(&client, "cursors", &key, false).await.unwrap();
        let key = [("customer", KeyType::Hash)];
        schema::create(&client, "points", &key, false).await.unwrap();
        Self {
            backend: Arc::new(backend),
            clock,
            client,
            ids: Arc::new(CountedAttemptIds::new("a")),
            face,
        }
    }

    /// An invocation that begins now.
    pub(crate) fn orders(&self) -> Orders {
        Orders {
            ledger: self.ledger(),
            api: Api::new(self.backend.clone(), in_process()),
            accounting_has_keys: self.face == Face::Keys,
        }
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::new(
            self.client.clone(),
            "ledger",
            self.clock.clone(),
            self.ids.clone(),
            TIMING,
        )
        .until(self.clock.now_ms() + INVOCATION_MS)
    }

    pub(crate) fn cursor(&self) -> Cursor {
        Cursor::new(self.client.clone(), "cursors")
    }

    /// One run of the schedule that must end with a report.
    pub(crate) async fn run(&self) -> Report {
        let orders = self.orders();
        Box::pin(orders.run(&self.cursor())).await.unwrap()
    }

    /// One run of the schedule in a process that a fault may end.
    pub(crate) async fn run_or_crash(&self) -> Option<Report> {
        Box::pin(self.backend.process(self.run())).await
    }

    /// Runs until nothing is left but what waits for a person.
    pub(crate) async fn run_to_the_end(&self) -> Report {
        for _ in 0..8 {
            self.later();
            let report = self.run().await;
            if report == Report::default() {
                return report;
            }
        }
        panic!("the schedule finds no end");
    }

    pub(crate) fn later(&self) {
        self.clock.advance(LATER_MS);
    }

    pub(crate) async fn life(&self, order: &str) -> Vec<Record> {
        let subject = Subject::new("order", order);
        self.ledger().life(subject.as_str()).await.unwrap()
    }
}

/// What an auditor finds wrong, order by order and customer by customer.
pub(crate) fn audit(world: &Doubles) -> Vec<String> {
    let mut found = Vec::new();
    for order in &world.paid {
        let id = &order.id;
        for (count, what) in [(world.invoices_of(id), "invoices"), (world.mails_of(id), "mails")] {
            if count != 1 {
                found.push(format!("order {id} has {count} {what}"));
            }
        }
        if world.mark_of(id).is_none() {
            found.push(format!("order {id} is not marked"));
        }
    }
    for (id, account) in &world.accounts {
        if world.customers.get(id).map(|customer| &customer.name) != Some(&account.name) {
            found.push(format!("customer {id} has an old name"));
        }
    }
    for (id, points) in &world.points {
        if *points != 10 {
            found.push(format!("customer {id} has {points} points"));
        }
    }
    found
}
