//! Alarms: what fails calls `replay` at once, and nothing fails without one.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use ratchet_domain::stage::Stage;
use ratchet_runtime::metric::ALL;
use serde_json::Value;

use super::cloud::{Cloud, list, pascal, target, text};
use crate::repository;

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

/// Words of the log that are counted and that no code writes yet; the list may only shrink.
const UNWRITTEN: [&str; 0] = [];

/// What is counted in the log of each function: the word in the log, and the metric.
fn counted(cloud: &Cloud) -> Result<Vec<(String, String, String)>> {
    let filters = cloud.resources("AWS::Logs::MetricFilter").into_values();
    let counted = filters.map(|filter| {
        let pattern = text(filter, "/Properties/FilterPattern").context("filter without a pattern")?;
        let word = pattern
            .strip_prefix("{ $.metric = \"")
            .and_then(|rest| rest.strip_suffix("\" }"));
        let metric = text(filter, "/Properties/MetricTransformations/0/MetricName")
            .context("filter without a metric")?;
        let group = filter
            .pointer("/Properties/LogGroupName")
            .map(target)
            .context("filter without a log")?;
        Ok((
            group,
            word.with_context(|| format!("pattern=`{pattern}`"))?.to_owned(),
            metric.to_owned(),
        ))
    });
    counted.collect()
}

#[test]
fn what_only_a_person_can_judge_has_an_alarm() -> Result<()> {
    let cloud = Cloud::read()?;
    let counted = counted(&cloud)?;
    let alarms = cloud.resources("AWS::CloudWatch::Alarm");
    let own = alarms
        .values()
        .filter(|alarm| text(alarm, "/Properties/Namespace") == Some("Ratchet"));
    let watched: BTreeSet<&str> = own
        .filter_map(|alarm| text(alarm, "/Properties/MetricName"))
        .collect();
    let counts: BTreeSet<&str> = counted.iter().map(|(_, _, metric)| metric.as_str()).collect();
    assert!(counts.is_subset(&watched), "counted and not watched: {counts:?}");
    let announced = ALL.map(|(name, _, _)| name);
    for name in watched.difference(&counts) {
        assert!(announced.contains(name), "nothing counts {name}");
    }
    let has = |group: &str, metric: &str| counted.iter().any(|(g, _, m)| g == group && m == metric);
    assert!(has("WebhookLogGroup", "EventIdReused"));
    assert!(has("ReplayLogGroup", "OldestUnfinishedSeconds"));
    for stage in Stage::ALL.map(|stage| pascal(stage.as_str())) {
        assert!(has(&format!("{stage}LogGroup"), "ContentConflict"), "{stage}");
    }
    Ok(())
}

#[test]
fn what_the_logs_count_is_written_by_the_code() -> Result<()> {
    let mut code = String::new();
    for folder in ["functions", "shared"] {
        for path in repository::files_below(folder)?
            .iter()
            .filter(|path| path.ends_with(".rs"))
        {
            code += &repository::read(path)?;
        }
    }
    let mut unwritten = BTreeSet::new();
    for (_, word, _) in counted(&Cloud::read()?)? {
        if !code.contains(&format!("metric = \"{word}\"")) {
            unwritten.insert(word);
        }
    }
    assert_eq!(
        unwritten,
        UNWRITTEN.map(str::to_owned).into(),
        "a word that is now written leaves the list"
    );
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
