use proptest::prelude::*;

use super::*;
use crate::canned::Canned;

const CONVERSATION: &str = r#"{"type":"conversation","id":"123","title":null,"created_at":1795000000,"updated_at":1795000100,
 "source":{"type":"conversation","id":"s1","subject":"Cart","body":"It is wrong","author":{"type":"user","id":"u1","email":"jo@acme.test"}},
 "conversation_parts":{"type":"conversation_part.list","total_count":4,"conversation_parts":[
  {"id":"1","part_type":"comment","body":"Looking\nref e1","created_at":1795000010,"author":{"type":"admin","id":"9"}},
  {"id":"2","part_type":"assignment","body":null,"created_at":1795000020,"author":{"type":"bot","id":5}},
  {"id":"3","part_type":"note","body":"Root cause\n\nref e1","created_at":1795000030,"author":{"type":"admin","id":"3156780"}},
  {"id":"4","part_type":"comment","body":"Me too\nref e1","created_at":1795000040,"author":{"type":"lead","id":"u2"}}]}}"#;

fn number() -> TicketNumber {
    TicketNumber::parse("123").unwrap()
}

macro_rules! intercom {
    ($canned:expr) => {
        Intercom::new(
            $canned.wire(),
            "https://api.intercom.io",
            &Secret::new("tok"),
            "3156780",
        )
    };
}

#[tokio::test]
async fn a_conversation_is_read_as_a_ticket() {
    let canned = Canned::new(&[(200, CONVERSATION)]);
    let ticket = intercom!(canned).conversation(&number()).await.unwrap();
    assert_eq!(
        (ticket.subject.as_str(), ticket.version.as_str()),
        ("Cart", "1795000100")
    );
    assert_eq!(
        ticket.url,
        "https://app.intercom.com/a/inbox/_/inbox/conversation/123"
    );
    assert_eq!(
        ticket.customer_text().collect::<Vec<_>>(),
        ["It is wrong", "Me too\nref e1"]
    );
    assert_eq!(
        ticket.comments.iter().map(|c| c.public).collect::<Vec<_>>(),
        [true, true, false, true]
    );
    assert_eq!(
        canned.lines(),
        ["GET https://api.intercom.io/conversations/123?display_as=plaintext"]
    );
    assert_eq!(canned.headers("intercom-version")[0].as_deref(), Some("2.14"));
    assert_eq!(canned.headers("authorization")[0].as_deref(), Some("!Bearer tok"));
}

#[tokio::test]
async fn a_note_ends_in_its_visible_line_and_is_known_by_it() {
    let body = reply_body(&ReplyRequest {
        html_body: &"<p>Cause</p>".into(),
        public: false,
        admin_id: "3156780",
        effect: "a&b",
    });
    assert_eq!(
        body,
        r#"{"message_type":"note","type":"admin","admin_id":"3156780","body":"<p>Cause</p><p>ref a&amp;b</p>"}"#
    );
    let posted = CONVERSATION.replace(r"Root cause\n\nref e1", "<p>Cause</p><p>ref a&amp;b</p>");
    let canned = Canned::new(&[(200, &posted), (200, CONVERSATION)]);
    let reply = intercom!(canned)
        .reply(&number(), "a&b", body.clone())
        .await
        .unwrap();
    assert_eq!(
        reply,
        ReplyPosted {
            part_id: "3".to_owned()
        }
    );
    assert_eq!(
        canned.lines(),
        ["POST https://api.intercom.io/conversations/123/reply"]
    );
    assert_eq!(canned.bodies(), [body]);
    let unseen = intercom!(canned)
        .reply(&number(), "a&b", String::new())
        .await
        .unwrap_err();
    assert!(!unseen.has_no_side_effects());
}

#[tokio::test]
async fn only_our_own_part_proves_an_effect() {
    let canned = Canned::new(&[(200, CONVERSATION), (200, CONVERSATION)]);
    let found = intercom!(canned).find_reply(&number(), "e1", 0).await.unwrap();
    assert_eq!(
        found,
        Some(ReplyPosted {
            part_id: "3".to_owned()
        })
    );
    assert_eq!(intercom!(canned).find_reply(&number(), "e", 0).await, Ok(None));
}

#[tokio::test]
async fn none_is_not_said_of_parts_that_are_not_shown() {
    let long = CONVERSATION.replace(r#""total_count":4"#, r#""total_count":504"#);
    let canned = Canned::new(&[(200, &long), (200, &long), (200, &long), (200, &long)]);
    let client = intercom!(canned).conversation(&number()).await;
    assert!(matches!(
        client,
        Err(ProviderError::TooLarge { what: "parts", .. })
    ));
    assert!(
        intercom!(canned)
            .find_reply(&number(), "e1", 1_795_000_000)
            .await
            .unwrap()
            .is_some()
    );
    assert!(
        intercom!(canned)
            .find_reply(&number(), "e2", 1_795_000_000)
            .await
            .is_err()
    );
    assert_eq!(
        intercom!(canned).find_reply(&number(), "e2", 1_795_000_011).await,
        Ok(None)
    );
}

#[tokio::test]
async fn changed_conversations_are_searched_page_by_page() {
    let page = r#"{"type":"conversation.list","pages":{"next":{"page":2,"starting_after":"W1"}},"conversations":[{"id":"1","updated_at":7}]}"#;
    let canned = Canned::new(&[
        (200, page),
        (200, r#"{"conversations":[],"pages":{"next":null}}"#),
    ]);
    let first = intercom!(canned).changed_conversations(5, None).await.unwrap();
    assert_eq!(
        first.conversations,
        [ChangedConversation {
            id: "1".to_owned(),
            updated_at_s: 7
        }]
    );
    let last = intercom!(canned)
        .changed_conversations(5, first.cursor.as_deref())
        .await
        .unwrap();
    assert_eq!(last.cursor, None);
    assert_eq!(
        canned.bodies()[1],
        concat!(
            r#"{"query":{"field":"updated_at","operator":">","value":5},"pagination":{"per_page":150,"starting_after":"W1"},"#,
            r#""sort_field":"updated_at","sort_order":"ascending"}"#
        )
    );
}

/// Status, code; message.
const ANSWERS: &[(u16, &str, &str)] = &[
    (
        400,
        "parameter_invalid",
        "refused status=`400` code=`parameter_invalid`",
    ),
    (401, "unauthorized", "credentials are refused status=`401`"),
    (403, "api_plan_restricted", "not permitted status=`403`"),
    (404, "not_found", "not found status=`404`"),
    (429, "rate_limit_exceeded", "rate limited status=`429`"),
    (500, "server_error", "provider failed status=`500`"),
];

#[tokio::test]
async fn every_answer_of_intercom_has_its_meaning() {
    for (status, code, message) in ANSWERS {
        let body = format!(
            r#"{{"type":"error.list","request_id":"r","errors":[{{"code":"{code}","message":"jo@acme.test"}}]}}"#
        );
        let canned = Canned::default().then(*status, &[("x-ratelimit-reset", "1795255210")], body);
        let error = intercom!(canned).conversation(&number()).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("intercom read conversation: {message}")
        );
        assert_eq!(error.retry_after_ms(), (*status == 429).then_some(10_000));
    }
}

const REPLIED: &str = r#"{"type":"notification_event","app_id":"abc","id":"notif_16529174-4b01-4df1-bb25-dfd58b979095","topic":"conversation.user.replied",
 "data":{"type":"notification_event_data","item":{"type":"conversation","id":"123","source":{"body":"<p>..</p>","author":{"type":"user"}},
 "conversation_parts":{"conversation_parts":[{"id":"77","author":{"type":"user","id":"u1"}}]}}},"delivery_attempts":1}"#;

#[test]
fn an_event_is_read_by_its_topic() {
    let Ok(Delivery::Conversation(event)) = parse(REPLIED.as_bytes()) else {
        panic!("a conversation's event")
    };
    assert_eq!(
        (event.id.as_str(), event.account.as_str()),
        ("notif_16529174-4b01-4df1-bb25-dfd58b979095", "abc")
    );
    assert_eq!(
        (&event.kind, event.conversation.as_str(), event.part_id.as_deref()),
        (&Kind::UserReplied, "123", Some("77"))
    );
    assert!(event.is_by("u1") && !event.is_by("3156780"));
    let ping = br#"{"type":"notification_event","topic":"ping"}"#;
    assert_eq!(
        parse(ping),
        Ok(Delivery::Ignored {
            kind: "ping".to_owned()
        })
    );
    let noted = REPLIED.replace("user.replied", "admin.noted");
    assert!(matches!(
        parse(noted.as_bytes()),
        Ok(Delivery::Conversation(Event {
            kind: Kind::Other(_),
            ..
        }))
    ));
    for (from, to, path) in [
        (r#""topic""#, r#""x""#, "topic"),
        (r#""id":"123""#, r#""x":0"#, "data.item.id"),
        (r#""app_id""#, r#""x""#, "app_id"),
        (
            r#""id":"notif_16529174-4b01-4df1-bb25-dfd58b979095""#,
            r#""id":[]"#,
            "id",
        ),
    ] {
        assert_eq!(
            parse(REPLIED.replace(from, to).as_bytes()).unwrap_err().path(),
            Some(path)
        );
    }
}

proptest! {
    #[test]
    fn a_truncated_or_damaged_event_never_panics(cut in 0..REPLIED.len(), at in 0..REPLIED.len(), byte in any::<u8>()) {
        let mut bytes = REPLIED.as_bytes().to_vec();
        bytes[at] = byte;
        drop(parse(&bytes));
        bytes.truncate(cut);
        prop_assert!(parse(&bytes).is_err());
    }
}
