//! What can be seen of a ticket's life: one trace over all queues, and the metrics that CloudWatch counts.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Arc, Once};

use anyhow::{Context, Result};
use ratchet_domain::message::Envelope;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::ManualClock;
use ratchet_runtime::telemetry::Counts;
use ratchet_runtime::{metric, trace};
use serde_json::{Value, json};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::controls::{hours, open, pass, world};

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
