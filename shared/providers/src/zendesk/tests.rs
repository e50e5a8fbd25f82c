use super::*;
use crate::canned::Canned;
use crate::text::{Html, Text};
use crate::transport::TransportError;

const TICKET: &str = r#"{"ticket":{"id":5158,"subject":"Cart total is wrong","requester_id":84,"updated_at":"2026-11-20T10:00:00Z","status":"open","via":{"channel":"web"}}}"#;
const UPDATED: &str = r#"{"ticket":{"id":5158},"audit":{"id":7,"ticket_id":5158,"author_id":8447,"metadata":{"custom":{"ratchet_effect":"e1"},"system":{}},"events":[{"id":10,"type":"Change"},{"id":11,"type":"Comment","public":false}]}}"#;

fn number() -> TicketNumber {
    TicketNumber::parse("5158").unwrap()
}

macro_rules! zendesk {
    ($canned:expr) => {
        Zendesk::new(
            $canned.wire(),
            "https://acme.zendesk.com/",
            "bot@acme.test",
            &Secret::new("tok"),
            "8447",
        )
    };
}

fn cause() -> Text<Html> {
    "<p>Root cause: \"x\"</p>".into()
}

fn request(cause: &Text<Html>) -> CommentRequest<'_> {
    CommentRequest {
        html_body: cause,
        public: false,
        updated_stamp: "2026-11-20T10:00:00Z",
        effect: "e1",
        tags: &["ratchet_rca"],
    }
}

#[tokio::test]
async fn a_ticket_is_read_with_every_page_of_its_conversation() {
    let canned = Canned::new(&[
        (200, TICKET),
        (
            200,
            r#"{"comments":[{"id":1,"author_id":84,"public":true,"plain_body":"It is wrong","body":"It **is** wrong"},
            {"id":2,"author_id":9,"public":false,"body":"Looking"}],
            "users":[{"id":84,"role":"end-user"},{"id":9,"role":"agent"}],"meta":{"has_more":true,"after_cursor":"c=="}}"#,
        ),
        (
            200,
            r#"{"comments":[{"id":3,"author_id":85,"public":true,"plain_body":"Me too"},{"id":4,"author_id":8447,"public":true,"plain_body":"Ours"}],
            "users":[{"id":85,"role":"end-user"},{"id":8447,"role":"end-user"}],"meta":{"has_more":false,"after_cursor":"d"}}"#,
        ),
    ]);
    let ticket = zendesk!(canned).ticket(&number()).await.unwrap();
    assert_eq!(ticket.subject, "Cart total is wrong");
    assert_eq!(ticket.version, "2026-11-20T10:00:00Z");
    assert_eq!(ticket.url, "https://acme.zendesk.com/agent/tickets/5158");
    assert_eq!(
        ticket.customer_text().collect::<Vec<_>>(),
        ["It is wrong", "Me too"]
    );
    assert_eq!(
        ticket
            .comments
            .iter()
            .map(|c| (c.from_customer, c.public))
            .collect::<Vec<_>>(),
        [(true, true), (false, false), (true, true), (false, true)]
    );
    assert_eq!(
        canned.lines(),
        [
            "GET https://acme.zendesk.com/api/v2/tickets/5158",
            "GET https://acme.zendesk.com/api/v2/tickets/5158/comments?sort=created_at&include=users&page%5Bsize%5D=100",
            "GET https://acme.zendesk.com/api/v2/tickets/5158/comments?sort=created_at&include=users&page%5Bsize%5D=100&page%5Bafter%5D=c%3D%3D",
        ]
    );
    assert_eq!(
        canned.headers("authorization")[0].as_deref(),
        Some("!Basic Ym90QGFjbWUudGVzdC90b2tlbjp0b2s=")
    );
}

#[tokio::test]
async fn a_version_is_the_ticket_as_it_is_now() {
    let canned = Canned::new(&[(200, TICKET)]);
    assert_eq!(
        zendesk!(canned).version(&number()).await.unwrap(),
        "2026-11-20T10:00:00Z"
    );
    assert_eq!(
        canned.lines(),
        ["GET https://acme.zendesk.com/api/v2/tickets/5158"]
    );
}

#[tokio::test]
async fn a_comment_is_posted_with_its_stamp_and_its_marker() {
    let canned = Canned::new(&[(200, UPDATED)]);
    let posted = zendesk!(canned)
        .post_comment(&number(), comment_body(&request(&cause())))
        .await
        .unwrap();
    assert_eq!(
        posted,
        CommentPosted {
            comment_id: "11".to_owned(),
            audit_id: "7".to_owned()
        }
    );
    assert_eq!(
        canned.lines(),
        ["PUT https://acme.zendesk.com/api/v2/tickets/5158"]
    );
    assert_eq!(
        canned.bodies(),
        [concat!(
            r#"{"ticket":{"comment":{"html_body":"<p>Root cause: \"x\"</p>","public":false},"additional_tags":["ratchet_rca"],"#,
            r#""metadata":{"ratchet_effect":"e1"},"safe_update":true,"updated_stamp":"2026-11-20T10:00:00Z"}}"#
        )]
    );
    assert_eq!(
        canned.headers("content-type")[0].as_deref(),
        Some("application/json; charset=utf-8")
    );
}

#[tokio::test]
async fn an_outdated_stamp_is_a_conflict_without_effect() {
    let body = r#"{"error":"UpdateConflict","description":"Safe Update prevented the update due to outdated ticket data."}"#;
    let canned = Canned::new(&[(409, body)]);
    let error = zendesk!(canned)
        .post_comment(&number(), comment_body(&request(&cause())))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        ProviderError::Conflict {
            call: call("post comment"),
            status: 409
        }
    );
    assert!(error.has_no_side_effects());
}

#[tokio::test]
async fn an_update_that_tells_no_comment_is_not_taken_for_one() {
    let canned = Canned::new(&[
        (200, r#"{"audit":{"id":7,"events":[]}}"#),
        (200, "{}"),
        (204, ""),
        (200, "<html>"),
    ]);
    for _ in 0..4 {
        let error = zendesk!(canned)
            .post_comment(&number(), String::new())
            .await
            .unwrap_err();
        assert!(!error.has_no_side_effects(), "{error}");
    }
}

#[tokio::test]
async fn an_effect_is_found_on_whatever_page_it_stands() {
    let first = r#"{"audits":[{"id":9,"metadata":{"custom":{"ratchet_effect":"e2"}},"events":[]},{"id":8,"metadata":{"custom":[]},"events":[{"id":1}]},{"id":6}],"meta":{"has_more":true,"after_cursor":"n"}}"#;
    let second = r#"{"audits":[{"id":7,"metadata":{"custom":{"ratchet_effect":"e1"}},"events":[{"id":11,"type":"Comment"}]}],"meta":{"has_more":true,"after_cursor":"m"}}"#;
    let canned = Canned::new(&[(200, first), (200, second)]);
    let found = zendesk!(canned).find_effect(&number(), "e1").await.unwrap();
    assert_eq!(
        found,
        Some(CommentPosted {
            comment_id: "11".to_owned(),
            audit_id: "7".to_owned()
        })
    );
    assert_eq!(canned.lines().len(), 2);
    let canned = Canned::new(&[(200, r#"{"audits":[],"meta":{"has_more":false}}"#)]);
    assert_eq!(zendesk!(canned).find_effect(&number(), "e1").await, Ok(None));
}

#[tokio::test]
async fn none_is_never_said_before_the_whole_list_was_read() {
    let more = r#"{"audits":[],"meta":{"has_more":true,"after_cursor":"n"}}"#;
    let canned = Canned::new(&[(200, more), (503, "")]);
    assert!(zendesk!(canned).find_effect(&number(), "e1").await.is_err());
    let stuck = Canned::new(&[(200, more), (200, more)]);
    assert!(matches!(
        zendesk!(stuck).find_effect(&number(), "e1").await,
        Err(ProviderError::Malformed { .. })
    ));
    let mut endless = Canned::default();
    for page in 0..70 {
        endless = endless.then(
            200,
            &[],
            format!(r#"{{"audits":[],"meta":{{"has_more":true,"after_cursor":"{page}"}}}}"#),
        );
    }
    let error = zendesk!(endless).find_effect(&number(), "e1").await.unwrap_err();
    assert!(matches!(error, ProviderError::TooLarge { what: "pages", .. }));
    let unmarked = Canned::new(&[(
        200,
        r#"{"audits":[{"id":7,"metadata":{"custom":{"ratchet_effect":"e1"}},"events":[]}]}"#,
    )]);
    assert!(zendesk!(unmarked).find_effect(&number(), "e1").await.is_err());
}

type Headers = &'static [(&'static str, &'static str)];

/// Status, headers, body; message.
const ANSWERS: &[(u16, Headers, &str, &str)] = &[
    (
        400,
        &[],
        r#"{"error":{"title":"Invalid attribute","message":".."}}"#,
        "refused status=`400` code=``",
    ),
    (
        401,
        &[],
        r#"{"error":"Couldn't authenticate you"}"#,
        "credentials are refused status=`401`",
    ),
    (403, &[], r#"{"error":"Forbidden"}"#, "not permitted status=`403`"),
    (
        404,
        &[],
        r#"{"error":"RecordNotFound"}"#,
        "not found status=`404`",
    ),
    (
        422,
        &[],
        r#"{"error":"RecordInvalid","details":{"base":[]}}"#,
        "refused status=`422` code=`RecordInvalid`",
    ),
    (429, &[("retry-after", "41")], "", "rate limited status=`429`"),
    (500, &[], "<html>", "provider failed status=`500`"),
    (503, &[("retry-after", "2")], "", "provider failed status=`503`"),
    (302, &[], "", "answer is not understood status=`302` code=``"),
];

#[tokio::test]
async fn every_answer_of_zendesk_has_its_meaning() {
    for (status, headers, body, message) in ANSWERS {
        let canned = Canned::default().then(*status, headers, body);
        let error = zendesk!(canned).ticket(&number()).await.unwrap_err();
        assert_eq!(error.to_string(), format!("zendesk read ticket: {message}"));
        assert_eq!(error.retry_after_ms().is_some(), !headers.is_empty());
    }
    let canned = Canned::default().then_fails(TransportError::Lost("timeout".to_owned()));
    assert!(
        !zendesk!(canned)
            .post_comment(&number(), String::new())
            .await
            .unwrap_err()
            .has_no_side_effects()
    );
}

#[tokio::test]
async fn changed_tickets_are_read_from_a_time_and_then_by_cursor() {
    let page = r#"{"tickets":[{"id":1,"updated_at":"2026-11-20T10:00:00Z","status":"open"}],"after_cursor":"MTU3","end_of_stream":true}"#;
    let canned = Canned::new(&[(200, page), (200, page)]);
    let changed = zendesk!(canned)
        .changed_tickets(&Since::Time(1_795_000_000))
        .await
        .unwrap();
    assert!(changed.end && changed.tickets[0].id == "1");
    zendesk!(canned)
        .changed_tickets(&Since::Cursor(changed.cursor.unwrap()))
        .await
        .unwrap();
    assert_eq!(
        canned.lines(),
        [
            "GET https://acme.zendesk.com/api/v2/incremental/tickets/cursor?start_time=1795000000",
            "GET https://acme.zendesk.com/api/v2/incremental/tickets/cursor?cursor=MTU3",
        ]
    );
}
