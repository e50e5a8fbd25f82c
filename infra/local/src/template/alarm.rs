//! Alarms of the template: what they watch, how often they look, and which function they call.

use anyhow::{Context, Result, bail};
use serde_yaml_ng::Value;

use super::whole;

/// What stands before an alarm's own name.
const STACK: &str = "${AWS::StackName}-";

/// An alarm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Its name without the stack's, as the runbook has it.
    pub name: String,
    /// The metric's name.
    pub metric: String,
    /// What of it: the value of its dimension, or, where several are added up, of each of them. A resource is named by its
    /// logical id.
    pub of: Vec<String>,
    /// How long a look lasts, in ms.
    pub period_ms: u64,
    /// How many looks in a row have to be over the threshold.
    pub looks: u64,
    /// The greatest value that is normal.
    pub threshold: u64,
    /// Logical ids of the functions that it calls.
    pub calls: Vec<String>,
}

impl Alarm {
    /// Reads an alarm's properties.
    pub(super) fn read(properties: &Value) -> Result<Self> {
        let text = |value: &Value, name: &str| value.get(name).and_then(tagged_text);
        let name = text(properties, "AlarmName").context("AlarmName is missing")?;
        let name = name.strip_prefix(STACK).context("AlarmName lacks the stack's")?;
        if text(properties, "ComparisonOperator").as_deref() != Some("GreaterThanThreshold") {
            bail!("only GreaterThanThreshold is understood");
        }
        let sources = sources(properties)?;
        let (metric, period_ms) = match sources.first() {
            Some(first) => (first.metric.clone(), first.period_ms),
            None => bail!("it watches nothing"),
        };
        if sources
            .iter()
            .any(|source| source.metric != metric || source.period_ms != period_ms)
        {
            bail!("it adds up metrics of several names or periods");
        }
        let actions = properties.get("AlarmActions").and_then(Value::as_sequence);
        let calls = actions.into_iter().flatten().filter_map(tagged_text);
        Ok(Self {
            name: name.to_owned(),
            metric,
            of: sources.into_iter().filter_map(|source| source.of).collect(),
            period_ms,
            looks: whole(properties, "EvaluationPeriods").context("EvaluationPeriods is missing")?,
            threshold: whole(properties, "Threshold").context("Threshold is missing")?,
            calls: calls.map(resource).collect(),
        })
    }
}

/// One metric that an alarm watches.
struct Metric {
    metric: String,
    of: Option<String>,
    period_ms: u64,
}

fn sources(properties: &Value) -> Result<Vec<Metric>> {
    let Some(several) = properties.get("Metrics").and_then(Value::as_sequence) else {
        return Ok(vec![source(properties, properties)?]);
    };
    let stats = several.iter().filter_map(|one| one.get("MetricStat"));
    stats
        .map(|stat| source(stat.get("Metric").unwrap_or(&Value::Null), stat))
        .collect()
}

fn source(metric: &Value, timing: &Value) -> Result<Metric> {
    let name = metric.get("MetricName").and_then(Value::as_str);
    let dimensions = metric.get("Dimensions").and_then(Value::as_sequence);
    let mut values = dimensions
        .into_iter()
        .flatten()
        .filter_map(|dimension| dimension.get("Value").and_then(tagged_text));
    let (of, more) = (values.next(), values.next());
    if more.is_some() {
        bail!("a metric has more than one dimension");
    }
    let seconds = whole(timing, "Period").context("Period is missing")?;
    Ok(Metric {
        metric: name.context("MetricName is missing")?.to_owned(),
        of: of.map(resource),
        period_ms: seconds.saturating_mul(1000),
    })
}

/// A text, also that of `!Ref`, `!GetAtt` or `!Sub`.
fn tagged_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Tagged(tagged) => tagged.value.as_str().map(str::to_owned),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// The logical id before an attribute's name.
fn resource(text: String) -> String {
    match text.split_once('.') {
        Some((id, _attribute)) => id.to_owned(),
        None => text,
    }
}
