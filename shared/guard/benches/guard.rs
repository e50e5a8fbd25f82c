//! What the guard costs beside the SDK's own calls, on the same store in the same process.
//!
//! `cargo bench -p ratchet-guard` prints criterion's figures, then the ratio of a guarded step to the same step
//! written by hand, measured turn by turn, and fails where it exceeds [`RATIO_MAX`].
#![expect(clippy::unwrap_used, reason = "what a measurement did not expect ends it")]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, KeyType, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use criterion::Criterion;
use criterion::measurement::{Measurement, WallTime};
use ratchet_guard::clock::{Clock, RandomAttemptIds, SystemClock};
use ratchet_guard::effect::{Act, Effect, Probe, probed};
use ratchet_guard::embedded::EmbeddedDynamo;
use ratchet_guard::store::Item;
use ratchet_guard::timing::Timing;
use ratchet_guard::{Companion, Decision, Finding, Joint, Ledger, Outcome, Work, WorkKey, schema};
use tokio::runtime::Runtime;

/// A guarded step may take this much of the time of one written by hand.
const RATIO_MAX: f64 = 1.2;

/// Turns of the comparison, and steps in each.
const TURNS: usize = 40;
const STEPS: u32 = 250;

const INVOCATION_MS: u64 = 30_000;
const TIMING: Timing = Timing {
    request_life_ms_max: 60_000,
    lease_margin_ms: 5_000,
    backoff_ms_base: 2_000,
    backoff_ms_max: 900_000,
    attempts_max: 8,
};
const MESSAGE: &str = r#"{"v":1,"ticket":{"org":"acme","provider":"zendesk","id":"35436"}}"#;
const CONTENT: &str = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const REQUEST: &str = "8f5c1de4-7b1c-4f0e-9d52-0f4f7c1f6a11";
const RESULT: &str = r#"{"number":7,"url":"https://github.com/acme/shop/pull/7"}"#;

/// The effect of both: nothing, so that nothing but the bookkeeping is measured.
struct Nothing;

impl Effect for Nothing {
    type Receipt = serde_json::Value;

    async fn send(&self, _: &Act) -> Outcome<serde_json::Value> {
        Outcome::Done(effect())
    }
}

impl Probe for Nothing {
    async fn probe(&self, _: &Act) -> Finding<serde_json::Value> {
        Finding::Absent
    }
}

fn effect() -> serde_json::Value {
    black_box(serde_json::from_str(RESULT).unwrap())
}

struct Bench {
    client: Client,
    ledger: Ledger,
    next: AtomicU64,
}

impl Bench {
    async fn new() -> Self {
        let client = EmbeddedDynamo::memory().unwrap().client();
        schema::create_ledger_table(&client, "ledger").await.unwrap();
        let keys = [("subject", KeyType::Hash), ("step", KeyType::Range)];
        schema::create(&client, "bare", &keys, false).await.unwrap();
        let usage = [("org_period", KeyType::Hash), ("sk", KeyType::Range)];
        schema::create(&client, "usage", &usage, false).await.unwrap();
        let ledger = Ledger::new(
            client.clone(),
            "ledger",
            Arc::new(SystemClock),
            Arc::new(RandomAttemptIds),
            TIMING,
        );
        Self {
            client,
            ledger,
            next: AtomicU64::new(0),
        }
    }

    fn subject(&self) -> String {
        format!(
            "ticket#acme#zendesk#{}",
            self.next.fetch_add(1, Ordering::Relaxed)
        )
    }

    fn work(&self) -> Work {
        Work::new(WorkKey::new(self.subject(), "pr#shop"), CONTENT)
            .intending("fix/checkout-total")
            .driven_by("open-pr", MESSAGE)
    }

    fn invocation(&self) -> Ledger {
        self.ledger.until(SystemClock.now_ms() + INVOCATION_MS)
    }

    /// Claim, effect, complete, as one writes them by hand: two conditional writes, without a fence, an attempt id or
    /// an entry in the index. In the ledger's own table, and in a `bare` one without an index.
    async fn by_hand(&self, table: &str) {
        let subject = self.claim_by_hand(table).await;
        let body = effect().to_string();
        self.client
            .update_item()
            .table_name(table)
            .key("subject", text(&subject))
            .key("step", text("pr#shop"))
            .condition_expression("#state = :claimed AND taken_by = :owner")
            .update_expression("SET #state = :sealed, body = :body, settled_at = :now REMOVE lease_until")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":sealed", text("sealed"))
            .expression_attribute_values(":owner", text(REQUEST))
            .expression_attribute_values(":body", text(&body))
            .expression_attribute_values(":now", number(SystemClock.now_ms()))
            .send()
            .await
            .unwrap();
    }

    async fn claim_by_hand(&self, table: &str) -> String {
        let subject = self.subject();
        let now_ms = SystemClock.now_ms();
        self.client
            .put_item()
            .table_name(table)
            .item("subject", text(&subject))
            .item("step", text("pr#shop"))
            .item("state", text("claimed"))
            .item("taken_by", text(REQUEST))
            .item("lease_until", number(now_ms + INVOCATION_MS))
            .item("content", text(CONTENT))
            .item("intent", text("fix/checkout-total"))
            .item("stage", text("open-pr"))
            .item("message", text(MESSAGE))
            .item("claimed_at", number(now_ms))
            .condition_expression("attribute_not_exists(subject) OR lease_until < :now")
            .expression_attribute_values(":now", number(now_ms))
            .send()
            .await
            .unwrap();
        subject
    }

    /// Claim, effect, then the result, an entry and a total in one transaction.
    async fn by_hand_jointly(&self, table: &str) {
        let subject = self.claim_by_hand(table).await;
        let body = effect().to_string();
        let own = Update::builder()
            .table_name(table)
            .key("subject", text(&subject))
            .key("step", text("pr#shop"))
            .condition_expression("#state = :claimed AND taken_by = :owner")
            .update_expression("SET #state = :sealed, body = :body, settled_at = :now REMOVE lease_until")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":claimed", text("claimed"))
            .expression_attribute_values(":sealed", text("sealed"))
            .expression_attribute_values(":owner", text(REQUEST))
            .expression_attribute_values(":body", text(&body))
            .expression_attribute_values(":now", number(SystemClock.now_ms()))
            .build()
            .unwrap();
        let entry = Put::builder()
            .table_name("usage")
            .set_item(Some(self.entry(&subject)))
            .condition_expression("attribute_not_exists(org_period)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .build()
            .unwrap();
        let total = Update::builder()
            .table_name("usage")
            .set_key(Some(self.total(&subject)))
            .update_expression("ADD bugs :one")
            .expression_attribute_values(":one", number(1))
            .build()
            .unwrap();
        self.client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().update(own).build())
            .transact_items(TransactWriteItem::builder().put(entry).build())
            .transact_items(TransactWriteItem::builder().update(total).build())
            .send()
            .await
            .unwrap();
    }

    async fn guarded(&self) {
        let Decision::Run(claim) = self.invocation().claim(&self.work()).await.unwrap() else {
            return;
        };
        let acted = claim.act(probed(Nothing)).await.unwrap();
        black_box(acted.seal().await.unwrap());
    }

    async fn guarded_jointly(&self) {
        let work = self.work();
        let subject = work.key().subject().to_owned();
        let Decision::Run(claim) = self.invocation().claim(&work).await.unwrap() else {
            return;
        };
        let entry = Companion::entry("usage", "org_period", self.entry(&subject)).unwrap();
        let total = Companion::count("usage", self.total(&subject), &[("bugs", 1)], None).unwrap();
        let acted = claim.act(probed(Nothing)).await.unwrap();
        let joint = acted.seal_with(vec![entry, total]).await.unwrap();
        assert!(matches!(joint, Joint::OnRecord(_)));
    }

    async fn replay(&self, work: &Work) {
        let decision = self.invocation().claim(work).await.unwrap();
        assert!(matches!(decision, Decision::Replay(_)));
    }

    async fn sealed_work(&self) -> Work {
        let work = self.work();
        let Decision::Run(claim) = self.invocation().claim(&work).await.unwrap() else {
            return work;
        };
        claim.decide(effect()).seal().await.unwrap();
        work
    }

    fn entry(&self, subject: &str) -> Item {
        Item::from([
            ("org_period".to_owned(), text("acme#2026-11")),
            ("sk".to_owned(), text(&format!("entry#{subject}"))),
        ])
    }

    fn total(&self, subject: &str) -> Item {
        Item::from([
            ("org_period".to_owned(), text(&format!("total#{subject}"))),
            ("sk".to_owned(), text("total")),
        ])
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn figures(criterion: &mut Criterion, runtime: &Runtime) {
    let bench = runtime.block_on(Bench::new());
    let sealed = runtime.block_on(bench.sealed_work());
    let mut group = criterion.benchmark_group("step");
    group.sample_size(50).measurement_time(Duration::from_secs(3));
    group.bench_function("by hand", |b| {
        b.to_async(runtime).iter(|| bench.by_hand("ledger"))
    });
    group.bench_function("guarded", |b| b.to_async(runtime).iter(|| bench.guarded()));
    group.bench_function("guarded, replayed", |b| {
        b.to_async(runtime).iter(|| bench.replay(&sealed));
    });
    group.bench_function("by hand, with an entry and a total", |b| {
        b.to_async(runtime).iter(|| bench.by_hand_jointly("ledger"));
    });
    group.bench_function("guarded, with an entry and a total", |b| {
        b.to_async(runtime).iter(|| bench.guarded_jointly());
    });
    group.finish();
}

/// The median, over the turns, of the time of one kind of step to that of another; both go in every turn.
fn ratio(runtime: &Runtime, guarded: impl AsyncFn(&Bench), by_hand: impl AsyncFn(&Bench)) -> f64 {
    let bench = runtime.block_on(Bench::new());
    let mut ratios = Vec::new();
    for turn in 0..TURNS {
        // Each kind goes first in every other turn, so that neither always meets the smaller store.
        let early = (turn % 2 == 0).then(|| timed(runtime, &bench, &guarded));
        let by_hand = timed(runtime, &bench, &by_hand);
        let guarded = early.unwrap_or_else(|| timed(runtime, &bench, &guarded));
        ratios.push(guarded / by_hand);
    }
    ratios.sort_by(f64::total_cmp);
    ratios.get(TURNS / 2).copied().unwrap_or(f64::NAN)
}

/// How long a turn takes, in seconds.
fn timed(runtime: &Runtime, bench: &Bench, step: &impl AsyncFn(&Bench)) -> f64 {
    let started = WallTime.start();
    for _ in 0..STEPS {
        runtime.block_on(step(bench));
    }
    WallTime.end(started).as_secs_f64()
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut criterion = Criterion::default().configure_from_args();
    figures(&mut criterion, &runtime);
    criterion.final_summary();
    if !std::env::args().any(|argument| argument == "--bench") {
        return ExitCode::SUCCESS;
    }
    let guarded = async |b: &Bench| b.guarded().await;
    let jointly = async |b: &Bench| b.guarded_jointly().await;
    let step = ratio(&runtime, guarded, async |b| b.by_hand("ledger").await);
    let joint = ratio(&runtime, jointly, async |b| b.by_hand_jointly("ledger").await);
    let bare = ratio(&runtime, guarded, async |b| b.by_hand("bare").await);
    println!("guarded step / by hand in the same table: {step:.2}x (at most {RATIO_MAX:.2}x)");
    println!(
        "the same with an entry and a total in the seal's transaction: {joint:.2}x (at most {RATIO_MAX:.2}x)"
    );
    println!("guarded step / by hand in a table without an index: {bare:.2}x");
    if step <= RATIO_MAX && joint <= RATIO_MAX {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
