//! Orders to invoices on the guard, over real sockets on 127.0.0.1: a crash after the invoice, a lost answer, a run that
//! overlaps itself and a run too many, and at the end one invoice and one mail an order.
//!
//! `cargo run --release -p ratchet-guard --example order_sync`

#[path = "workflow.rs"]
#[expect(dead_code, reason = "the tests use what this run of it does not")]
mod workflow;

use std::error::Error;
use std::sync::Arc;

use ratchet_guard::clock::{Clock as _, ManualClock, RandomAttemptIds};
use ratchet_guard::embedded::EmbeddedDynamo;
use ratchet_guard::timing::Timing;
use ratchet_guard::{Ledger, schema};

use workflow::api::Api;
use workflow::backend::{Backend, Fault};
use workflow::doubles::{Doubles, Face};
use workflow::http::{Http, Servers};
use workflow::orders::Orders;
use workflow::run::{Cursor, Report};
use workflow::view;

const TIMING: Timing = Timing {
    request_life_ms_max: 60_000,
    lease_margin_ms: 5_000,
    backoff_ms_base: 2_000,
    backoff_ms_max: 900_000,
    attempts_max: 8,
};

/// How long one invocation may take.
const INVOCATION_MS: u64 = 30_000;

/// Longer than any lease.
const LATER_MS: u64 = 120_000;

const ORDERS: usize = 4;

/// The shop's own side: it is what a crash leaves behind.
struct Shop {
    ledger: Ledger,
    cursor: Cursor,
    api: Api,
    clock: Arc<ManualClock>,
    face: Face,
}

impl Shop {
    /// An invocation that begins now.
    fn orders(&self) -> Orders {
        Orders {
            ledger: self.ledger.until(self.clock.now_ms() + INVOCATION_MS),
            api: self.api.clone(),
            accounting_has_keys: self.face == Face::Keys,
        }
    }

    async fn run(&self) -> Result<Report, ratchet_guard::StageError> {
        let orders = self.orders();
        Box::pin(orders.run(&self.cursor)).await
    }
}

async fn shop(servers: &Servers, face: Face) -> Result<Shop, Box<dyn Error>> {
    let clock = Arc::new(ManualClock::at(1_800_000_000_000));
    let client = EmbeddedDynamo::memory_at(clock.clone())?.client();
    schema::create_ledger_table(&client, "ledger").await?;
    let key = [("cursor", aws_sdk_dynamodb::types::KeyType::Hash)];
    schema::create(&client, "cursors", &key, false).await?;
    TIMING.check()?;
    Ok(Shop {
        ledger: Ledger::new(
            client.clone(),
            "ledger",
            clock.clone(),
            Arc::new(RandomAttemptIds),
            TIMING,
        ),
        cursor: Cursor::new(client, "cursors"),
        api: Api::new(Arc::new(Http), servers.addresses()?),
        clock,
        face,
    })
}

async fn show(face: Face) -> Result<(), Box<dyn Error>> {
    let backend = Backend::new(Doubles {
        face,
        ..Doubles::with_orders(ORDERS)
    });
    let servers = Servers::bind().await?;
    let shop = shop(&servers, face).await?;
    tokio::select! {
        error = servers.serve(&backend) => Err(error.into()),
        done = play(&shop, &backend) => done,
    }
}

async fn play(shop: &Shop, backend: &Backend) -> Result<(), Box<dyn Error>> {
    println!(
        "== accounting {} ==",
        if shop.face == Face::Keys {
            "with keys"
        } else {
            "without key or search"
        }
    );
    backend.next("POST accounting/invoices", Fault::CrashAfter);
    let crashed = backend.process(shop.run()).await.is_none();
    println!("run 1 crashed after the first invoice was made: {crashed}");
    print!("{}", life(shop, "order#1").await?);

    shop.clock.advance(LATER_MS);
    backend.next("POST accounting/invoices", Fault::LoseAnswer);
    println!("run 2 lost an answer: {}", told(&shop.run().await?));
    shop.clock.advance(LATER_MS);
    for number in [ORDERS + 1, ORDERS + 2] {
        backend.world().pay_number(number);
    }
    let (left, right) = tokio::join!(shop.run(), shop.run());
    println!("runs 3 and 4 overlapped: {}; {}", told(&left?), told(&right?));
    shop.clock.advance(LATER_MS);
    println!("run 5, pressed by a person: {}", told(&shop.run().await?));
    let again = shop.orders();
    let mut report = Report::default();
    let paid = backend.world().paid.clone();
    for order in &paid {
        again.one(order, &mut report).await?;
    }
    println!("every order once more: {}", told(&report));
    for order in &report.needs_review {
        person_looks(shop, backend, order).await?;
    }
    for order in &paid {
        again.one(order, &mut Report::default()).await?;
    }

    print!("{}", life(shop, "order#1").await?);
    println!("order  invoices  marked  mails");
    let world = backend.world();
    for order in &world.paid {
        let marked = world
            .mark_of(&order.id)
            .map_or_else(|| "-".to_owned(), |mark| mark.invoice);
        let (invoices, mails) = (world.invoices_of(&order.id), world.mails_of(&order.id));
        println!("{:>5}  {invoices:>8}  {marked:>6}  {mails:>5}", order.id);
        if (invoices, mails) != (1, 1) || marked == "-" {
            return Err(format!("order {} was not done exactly once", order.id).into());
        }
    }
    println!();
    Ok(())
}

/// What was sent before the crash nobody can tell, so a person opens accounting and says what is there.
async fn person_looks(shop: &Shop, backend: &Backend, id: &str) -> Result<(), Box<dyn Error>> {
    let order = shop.orders().api.order(id).await?;
    let seen = {
        let world = backend.world();
        world
            .invoices
            .iter()
            .map(|(invoice, _)| invoice.clone())
            .find(|invoice| invoice.order == id)
    };
    match seen {
        Some(invoice) => {
            println!("a person finds {} of order {id} at accounting", invoice.number);
            shop.orders().adopt_invoice(&order, &invoice).await?;
        }
        None => {
            println!("a person finds no invoice of order {id} at accounting");
            shop.orders().invoice_is_absent(&order).await?;
        }
    }
    shop.orders().let_go(&order).await?;
    Ok(())
}

async fn life(shop: &Shop, subject: &str) -> Result<String, Box<dyn Error>> {
    let ledger = shop.orders().ledger;
    Ok(view::life(subject, &ledger.life(subject).await?, ledger.now_ms()))
}

fn told(report: &Report) -> String {
    format!(
        "{} synced, {} retryable, {} for review",
        report.synced.len(),
        report.retryable.len(),
        report.needs_review.len()
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    show(Face::Keys).await?;
    show(Face::Bare).await
}
