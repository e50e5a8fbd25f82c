use proptest::prelude::*;

use super::*;
use crate::canned::Canned;

const EMPTY: &str = r#"{"ok":true,"messages":[],"has_more":false}"#;

macro_rules! slack {
    ($canned:expr) => {
        Slack::new($canned.wire(), "https://slack.com/api", &Secret::new("xoxb-1"))
    };
}

#[tokio::test]
async fn a_message_is_posted_with_fixed_bytes_and_its_marker() {
    let canned = Canned::new(&[(
        200,
        r#"{"ok":true,"channel":"C123","ts":"1503435956.000247","message":{"text":"hi"}}"#,
    )]);
    let posted = slack!(canned)
        .post(message_body("C123", &"hi".into(), "a"))
        .await
        .unwrap();
    assert_eq!(
        posted,
        MessagePosted {
            channel: "C123".to_owned(),
            ts: "1503435956.000247".to_owned()
        }
    );
    assert_eq!(canned.lines(), ["POST https://slack.com/api/chat.postMessage"]);
    assert_eq!(
        canned.headers("authorization")[0].as_deref(),
        Some("!Bearer xoxb-1")
    );
    assert_eq!(
        canned.bodies(),
        [concat!(
            r#"{"channel":"C123","text":"hi","metadata":{"event_type":"ratchet","event_payload":{"effect":"a"}},"#,
            r#""client_msg_id":"e566d120-55fe-4517-b37a-5e60fe2eb3df","unfurl_links":false,"unfurl_media":false}"#
        )]
    );
}

#[tokio::test]
async fn a_message_is_found_on_whatever_page_it_stands() {
    let first = r#"{"ok":true,"messages":[{"ts":"3","text":"x"},{"ts":"2","metadata":{"event_type":"other","event_payload":{"effect":"e1"}}}],"has_more":true,"response_metadata":{"next_cursor":"bm=="}}"#;
    let second = r#"{"ok":true,"messages":[{"ts":"1.5","metadata":{"event_type":"ratchet","event_payload":{"effect":"e1"}}}],"has_more":false}"#;
    let canned = Canned::new(&[(200, first), (200, second)]);
    let found = slack!(canned)
        .find("C123", "e1", "1795255200.000000")
        .await
        .unwrap();
    assert_eq!(
        found,
        Some(MessagePosted {
            channel: "C123".to_owned(),
            ts: "1.5".to_owned()
        })
    );
    let base = "GET https://slack.com/api/conversations.history?channel=C123&oldest=1795255200.000000&inclusive=true&include_all_metadata=true&limit=100";
    assert_eq!(
        canned.lines(),
        [base.to_owned(), format!("{base}&cursor=bm%3D%3D")]
    );
    assert_eq!(
        slack!(Canned::new(&[(200, EMPTY)])).find("C1", "e1", "0").await,
        Ok(None)
    );
}

#[tokio::test]
async fn none_is_never_said_before_all_was_read() {
    let more = r#"{"ok":true,"messages":[],"has_more":true,"response_metadata":{"next_cursor":"n"}}"#;
    let broken = Canned::new(&[(200, more), (200, r#"{"ok":false,"error":"internal_error"}"#)]);
    assert!(slack!(broken).find("C1", "e1", "0").await.is_err());
    let stuck = Canned::new(&[(200, more), (200, more)]);
    assert!(matches!(
        slack!(stuck).find("C1", "e1", "0").await,
        Err(ProviderError::Malformed { .. })
    ));
    let lost = Canned::new(&[(200, r#"{"ok":true,"messages":[],"has_more":true}"#)]);
    assert!(slack!(lost).find("C1", "e1", "0").await.is_err());
    let mut endless = Canned::default();
    for page in 0..30 {
        let next = format!(
            r#"{{"ok":true,"messages":[],"has_more":true,"response_metadata":{{"next_cursor":"{page}"}}}}"#
        );
        endless = endless.then(200, &[], next);
    }
    assert!(matches!(
        slack!(endless).find("C1", "e1", "0").await,
        Err(ProviderError::TooLarge { .. })
    ));
}

/// Slack's code; message, retryable, surely without effect.
const ANSWERS: &[(&str, &str, bool, bool)] = &[
    ("ratelimited", "rate limited status=`200`", true, true),
    ("fatal_error", "provider failed status=`200`", true, false),
    ("internal_error", "provider failed status=`200`", true, false),
    ("request_timeout", "provider failed status=`200`", true, false),
    (
        "invalid_auth",
        "credentials are refused status=`200`",
        false,
        true,
    ),
    ("missing_scope", "not permitted status=`200`", false, true),
    (
        "channel_not_found",
        "refused status=`200` code=`channel_not_found`",
        false,
        true,
    ),
    (
        "not_in_channel",
        "refused status=`200` code=`not_in_channel`",
        false,
        true,
    ),
    (
        "duplicate_message_not_found",
        "answer is not understood status=`200` code=`duplicate_message_not_found`",
        true,
        false,
    ),
    (
        "something_new",
        "answer is not understood status=`200` code=`something_new`",
        true,
        false,
    ),
    (
        "not a code",
        "answer is not understood status=`200` code=``",
        true,
        false,
    ),
];

#[tokio::test]
async fn every_answer_of_slack_has_its_meaning() {
    for (code, message, retryable, no_effect) in ANSWERS {
        let canned = Canned::default().then(200, &[], format!(r#"{{"ok":false,"error":"{code}"}}"#));
        let error = slack!(canned).post(String::new()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("slack post message: {message}"));
        assert_eq!(
            (error.is_retryable(), error.has_no_side_effects()),
            (*retryable, *no_effect),
            "{code}"
        );
    }
    let limited = Canned::default().then(
        429,
        &[("retry-after", "30")],
        r#"{"ok":false,"error":"ratelimited"}"#,
    );
    assert_eq!(
        slack!(limited)
            .post(String::new())
            .await
            .unwrap_err()
            .retry_after_ms(),
        Some(30_000)
    );
    for (status, body) in [
        (200, ""),
        (200, "ok"),
        (200, r#"{"ok":true}"#),
        (302, ""),
        (503, ""),
    ] {
        let error = slack!(Canned::new(&[(status, body)]))
            .post(String::new())
            .await
            .unwrap_err();
        assert!(!error.has_no_side_effects(), "{error}");
    }
}

proptest! {
    #[test]
    fn any_history_never_panics(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let canned = Canned::default().then(200, &[], &body);
        prop_assert!(runtime.block_on(slack!(canned).find("C1", "e1", "0")).is_err());
    }
}
