use serde_json::json;

use super::*;

fn example(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn trigger(event: &Value) -> Trigger {
    match read(event) {
        Ok(Reading::Act(trigger)) => trigger,
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_example_event_is_understood() {
    let direct = example(include_str!("../../../../infra/events/replay.json"));
    let wrapped = example(include_str!("../../../../infra/events/replay-sns.json"));
    let schedule = example(include_str!("../../../../infra/events/replay-schedule.json"));
    let operator = example(include_str!("../../../../infra/events/replay-operator.json"));
    assert_eq!(trigger(&direct), trigger(&wrapped), "one alarm on two ways");
    assert_eq!(trigger(&direct).work(), trigger(&wrapped).work());
    assert!(trigger(&direct).may_resume(Mend::Retry));
    assert!(!trigger(&direct).may_resume(Mend::MendThenRetry));
    assert!(!trigger(&schedule).resumes());
    assert!(trigger(&operator).may_resume(Mend::MendThenRetry));
    assert!(trigger(&operator).has_stage(Stage::OpenPr) && !trigger(&operator).has_stage(Stage::Map));
}

#[test]
fn an_alarm_that_is_over_asks_for_nothing() {
    let mut alarm = example(include_str!("../../../../infra/events/replay.json"));
    for state in ["OK", "INSUFFICIENT_DATA"] {
        alarm["alarmData"]["state"]["value"] = json!(state);
        assert!(matches!(read(&alarm), Ok(Reading::Ignore(why)) if why.contains(state)));
    }
}

#[test]
fn two_prints_of_one_time_are_one_trigger_and_two_times_are_two() {
    let tick = |time: &str| trigger(&json!({"source": "schedule", "schedule": "sweep", "time": time})).work();
    assert_eq!(tick("2026-01-15T10:00:00Z"), tick("2026-01-15T10:00:00.000+0000"));
    assert_eq!(tick("2026-01-15T10:00:00Z"), tick("2026-01-15T11:00:00+01:00"));
    assert_ne!(tick("2026-01-15T10:00:00Z"), tick("2026-01-15T10:05:00Z"));
}

#[test]
fn what_is_of_no_known_shape_is_refused_with_what_was_wrong() {
    let cases = [
        (json!(null), "no known shape"),
        (json!([]), "no known shape"),
        (json!({}), "no known shape"),
        (json!({"source": "aws.s3"}), "no known shape"),
        (json!({"Records": []}), "no known shape"),
        (json!({"Records": [{"body": "{}"}]}), "no known shape"),
        (
            json!({"Records": [{"Sns": {"Message": "{}"}}, {"Sns": {"Message": "{}"}}]}),
            "no known shape",
        ),
        (
            json!({"Records": [{"Sns": {"Message": "ALARM!"}}]}),
            "/Records/0/Sns/Message",
        ),
        (json!({"Records": [{"Sns": {"Message": "{}"}}]}), "/AlarmArn"),
        (json!({"source": "aws.cloudwatch"}), "/alarmArn"),
        (json!({"source": "aws.cloudwatch", "alarmArn": 7}), "/alarmArn"),
        (json!({"source": "schedule", "schedule": "sweep"}), "/time"),
        (
            json!({"source": "schedule", "schedule": "sweep", "time": "now"}),
            "/time",
        ),
        (
            json!({"source": "schedule", "schedule": "", "time": "2026-01-15T10:00:00Z"}),
            "/schedule",
        ),
        (json!({"source": "operator"}), "id"),
        (json!({"source": "operator", "id": ""}), "/id"),
        (json!({"source": "operator", "id": "x".repeat(513)}), "/id"),
        (json!({"source": "operator", "id": "a", "ogr": "acme"}), "ogr"),
        (
            json!({"source": "operator", "id": "a", "org": "a#b"}),
            "request does not read",
        ),
        (
            json!({"source": "operator", "id": "a", "stage": "bill"}),
            "/stage",
        ),
        (
            json!({"source": "operator", "id": "a", "org": "acme", "redrive": true}),
            "/redrive",
        ),
    ];
    for (event, says) in cases {
        let error = read(&event).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(says), "{event}: {error}");
    }
}

#[test]
fn an_alarm_in_no_known_state_or_without_an_arn_is_refused() {
    let alarm = example(include_str!("../../../../infra/events/replay.json"));
    for (field, value) in [
        ("/alarmData/state/value", "LOUD"),
        ("/alarmArn", "ratchet-map-dlq-depth"),
    ] {
        let mut bad = alarm.clone();
        *bad.pointer_mut(field).unwrap() = json!(value);
        assert!(matches!(read(&bad), Err(TriggerError::Bad { .. })), "{field}");
    }
}

#[test]
fn one_id_with_another_request_is_other_content() {
    let ask = |stage: &str| trigger(&json!({"source": "operator", "id": "a", "stage": stage})).work();
    assert_eq!(ask("map").key(), ask("open-pr").key());
    assert_ne!(ask("map"), ask("open-pr"));
}

#[test]
fn a_trigger_is_read_back_from_its_row() {
    let asked =
        trigger(&json!({"source": "operator", "id": "a", "org": "acme", "stage": "map", "resume": false}));
    let message = serde_json::to_string(&asked).unwrap();
    assert_eq!(Trigger::of_message(&message), Some(asked));
    assert_eq!(Trigger::of_message("{}"), None);
}
