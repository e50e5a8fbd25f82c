use proptest::prelude::*;

use super::*;

const COMMENT_ADDED: &str = r#"{"type":"zen:event-type:ticket.comment_added","account_id":22129848,"id":"d4f5c389-8f4a-4c2e-a1b9-8e4f39c71d52",
 "time":"2025-01-08T14:25:30.123456789Z","zendesk_event_version":"2022-11-06","subject":"zen:ticket:5158",
 "detail":{"id":"5158","actor_id":"8447","requester_id":"84","status":"OPEN","updated_at":"2025-01-08T14:25:30Z","is_public":true},
 "event":{"comment":{"id":"98","body":"..","is_public":false,"author":{"id":"8447","is_staff":true,"name":".."}},"meta":{"sequence":{"id":"1"}}}}"#;

fn read(headers: &[(&'static str, &'static str)], body: &str) -> Result<Delivery, EventError> {
    parse(
        |name| {
            headers
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| *value)
        },
        body.as_bytes(),
    )
}

#[test]
fn an_event_is_read_by_its_fields() {
    let Delivery::Ticket(event) = read(&[], COMMENT_ADDED).unwrap() else {
        panic!("a ticket's event")
    };
    assert_eq!(
        (event.id.as_str(), event.account.as_str()),
        ("d4f5c389-8f4a-4c2e-a1b9-8e4f39c71d52", "22129848")
    );
    assert_eq!(
        (&event.kind, event.ticket.as_str()),
        (&Kind::CommentAdded, "5158")
    );
    assert_eq!(
        (event.is_public, event.is_staff, event.comment_id.as_deref()),
        (Some(false), Some(true), Some("98"))
    );
    assert!(event.is_by("8447") && !event.is_by("84"));
    let created = COMMENT_ADDED.replace("comment_added", "created");
    assert!(matches!(
        read(&[], &created),
        Ok(Delivery::Ticket(Event {
            kind: Kind::Created,
            ..
        }))
    ));
    let other = COMMENT_ADDED.replace("comment_added", "status_changed");
    assert!(matches!(
        read(&[], &other),
        Ok(Delivery::Ticket(Event {
            kind: Kind::Other(_),
            ..
        }))
    ));
    let user = COMMENT_ADDED.replace("ticket.comment_added", "user.created");
    assert_eq!(
        read(&[], &user),
        Ok(Delivery::Ignored {
            kind: "user.created".to_owned()
        })
    );
}

#[test]
fn a_trigger_is_known_by_its_invocation() {
    let headers = [
        ("x-zendesk-webhook-invocation-id", "01HF"),
        ("x-zendesk-account-id", "7"),
    ];
    for body in [
        r#"{"ticket_id":"5158"}"#,
        r#"{"ticket":{"id":5158}}"#,
        r#"{"ticket_id":5158,"ticket":{"id":1}}"#,
        r#"{"type":"incident","ticket_id":"5158"}"#,
        r#"{"type":7,"ticket":{"id":5158}}"#,
    ] {
        let Delivery::Ticket(event) = read(&headers, body).unwrap() else {
            panic!("a ticket's event")
        };
        assert_eq!(
            (event.id.as_str(), event.account.as_str(), &event.kind),
            ("01HF", "7", &Kind::Trigger)
        );
        assert_eq!(event.ticket.as_str(), "5158");
    }
    assert!(
        matches!(read(&headers[..1], r#"{"ticket_id":1}"#), Ok(Delivery::Ticket(event)) if event.account == "-")
    );
}

#[test]
fn what_is_missing_is_named_by_its_path() {
    for (change, path) in [
        (
            (r#""id":"d4f5c389-8f4a-4c2e-a1b9-8e4f39c71d52""#, r#""x":0"#),
            "id",
        ),
        ((r#""account_id":22129848"#, r#""account_id":null"#), "account_id"),
        (
            (r#""detail":{"id":"5158""#, r#""detail":{"id":"51/58""#),
            "detail.id",
        ),
        ((r#""detail":{"id":"5158""#, r#""detail":{"x":0"#), "detail.id"),
        (
            (r#""type":"zen:event-type:ticket.comment_added""#, r#""type":7"#),
            "type",
        ),
    ] {
        let error = read(&[], &COMMENT_ADDED.replace(change.0, change.1)).unwrap_err();
        assert_eq!(error.path(), Some(path), "{error}");
    }
    let invocation = [("x-zendesk-webhook-invocation-id", "01HF")];
    assert_eq!(read(&invocation, "{}").unwrap_err().path(), Some("ticket_id"));
    assert_eq!(
        read(&[], r#"{"ticket_id":1}"#).unwrap_err().path(),
        Some("x-zendesk-webhook-invocation-id")
    );
    assert!(matches!(read(&invocation, "{"), Err(EventError::NotJson { .. })));
    assert_eq!(read(&invocation, "[]").unwrap_err().path(), Some("ticket_id"));
}

proptest! {
    #[test]
    fn a_truncated_or_damaged_event_never_panics(cut in 0..COMMENT_ADDED.len(), at in 0..COMMENT_ADDED.len(), byte in any::<u8>()) {
        let mut bytes = COMMENT_ADDED.as_bytes().to_vec();
        bytes[at] = byte;
        drop(parse(|_| None, &bytes));
        bytes.truncate(cut);
        prop_assert!(parse(|_| None, &bytes).is_err());
    }
}
