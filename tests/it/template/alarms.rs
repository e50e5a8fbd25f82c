//! Alarms: what fails calls `replay` at once, and nothing fails without one.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use ratchet_domain::stage::Stage;
use ratchet_runtime::metric::{
    ALL, CONTENT_CONFLICT, EVENT_ID_REUSED, FINDINGS, LATE_RECEIPTS, OLDEST_UNFINISHED,
};
use serde_json::Value;

use super::cloud::{Cloud, list, pascal, target, text};

/// Whether an alarm of this metric watches the resource and calls `replay`.
fn watched(cloud: &Cloud, metric: &str, dimension: &str) -> bool {
    cloud
        .resources("AWS::CloudWatch::Alarm")
        .into_values()
        .any(|alarm| {
            let properties = alarm.pointer("/Properties").unwrap_or(alarm);
            let watches = list(properties, "/Dimensions")
                .into_iter()
                .filter_map(|item| item.get("Value"))
                .map(target);
            let calls = list(properties, "/AlarmActions")
                .into_iter()
                .map(target)
                .any(|action| action == "ReplayFunction");
            text(properties, "/MetricName") == Some(metric)
                && watches.into_iter().any(|id| id == dimension)
                && calls
        })
}

#[test]
fn every_dlq_and_every_waiting_message_calls_replay() -> Result<()> {
    let cloud = Cloud::read()?;
    for stage in Stage::ALL.map(|stage| pascal(stage.as_str())) {
        let dlq = format!("{stage}Dlq.QueueName");
        assert!(
            watched(&cloud, "ApproximateNumberOfMessagesVisible", &dlq),
            "no alarm on {dlq}"
        );
        let queue = format!("{stage}Queue.QueueName");
        assert!(
            watched(&cloud, "ApproximateAgeOfOldestMessage", &queue),
            "no alarm on {queue}"
        );
    }
    assert!(watched(&cloud, "5xx", "HttpApi"));
    Ok(())
}

#[test]
fn what_only_a_person_can_judge_has_an_alarm() -> Result<()> {
    let cloud = Cloud::read()?;
    let alarms = cloud.resources("AWS::CloudWatch::Alarm");
    let own = alarms
        .values()
        .filter(|alarm| text(alarm, "/Properties/Namespace") == Some("Ratchet"));
    let watched: BTreeSet<&str> = own
        .filter_map(|alarm| text(alarm, "/Properties/MetricName"))
        .collect();
    let announced = ALL.map(|(name, _, _)| name).into();
    let unknown: Vec<_> = watched.difference(&announced).collect();
    assert!(unknown.is_empty(), "nothing counts {unknown:?}");
    for name in [
        EVENT_ID_REUSED,
        CONTENT_CONFLICT,
        LATE_RECEIPTS,
        OLDEST_UNFINISHED,
        FINDINGS,
    ] {
        assert!(watched.contains(name), "nothing watches {name}");
    }
    Ok(())
}

/// A filter counts log lines, and a line is written only at the log's level: with `LogLevel: error` its alarm would sleep.
#[test]
fn no_alarm_depends_on_the_logs_level() -> Result<()> {
    let filters = Cloud::read()?.resources("AWS::Logs::MetricFilter").len();
    assert_eq!(filters, 0);
    Ok(())
}

#[test]
fn every_alarm_says_what_happened_and_tells_a_person_where_one_listens() -> Result<()> {
    for (id, alarm) in Cloud::read()?.resources("AWS::CloudWatch::Alarm") {
        assert!(
            text(alarm, "/Properties/AlarmDescription").is_some_and(|says| says.len() > 30),
            "{id}"
        );
        let actions = list(alarm, "/Properties/AlarmActions");
        let person = |action: &&Value| text(action, "/Fn::If/0") == Some("HasAlarmTopic");
        assert!(actions.iter().any(person), "{id} tells nobody");
    }
    Ok(())
}

#[test]
fn alarms_of_this_stack_may_call_replay() -> Result<()> {
    let cloud = Cloud::read()?;
    let permission = cloud.properties("ReplayAlarmPermission")?;
    assert_eq!(
        text(permission, "/Principal"),
        Some("lambda.alarms.cloudwatch.amazonaws.com")
    );
    assert_eq!(
        permission.pointer("/FunctionName").map(target).as_deref(),
        Some("ReplayFunction")
    );
    assert_eq!(
        permission.pointer("/SourceAccount").map(target).as_deref(),
        Some("AWS::AccountId")
    );
    let source = permission
        .pointer("/SourceArn")
        .map(target)
        .context("permission for any alarm of anybody")?;
    assert!(source.ends_with(":alarm:AWS::StackName-*"), "{source}");
    Ok(())
}

#[test]
fn healing_runs_on_a_schedule_that_names_its_tick() -> Result<()> {
    let cloud = Cloud::read()?;
    for (binary, name, schedule) in [
        ("replay", "Sweep", "sweep"),
        ("replay", "Resume", "resume"),
        ("reconcile", "Hourly", "reconcile"),
        ("seal-bills", "Hourly", "seal-bills"),
    ] {
        let event = cloud
            .function(binary)?
            .pointer(&format!("/Properties/Events/{name}"))
            .context("no schedule")?;
        assert_eq!(text(event, "/Type"), Some("ScheduleV2"), "{binary}");
        let input: Value = serde_json::from_str(text(event, "/Properties/Input").context("no input")?)?;
        assert_eq!(text(&input, "/source"), Some("schedule"), "{binary}");
        assert_eq!(text(&input, "/schedule"), Some(schedule), "{binary}");
        // The tick's own time, equal in every retry of the tick: what its deduplication keys on.
        assert_eq!(
            text(&input, "/time"),
            Some("<aws.scheduler.scheduled-time>"),
            "{binary}"
        );
    }
    Ok(())
}
