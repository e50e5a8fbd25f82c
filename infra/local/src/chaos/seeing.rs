//! What can be seen of a ticket's life: one trace over all queues, and the metrics that CloudWatch counts.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Once};

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::message::Envelope;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{CountedAttemptIds, ManualClock};
use ratchet_guard::effect::{accept_duplicates, call};
use ratchet_guard::timing::Timing;
use ratchet_guard::{Decision, Ledger, Outcome, Work, WorkKey};
use ratchet_runtime::serve::Function;
use ratchet_runtime::telemetry::Counts;
use ratchet_runtime::{metric, trace};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::controls::{control, hours, life, open, pass, world};
use super::hours::{Hours, printed};
use crate::demo::setup::{ORG, World, tickets};
use crate::demo::story::request;
use crate::stand::queue_of;

const MINUTE_MS: u64 = 60_000;

thread_local! {
    /// What was counted on this thread, which is one test's.
    static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Starts the one counter of the process. A counter of one test alone would miss some: whether a line of code counts at
/// all is remembered for the whole process, and the test beside it may be the first to reach it.
fn count_lines() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        let write = |line| LINES.with_borrow_mut(|lines| lines.push(line));
        let counts = Counts::to(write, Arc::new(ManualClock::at(7)));
        tracing_subscriber::registry().with(counts).init();
    });
}

#[tokio::test]
async fn one_ticket_is_one_trace_in_every_queue() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    let mut traces = BTreeSet::new();
    open(&mut hours, 1).context("ticket")?;
    // Each stage is held in turn, so that its message can be looked at in its queue.
    for stage in Stage::ALL {
        world
            .overwrite("*", &json!({"paused_stages": [stage.as_str()]}))
            .await?;
        pass(&mut hours, 1_800_000).await?;
        let found = world.cloud.aws.sqs.read(|state| {
            let messages = state.queues.values().flat_map(|queue| queue.messages.values());
            let mine = messages.filter_map(|message| {
                let envelope = Envelope::parse(stage, &message.body).ok()?;
                Some((envelope.trace, message.trace_header.clone()))
            });
            mine.collect::<Vec<_>>()
        });
        let (id, header) = found
            .first()
            .with_context(|| format!("{stage} holds no message"))?;
        let id = id.as_deref().context("no trace")?;
        assert_eq!(*header, trace::x_ray(id), "{stage}");
        traces.insert(id.to_owned());
    }
    assert_eq!(traces.len(), 1, "{traces:?}");
    Ok(())
}

#[tokio::test]
async fn a_life_is_counted_once_in_cloudwatchs_own_format() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    count_lines();
    LINES.take();
    open(&mut hours, 1).context("ticket")?;
    // The answer to the pull request is lost: the next attempt asks for it.
    world.watch.crash_at("pr#acme/shop");
    pass(&mut hours, 3_600_000).await?;
    let lines = LINES.take();
    let sum = |name: &str, of: Option<(&str, &str)>| {
        let lines = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let wanted =
            |line: &Value| of.is_none_or(|(by, of)| line.get(by).and_then(Value::as_str) == Some(of));
        lines
            .filter(wanted)
            .filter_map(|line| line.get(name)?.as_u64())
            .sum::<u64>()
    };
    assert_eq!(sum(metric::BILLS, None), 1);
    assert!(sum(metric::ADMITTED, Some(("provider", "zendesk"))) >= 1);
    assert_eq!(sum(metric::PROBES, Some(("answer", "found"))), 1);
    assert!(sum(metric::MODEL_TOKENS, None) > 0);
    Ok(())
}

/// Sends the message of a ticket's step to its stage once more.
async fn send_again(world: &World, ticket: u64, step: &str) -> Result<()> {
    let (_, rows) = life(world, ticket).await?;
    let row = rows.iter().find(|record| record.key.step().starts_with(step));
    let row = row.with_context(|| format!("no row of `{step}`"))?;
    let stage = Stage::from_name(&row.stage).context("no stage")?;
    let send = world.cloud.aws.link().sqs().send_message();
    send.queue_url(crate::sqs::Sqs::queue_url(&queue_of(stage)))
        .message_body(&row.message)
        .send()
        .await?;
    Ok(())
}

/// A row is bound to other content than its message asks for.
async fn rebind(world: &World, ticket: u64, step: &str) -> Result<()> {
    let (_, rows) = life(world, ticket).await?;
    let row = rows.iter().find(|record| record.key.step().starts_with(step));
    let key = row.with_context(|| format!("no row of `{step}`"))?.key.clone();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let update = world
        .cloud
        .aws
        .link()
        .dynamo()
        .update_item()
        .table_name("LedgerTable");
    let update = update
        .key("subject", text(key.subject()))
        .key("step", text(key.step()));
    update
        .update_expression("SET content = :other")
        .expression_attribute_values(":other", text("of another build"))
        .send()
        .await?;
    Ok(())
}

/// The ticket's first event comes once more, signed, with a body that has changed.
async fn reuse(hours: &Hours<'_>, ticket: u64) -> Result<()> {
    let now_ms = hours.world.now_ms();
    let delivery = hours.world.sandbox.read(|outside| {
        let mut event = outside.zendesk.events_of(ticket).next()?.clone();
        event.body.push(' ');
        Some(outside.zendesk.delivery(&event, now_ms, 9))
    });
    let event = request(ORG, &delivery.context("no event")?);
    let functions = hours.process.functions();
    let answer = functions.webhook.call(event, now_ms + MINUTE_MS).await;
    assert_eq!(answer.map_err(anyhow::Error::msg)?.status_code, 200);
    Ok(())
}

/// Two attempts at one effect, of which the first one's answer comes last.
async fn overtaken(world: &World) -> Result<()> {
    let work = Work::new(WorkKey::new("ticket#acme#zendesk#1", "late"), "c");
    let timing = Timing {
        request_life_ms_max: 0,
        lease_margin_ms: 0,
        backoff_ms_base: 0,
        backoff_ms_max: 0,
        attempts_max: 2,
    };
    let dynamo = world.cloud.aws.link().dynamo();
    let (clock, ids) = (world.clock.clone(), Arc::new(CountedAttemptIds::new("late")));
    let ledger = Ledger::new(dynamo, "LedgerTable", clock, ids, timing);
    let mut acted = Vec::new();
    for _ in 0..2 {
        let ledger = ledger.until(world.now_ms() + MINUTE_MS);
        let Decision::Run(claim) = ledger.claim(&work).await? else {
            bail!("it is claimed already");
        };
        let effect = call(|_| async { Outcome::Done(1) });
        acted.push(claim.act(accept_duplicates(effect, "a test")).await?);
        world.clock.advance(2 * MINUTE_MS);
    }
    while let Some(last) = acted.pop() {
        last.seal().await?;
    }
    Ok(())
}

/// Asks `reconcile`; how many things it found.
async fn compare(hours: &Hours<'_>, event: Value) -> Result<usize> {
    let deadline_ms = hours.world.now_ms() + 5 * MINUTE_MS;
    let plan = hours.process.functions().reconcile.call(event, deadline_ms).await;
    Ok(plan.map_err(anyhow::Error::msg)?.items.len())
}

#[tokio::test]
async fn what_the_schedule_finds_is_counted_once_a_tick_and_an_operators_plan_or_a_shadows_is_not()
-> Result<()> {
    let world = world().await?;
    let hours = hours(&world)?;
    count_lines();
    let sample = tickets()?;
    let first = sample.first().context("the sample is empty")?;
    // The desk has a ticket that no webhook tells of.
    world.open(first, 1);
    world.clock.advance(30 * MINUTE_MS);
    let tick = |at_ms| json!({"source": "schedule", "schedule": "reconcile", "time": printed(at_ms)});
    let found = || -> u64 {
        let lines = LINES.take();
        let lines = lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let mine = lines.filter(|line| line["kind"] == "ticket_unknown");
        mine.filter_map(|line| line[metric::FINDINGS].as_u64()).sum()
    };
    found();
    let at_ms = world.now_ms();
    // The sample's other org has the same desk.
    assert_eq!((compare(&hours, tick(at_ms)).await?, found()), (2, 2));
    assert_eq!(
        (compare(&hours, tick(at_ms)).await?, found()),
        (2, 0),
        "the same tick"
    );
    let operator = json!({"source": "operator", "id": "a"});
    assert_eq!((compare(&hours, operator).await?, found()), (2, 0));
    control(&world, json!({"effects": "shadow"})).await?;
    world.clock.advance(2 * MINUTE_MS);
    let at_ms = world.now_ms();
    assert_eq!((compare(&hours, tick(at_ms)).await?, found()), (2, 1));
    Ok(())
}

#[tokio::test]
async fn every_metric_that_is_announced_is_counted_while_a_deployment_works() -> Result<()> {
    let world = world().await?;
    let mut hours = hours(&world)?;
    count_lines();
    LINES.take();
    control(&world, json!({"paused": true})).await?;
    open(&mut hours, 1)?;
    pass(&mut hours, MINUTE_MS).await?;
    control(&world, json!({})).await?;
    world.watch.crash_at("pr#acme/shop");
    pass(&mut hours, 60 * MINUTE_MS).await?;
    hours.deliver(1);
    pass(&mut hours, MINUTE_MS).await?;
    reuse(&hours, 1).await?;
    send_again(&world, 1, "map#").await?;
    pass(&mut hours, MINUTE_MS).await?;
    rebind(&world, 1, "map#").await?;
    send_again(&world, 1, "map#").await?;
    pass(&mut hours, MINUTE_MS).await?;
    overtaken(&world).await?;
    let tick = json!({"source": "schedule", "schedule": "reconcile", "time": printed(world.now_ms())});
    compare(&hours, tick).await?;
    let counted: BTreeSet<String> = LINES
        .take()
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|line| {
            Some(
                line["_aws"]["CloudWatchMetrics"][0]["Metrics"][0]["Name"]
                    .as_str()?
                    .to_owned(),
            )
        })
        .collect();
    let announced: BTreeSet<String> = metric::ALL
        .iter()
        .map(|(name, _, _)| (*name).to_owned())
        .collect();
    assert_eq!(counted, announced);
    Ok(())
}
