//! What starts a function: a queue, a schedule, or a call from outside.
//!
//! A property that is not understood is an error: what it asks for would run in the cloud and not here.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, SecondsFormat, Utc};
use serde_yaml_ng::Value;

use super::{Variable, variable, whole};

/// What the scheduler writes the time of a tick over.
const SCHEDULED_TIME: &str = "<aws.scheduler.scheduled-time>";

/// Messages of a batch where the template does not say. Source: Lambda's event source mappings for SQS.
const BATCH_SIZE_DEFAULT: u64 = 10;

/// A queue that drives a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Logical id of the queue.
    pub queue: String,
    /// Most messages of an invocation.
    pub batch_size: u64,
    /// How long a batch that is not full waits for more, in seconds.
    pub window_seconds: u64,
    /// Most invocations at once; as many as there are messages where none is named.
    pub concurrency_max: Option<u64>,
}

/// A call that is made again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// From one tick to the next, in ms.
    pub every_ms: u64,
    input: String,
}

impl Schedule {
    /// The event of the tick at `at_ms`.
    ///
    /// # Errors
    /// When the template's input is not JSON.
    pub fn input(&self, at_ms: u64) -> Result<serde_json::Value> {
        let at = i64::try_from(at_ms)
            .ok()
            .and_then(DateTime::<Utc>::from_timestamp_millis);
        let at = at.context("time is out of range")?;
        let text = self
            .input
            .replace(SCHEDULED_TIME, &at.to_rfc3339_opts(SecondsFormat::AutoSi, true));
        serde_json::from_str(&text).with_context(|| format!("input is not JSON: {text}"))
    }
}

/// What starts a function.
pub(super) enum Event {
    Messages(Source),
    Tick(Schedule),
    /// Over HTTP; which paths is the function's own business.
    Call,
}

/// Reads an event of a function.
pub(super) fn read(event: &Value) -> Result<Event> {
    let empty = Value::Null;
    let properties = event.get("Properties").unwrap_or(&empty);
    match event.get("Type").and_then(Value::as_str) {
        Some("SQS") => source(properties).map(Event::Messages),
        Some("Schedule" | "ScheduleV2") => schedule(properties).map(Event::Tick),
        Some("HttpApi") => Ok(Event::Call),
        other => bail!("events of type `{}` do not run here", other.unwrap_or("none")),
    }
}

fn source(properties: &Value) -> Result<Source> {
    only(
        properties,
        &[
            "Queue",
            "BatchSize",
            "MaximumBatchingWindowInSeconds",
            "FunctionResponseTypes",
            "ScalingConfig",
        ],
    )?;
    let Some(Variable::Arn(queue)) = properties.get("Queue").map(variable).transpose()? else {
        bail!("an event's Queue must be !GetAtt")
    };
    let answers = properties
        .get("FunctionResponseTypes")
        .and_then(Value::as_sequence);
    if !answers.is_some_and(|types| types == &[Value::from("ReportBatchItemFailures")]) {
        bail!("FunctionResponseTypes must be [ReportBatchItemFailures]");
    }
    Ok(Source {
        queue,
        batch_size: whole(properties, "BatchSize").unwrap_or(BATCH_SIZE_DEFAULT),
        window_seconds: whole(properties, "MaximumBatchingWindowInSeconds").unwrap_or(0),
        concurrency_max: properties
            .get("ScalingConfig")
            .and_then(|scaling| whole(scaling, "MaximumConcurrency")),
    })
}

fn schedule(properties: &Value) -> Result<Schedule> {
    only(properties, &["Name", "ScheduleExpression", "Input"])?;
    let text = |name: &str| {
        let value = properties.get(name).and_then(Value::as_str);
        value.with_context(|| format!("{name} is missing"))
    };
    let expression = text("ScheduleExpression")?;
    Ok(Schedule {
        every_ms: period_ms(expression)
            .with_context(|| format!("only rate(N minutes|hours|days) runs here, not `{expression}`"))?,
        input: text("Input")?.to_owned(),
    })
}

/// `rate(5 minutes)` in ms.
fn period_ms(expression: &str) -> Option<u64> {
    let rate = expression.strip_prefix("rate(")?.strip_suffix(')')?;
    let (count, unit) = rate.split_once(' ')?;
    let unit_ms = match unit {
        "minute" | "minutes" => 60_000,
        "hour" | "hours" => 3_600_000,
        "day" | "days" => 86_400_000,
        _ => return None,
    };
    let count = count.parse::<u64>().ok().filter(|count| *count > 0)?;
    count.checked_mul(unit_ms)
}

fn only(properties: &Value, known: &[&str]) -> Result<()> {
    let known: BTreeSet<&str> = known.iter().copied().collect();
    for (name, _) in properties.as_mapping().into_iter().flatten() {
        let name = name.as_str().context("a property's name is no text")?;
        if !known.contains(name) {
            bail!("property `{name}` is not understood");
        }
    }
    Ok(())
}
