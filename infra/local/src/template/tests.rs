//! The template as it is read.

use ratchet_domain::stage::Stage;
use serde_json::json;

use super::Template;

/// Reads a template with one resource.
fn resource(text: &str) -> Result<Template, String> {
    Template::parse(&format!("Resources:\n{text}")).map_err(|error| format!("{error:#}"))
}

/// A function `f` with these events, a line each.
fn function(events: &str) -> Result<super::Function, String> {
    let head = "  F:\n    Type: AWS::Serverless::Function\n    Metadata: {BuildProperties: {Binary: f}}\n    Properties:\n      Timeout: 1\n      Environment: {Variables: {A: b}}\n      Events:\n";
    let template = resource(&format!("{head}        E: {events}\n"))?;
    Ok(template.functions["f"].clone())
}

#[test]
fn every_stage_has_its_function_and_its_queue_with_dead_letters() {
    let template = Template::of_this_build().unwrap();
    for stage in Stage::ALL {
        let function = &template.functions[stage.as_str()];
        let queue = &template.queues[&function.queue().unwrap()];
        assert!(queue.redrive.is_some(), "{stage}");
        let visibility: u64 = queue.attributes["VisibilityTimeout"].parse().unwrap();
        assert!(visibility >= 6 * function.timeout_seconds, "{stage}");
    }
    assert_eq!(template.tables["LedgerTable"].keys, ["subject", "step"]);
}

#[test]
fn a_value_of_an_unknown_shape_is_named() {
    let text = "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {BuildProperties: {Binary: f}}\n    Properties: {Timeout: 1, Environment: {Variables: {A: [1]}}}\n";
    let error = format!("{:#}", Template::parse(text).unwrap_err());
    assert!(
        error.contains("resource `F`") && error.contains("variable `A`"),
        "{error}"
    );
}

#[test]
fn every_setting_of_a_queue_is_taken_and_an_unknown_one_is_named() {
    let template = resource(
        "  Q:\n    Type: AWS::SQS::Queue\n    Properties:\n      QueueName: q\n      DelaySeconds: 3\n      SqsManagedSseEnabled: true\n      MessageRetentionPeriod: 60\n",
    )
    .unwrap();
    let attributes = &template.queues["Q"].attributes;
    assert_eq!(
        serde_json::to_value(attributes).unwrap(),
        json!({ "DelaySeconds": "3", "MessageRetentionPeriod": "60", "SqsManagedSseEnabled": "true" })
    );
    let unknown = resource("  Q:\n    Type: AWS::SQS::Queue\n    Properties: { Other: [1] }\n").unwrap_err();
    assert!(
        unknown.contains("`Q`") && unknown.contains("`Other`"),
        "{unknown}"
    );
}

#[test]
fn a_source_has_its_batch_its_window_and_its_concurrency() {
    let source = function(
        "{Type: SQS, Properties: {Queue: !GetAtt Q.Arn, BatchSize: 7, MaximumBatchingWindowInSeconds: 3, FunctionResponseTypes: [ReportBatchItemFailures], ScalingConfig: {MaximumConcurrency: 4}}}",
    );
    let source = source.unwrap().source.unwrap();
    assert_eq!(
        (
            source.queue.as_str(),
            source.batch_size,
            source.window_seconds,
            source.concurrency_max
        ),
        ("Q", 7, 3, Some(4))
    );
}

#[test]
fn an_event_that_would_run_otherwise_here_is_refused() {
    let queue = "Queue: !GetAtt Q.Arn, FunctionResponseTypes: [ReportBatchItemFailures]";
    for (events, named) in [
        (
            format!("{{Type: SQS, Properties: {{{queue}, FilterCriteria: x}}}}"),
            "FilterCriteria",
        ),
        (
            "{Type: SQS, Properties: {Queue: !GetAtt Q.Arn}}".to_owned(),
            "FunctionResponseTypes",
        ),
        ("{Type: S3, Properties: {}}".to_owned(), "S3"),
        (
            "{Type: ScheduleV2, Properties: {ScheduleExpression: cron(0 * * * ? *), Input: '{}'}}".to_owned(),
            "cron",
        ),
        (
            "{Type: ScheduleV2, Properties: {ScheduleExpression: rate(1 hour), Input: '{}', State: DISABLED}}"
                .to_owned(),
            "State",
        ),
    ] {
        let error = function(&events).unwrap_err();
        assert!(error.contains(named) && error.contains("event `E`"), "{error}");
    }
}

#[test]
fn a_schedule_says_when_and_what_it_calls_with() {
    let function = function(
        "{Type: ScheduleV2, Properties: {ScheduleExpression: rate(5 minutes), Input: '{\"time\":\"<aws.scheduler.scheduled-time>\"}'}}",
    );
    let schedule = function.unwrap().schedules["E"].clone();
    assert_eq!(schedule.every_ms, 300_000);
    assert_eq!(
        schedule.input(1_795_165_200_000).unwrap(),
        json!({ "time": "2026-11-20T09:00:00Z" })
    );
}
