//! What the guard counts, and where.

use std::cell::RefCell;
use std::fmt::Debug;
use std::sync::Once;

use ratchet_guard::effect::probed;
use ratchet_guard::metric;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::provider::{Provider, Say};
use crate::world::{World, refused, replay, retry, work};

thread_local! {
    /// What this test's thread was told: metric, what it is split by, value.
    static TOLD: RefCell<Vec<(String, String, u64)>> = const { RefCell::new(Vec::new()) };
}

/// Listens for the whole process, since a listener of one thread could be switched off by another's; each test reads
/// its own thread.
struct Listener;

#[derive(Default)]
struct Line(String, String, u64);

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "metric" => value.clone_into(&mut self.0),
            "of" => value.clone_into(&mut self.1),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "value" {
            self.2 = value;
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn Debug) {}
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == metric::TARGET
    }

    fn new_span(&self, _attributes: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        TOLD.with_borrow_mut(|told| told.push((line.0, line.1, line.2)));
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// What was counted on this thread since it was asked last.
fn told() -> Vec<(String, String, u64)> {
    static LISTENS: Once = Once::new();
    LISTENS.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
    TOLD.take()
}

fn once(metric: &str, of: &str) -> Vec<(String, String, u64)> {
    vec![(metric.to_owned(), of.to_owned(), 1)]
}

#[tokio::test]
async fn finished_work_that_is_asked_for_again_counts_as_a_replay() {
    let world = World::new().await;
    told();
    let work = work().driven_by("publish-rca", "message");
    let acted = world.act(&work, probed(Provider::default().post())).await;
    acted.unwrap().seal().await.unwrap();
    assert_eq!(told(), [], "a first attempt is no event");
    replay(world.ledger().claim(&work).await);
    assert_eq!(told(), once(metric::REPLAYS, "publish-rca"));
}

#[tokio::test]
async fn every_answer_of_a_probe_counts_by_its_name() {
    for (provider, answer) in [
        (Provider::saying([Say::Lost]), "found"),
        (Provider::saying([Say::Vanished]), "absent"),
        (Provider::saying([Say::Lost]).blind(1), "cannot_tell"),
    ] {
        let world = World::new().await;
        retry(world.act(&work(), probed(provider.post())).await);
        world.pass_lease();
        told();
        let acted = world.act(&work(), probed(provider.post())).await;
        assert_eq!(acted.is_ok(), answer != "cannot_tell");
        assert_eq!(told(), once(metric::PROBES, answer));
    }
}

#[tokio::test]
async fn parked_work_counts_by_its_reason() {
    let world = World::new().await;
    told();
    let provider = Provider::saying([Say::Never]);
    assert_eq!(
        refused(world.act(&work(), probed(provider.post())).await),
        "rejected"
    );
    assert_eq!(told(), once(metric::PARKED, "rejected"));
}

#[tokio::test]
async fn late_result_counts_as_a_receipt() {
    let world = World::new().await;
    let late = world.overtaken(&Provider::default()).await;
    told();
    late.seal().await.unwrap_err();
    assert_eq!(told(), once(metric::LATE_RECEIPTS, ""));
}
