//! What CloudWatch counts: one line of its embedded metric format each, written beside the log.
//!
//! A metric is a `tracing` event of the target [`TARGET`], so that whoever counts needs nothing handed in; the layer of
//! [`crate::telemetry`] prints it whatever the log's level, so no alarm goes quiet with the log. The guard writes its own the same way.

pub use ratchet_guard::metric::{LATE_RECEIPTS, PARKED, PROBES, REPLAYS, TARGET};

/// CloudWatch's namespace of all metrics here.
pub const NAMESPACE: &str = "Ratchet";

/// Webhooks whose event was recorded and handed over; by provider.
pub const ADMITTED: &str = "Admitted";
/// Webhooks whose event was known; by provider.
pub const DUPLICATES: &str = "Duplicates";
/// Entries written to the meter.
pub const BILLS: &str = "Bills";
/// Tokens of settled model steps, input and output; by model.
pub const MODEL_TOKENS: &str = "ModelTokens";
/// How long a stage worked on one message, in ms; by stage.
pub const STAGE_LATENCY: &str = "StageLatency";
/// Messages that wait, since their org or stage is paused or at a limit; by reason.
pub const HELD: &str = "Held";

/// Event ids that came again with another body.
pub const EVENT_ID_REUSED: &str = "EventIdReused";
/// Work whose key is on record over other content; by stage.
pub const CONTENT_CONFLICT: &str = "ContentConflict";
/// How long the oldest unfinished work has been past due, in seconds; 0 when nothing is.
pub const OLDEST_UNFINISHED: &str = "OldestUnfinishedSeconds";

/// What the scheduled comparison with the outside world found, or could not read; by kind.
pub const FINDINGS: &str = "Findings";

/// Every metric that is written in this format, with its unit and the dimension it is split by.
pub const ALL: [(&str, &str, &str); 14] = [
    (ADMITTED, "Count", "provider"),
    (DUPLICATES, "Count", "provider"),
    (REPLAYS, "Count", "stage"),
    (PROBES, "Count", "answer"),
    (PARKED, "Count", "reason"),
    (LATE_RECEIPTS, "Count", ""),
    (BILLS, "Count", ""),
    (MODEL_TOKENS, "Count", "model"),
    (STAGE_LATENCY, "Milliseconds", "stage"),
    (HELD, "Count", "reason"),
    (EVENT_ID_REUSED, "Count", ""),
    (CONTENT_CONFLICT, "Count", "stage"),
    (OLDEST_UNFINISHED, "Seconds", ""),
    (FINDINGS, "Count", "kind"),
];

/// Counts `value` of a metric, split by `of` where it is split.
pub fn count(name: &'static str, of: &str, value: u64) {
    ratchet_guard::metric::count(name, of, value);
}

/// One line of CloudWatch's embedded metric format; none for a name that is not in [`ALL`].
///
/// **Source**: `CloudWatch_Embedded_Metric_Format_Specification.html` of the CloudWatch documentation.
#[must_use]
pub fn line(name: &str, of: &str, value: u64, at_ms: u64) -> Option<String> {
    let (name, unit, by) = ALL.iter().find(|(known, _, _)| *known == name)?;
    // Without a split and with it: the total is what alarms look at.
    let split = !by.is_empty() && !of.is_empty();
    let dimensions = if split {
        serde_json::json!([[], [by]])
    } else {
        serde_json::json!([[]])
    };
    let mut line = serde_json::json!({
        "_aws": {
            "Timestamp": at_ms,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": dimensions,
                "Metrics": [{"Name": name, "Unit": unit}],
            }],
        },
        *name: value,
    });
    if split && let Some(fields) = line.as_object_mut() {
        fields.insert((*by).to_owned(), of.into());
    }
    Some(line.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_line_names_its_metric_its_unit_and_its_split() {
        let line: Value = serde_json::from_str(&line(PARKED, "not_found", 2, 7).unwrap()).unwrap();
        assert_eq!(line["_aws"]["Timestamp"], 7);
        let metrics = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(metrics["Namespace"], "Ratchet");
        assert_eq!(metrics["Dimensions"], serde_json::json!([[], ["reason"]]));
        assert_eq!(metrics["Metrics"][0]["Name"], "Parked");
        assert_eq!(
            (&line["Parked"], &line["reason"]),
            (&2.into(), &"not_found".into())
        );
    }

    #[test]
    fn a_name_that_nobody_announced_is_not_counted() {
        assert!(line("Surprises", "", 1, 1).is_none());
    }
}
