use super::*;

const SHA: &str = "ec26c3e57ca3a959ca5aad62de7213c562f8c821";

fn read(event: &'static str, body: &str) -> Result<Delivery, EventError> {
    let header = |name: &str| match name {
        "x-github-event" => Some(event),
        "x-github-delivery" => Some("72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        _ => None,
    };
    parse(header, body.as_bytes())
}

fn closed(merged: bool) -> Value {
    json!({"action": "closed", "number": 7,
      "pull_request": {"number": 7, "state": "closed", "merged": merged, "merge_commit_sha": SHA,
        "merged_at": merged.then_some("2026-11-20T10:00:00Z"), "closed_at": "2026-11-20T10:00:01Z",
        "head": {"ref": "ratchet/b1", "sha": SHA}, "base": {"ref": "main", "sha": SHA}},
      "repository": {"id": 186853002, "full_name": "acme/shop"}})
}

#[test]
fn a_closed_pull_tells_whether_it_was_merged() {
    for merged in [true, false] {
        let Ok(Delivery::Repository(event)) = read("pull_request", &closed(merged).to_string()) else {
            panic!("an event")
        };
        assert_eq!((event.repo.as_str(), event.repo_id), ("acme/shop", 186_853_002));
        let outcome = if merged { "merged" } else { "closed" };
        assert_eq!(event.key(), format!("pull:7:{outcome}:{SHA}"));
        assert!(matches!(event.change, Change::PullClosed { merged: told, number: 7, .. } if told == merged));
    }
}

#[test]
fn a_closed_pull_tells_when_and_a_time_that_does_not_read_is_none() {
    let at = |body: &Value| match read("pull_request", &body.to_string()) {
        Ok(Delivery::Repository(Event {
            change: Change::PullClosed { at_ms, .. },
            ..
        })) => at_ms,
        other => panic!("{other:?}"),
    };
    assert_eq!(at(&closed(true)), Some(1_795_168_800_000));
    assert_eq!(at(&closed(false)), Some(1_795_168_801_000));
    for odd in [
        json!(null),
        json!("yesterday"),
        json!("1969-01-01T00:00:00Z"),
        json!(5),
    ] {
        let mut body = closed(true);
        body["pull_request"]["merged_at"] = odd;
        assert_eq!(at(&body), None, "{body}");
    }
}

#[test]
fn an_ended_check_suite_is_read() {
    let body = json!({"action": "completed",
      "check_suite": {"id": 118578147, "head_branch": null, "head_sha": SHA, "conclusion": "success", "pull_requests": [{"number": 7}, {"x": 1}]},
      "repository": {"id": 1, "full_name": "acme/shop"}});
    let Ok(Delivery::Repository(event)) = read("check_suite", &body.to_string()) else {
        panic!("an event")
    };
    assert_eq!(event.key(), format!("suite:118578147:success:{SHA}"));
    assert!(
        matches!(event.change, Change::CheckSuiteCompleted { head_branch: None, pulls, .. } if pulls == [7])
    );
}

#[test]
fn what_is_not_followed_is_ignored_by_name() {
    for (event, body, kind) in [
        ("ping", r#"{"zen":"x","hook_id":1}"#, "ping"),
        ("pull_request", r#"{"action":"opened"}"#, "pull_request.opened"),
        ("issues", r#"{"action":"closed"}"#, "issues.closed"),
    ] {
        assert_eq!(
            read(event, body),
            Ok(Delivery::Ignored {
                kind: kind.to_owned()
            })
        );
    }
}

#[test]
fn what_is_missing_is_named_by_its_path() {
    let without = |pointer: &str| {
        let mut body = closed(true);
        *body.pointer_mut(pointer).unwrap() = Value::Null;
        read("pull_request", &body.to_string())
            .unwrap_err()
            .path()
            .unwrap()
    };
    assert_eq!(without("/pull_request/number"), "pull_request.number");
    assert_eq!(without("/pull_request/merged"), "pull_request.merged");
    assert_eq!(without("/pull_request/head/sha"), "pull_request.head.sha");
    assert_eq!(without("/repository/full_name"), "repository.full_name");
    assert_eq!(parse(|_| None, b"{}").unwrap_err().path(), Some("x-github-event"));
}

proptest! {
    #[test]
    fn a_truncated_or_damaged_event_never_panics(cut in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = closed(true).to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let header = |name: &str| (name != "x-github-event").then_some("d").or(Some("pull_request"));
        drop(parse(header, &bytes));
        let cut = cut.index(bytes.len());
        prop_assert!(parse(header, &bytes[..cut]).is_err());
    }
}
