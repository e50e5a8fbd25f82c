//! The contract's table of answers: senders who are proved.

use serde_json::{Value, json};

use crate::line::Fault;
use crate::post::{NOW, Post, comment, created, event, notification};
use crate::world::{Told, World, acme};

/// Sends the post to a fresh world and sees that nothing was recorded or enqueued.
pub(crate) async fn refused(case: &str, post: &Post) -> Told {
    let world = World::new().await;
    let told = world.send(post).await;
    let calls = world.dynamo.calls();
    assert!(calls.iter().all(|call| call == "GetItem"), "{case}: {calls:?}");
    assert_eq!(world.sqs.calls(), Vec::<String>::new(), "{case}");
    assert_eq!(world.messages(), Vec::<String>::new(), "{case}");
    told
}

pub(crate) fn reason(reason: &str) -> Value {
    json!({ "status": "error", "reason": reason })
}

#[tokio::test]
async fn work_is_accepted_and_named() {
    let trigger = r#"{"ticket_id":"5158","title":"Export fails"}"#;
    let cases = [
        ("creation", created("e-1")),
        (
            "a customer's comment",
            Post::zendesk(comment("e-1", true, false, "8447388090495").to_string()),
        ),
        ("a trigger", Post::zendesk(trigger)),
        (
            "a trigger with a number",
            Post::zendesk(r#"{"ticket":{"id":5158}}"#),
        ),
        ("base64", created("e-1").in_base64()),
        (
            "a charset",
            created("e-1").with("content-type", "application/json; charset=utf-8"),
        ),
        (
            "a content type in capitals",
            created("e-1").with("content-type", "Application/JSON"),
        ),
        (
            "a signature five minutes old",
            created("e-1").signed_at("2026-01-15T09:55:00Z"),
        ),
    ];
    for (case, post) in cases {
        let told = World::new().await.send(&post).await;
        let expected = json!({ "status": "accepted", "work": "ticket#acme#zendesk#5158" });
        assert_eq!((told.code, told.json()), (200, expected), "{case}");
    }
}

#[tokio::test]
async fn a_conversation_of_intercom_is_accepted_and_named() {
    for topic in ["conversation.user.created", "conversation.user.replied"] {
        let post = Post::intercom(notification(topic, "notif_1", "123").to_string());
        let told = World::new().await.send(&post).await;
        let expected = json!({ "status": "accepted", "work": "ticket#acme#intercom#123" });
        assert_eq!((told.code, told.json()), (200, expected), "{topic}");
    }
}

#[tokio::test]
async fn header_names_count_in_any_case() {
    let post = created("e-1");
    let world = World::new().await;
    let mut shouted = post.clone();
    shouted.headers = post
        .headers
        .iter()
        .map(|(name, value)| (name.to_uppercase(), value.clone()))
        .collect();
    assert_eq!(world.send(&shouted).await.status(), "accepted");
}

#[tokio::test]
async fn what_nobody_acts_on_at_zendesk_is_ignored() {
    let mut created_by_us = event("ticket.created", "e-1", "5158");
    created_by_us["detail"]["actor_id"] = "8447".into();
    let cases = [
        (
            "tags",
            Post::zendesk(event("ticket.tags_changed", "e-1", "5158").to_string()),
            "ticket.tags_changed",
        ),
        (
            "a user's event",
            Post::zendesk(event("user.created", "e-1", "5158").to_string()),
            "user.created",
        ),
        (
            "an internal comment",
            Post::zendesk(comment("e-1", false, true, "7").to_string()),
            "internal comment",
        ),
        (
            "a comment by staff",
            Post::zendesk(comment("e-1", true, true, "7").to_string()),
            "staff comment",
        ),
        (
            "our own comment",
            Post::zendesk(comment("e-1", true, false, "8447").to_string()),
            "our own change",
        ),
        (
            "our own ticket",
            Post::zendesk(created_by_us.to_string()),
            "our own change",
        ),
        (
            "our own trigger",
            Post::zendesk(r#"{"ticket_id":1,"actor_id":"8447"}"#),
            "our own change",
        ),
    ];
    for (case, post, why) in cases {
        let told = refused(case, &post).await;
        let expected = json!({ "status": "ignored", "reason": why });
        assert_eq!((told.code, told.json()), (200, expected), "{case}");
    }
}

#[tokio::test]
async fn what_nobody_acts_on_at_other_vendors_is_ignored() {
    let mut ours = notification("conversation.user.replied", "n-1", "123");
    ours["data"]["item"]["conversation_parts"]["conversation_parts"] =
        json!([{ "id": "9", "author": { "type": "admin", "id": "3156780" } }]);
    let cases = [
        (
            "a ping of GitHub",
            Post::github("ping", r#"{"zen":"Keep it logically awesome."}"#),
            "ping",
        ),
        (
            "an issue of GitHub",
            Post::github("issues", r#"{"action":"opened"}"#),
            "issues.opened",
        ),
        (
            "an admin's note",
            Post::intercom(notification("conversation.admin.noted", "n-1", "123").to_string()),
            "conversation.admin.noted",
        ),
        (
            "our own reply",
            Post::intercom(ours.to_string()),
            "our own change",
        ),
        (
            "a ping of Intercom",
            Post::intercom(r#"{"type":"notification_event","topic":"ping"}"#),
            "ping",
        ),
    ];
    for (case, post, why) in cases {
        let told = refused(case, &post).await;
        let expected = json!({ "status": "ignored", "reason": why });
        assert_eq!((told.code, told.json()), (200, expected), "{case}");
    }
}

#[tokio::test]
async fn a_body_that_says_too_little_is_refused_with_the_field() {
    let without = |pointer: &str, field: &str| {
        let mut body = event("ticket.created", "e-1", "5158");
        body.pointer_mut(pointer)
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove(field);
        Post::zendesk(body.to_string())
    };
    let invocation = "x-zendesk-webhook-invocation-id";
    let cases = [
        ("nothing", Post::zendesk(""), "body"),
        ("no JSON", Post::zendesk("ticket=5158"), "body"),
        (
            "half of it",
            Post::zendesk(r#"{"type":"zen:event-type:ticket.created","#),
            "body",
        ),
        (
            "bytes that are no text",
            Post::zendesk(vec![0xff, 0xfe]).in_base64(),
            "body",
        ),
        ("no event id", without("", "id"), "`id`"),
        ("no account", without("", "account_id"), "`account_id`"),
        ("no ticket", without("/detail", "id"), "`detail.id`"),
        (
            "a ticket that is none",
            Post::zendesk(event("ticket.created", "e-1", "51/58").to_string()),
            "`detail.id`",
        ),
        ("a type that is none", Post::zendesk(r#"{"type":7}"#), "`type`"),
        (
            "a trigger without a ticket",
            Post::zendesk(r#"{"title":"Export fails"}"#),
            "`ticket_id`",
        ),
        (
            "a trigger's ticket that is none",
            Post::zendesk(r#"{"ticket_id":{}}"#),
            "`ticket_id`",
        ),
        (
            "a trigger without an invocation",
            Post::zendesk(r#"{"ticket_id":1}"#).without(invocation),
            invocation,
        ),
        (
            "GitHub without a kind",
            Post::github("ping", "{}").without("x-github-event"),
            "x-github-event",
        ),
        (
            "Intercom without a conversation",
            Post::intercom(r#"{"topic":"conversation.user.created","id":"n-1","app_id":"a"}"#),
            "`data.item.id`",
        ),
        ("Intercom without a kind", Post::intercom("{}"), "`topic`"),
    ];
    for (case, post, field) in cases {
        let told = refused(case, &post).await;
        let json = told.json();
        assert_eq!(
            (told.code, json["status"].as_str()),
            (400, Some("error")),
            "{case}"
        );
        assert!(json["reason"].as_str().unwrap().contains(field), "{case}: {json}");
    }
}

#[tokio::test]
async fn what_could_not_be_recorded_or_enqueued_is_to_be_sent_again() {
    for (service, operation) in [
        ("dynamo", "GetItem"),
        ("dynamo", "PutItem"),
        ("sqs", "SendMessage"),
    ] {
        let world = World::new().await;
        let line = if service == "dynamo" {
            &world.dynamo
        } else {
            &world.sqs
        };
        line.breaks(operation, Fault::Refuses);
        let told = world.send(&created("e-1")).await;
        assert_eq!(
            (told.code, told.json()),
            (503, reason("unavailable")),
            "{operation}"
        );
        assert_eq!(told.retry_after.as_deref(), Some("5"), "{operation}");
        assert_eq!(world.messages(), Vec::<String>::new(), "{operation}");
        line.is_mended();
        assert_eq!(
            world.send(&created("e-1")).await.status(),
            "accepted",
            "{operation}"
        );
        assert_eq!(world.messages().len(), 1, "{operation}");
    }
}

#[tokio::test]
async fn settings_that_an_operator_must_mend_do_not_lose_the_event() {
    let world = World::new().await;
    world
        .put_org("acme", &json!({ "org": "acme", "zendesk": {} }))
        .await;
    let told = world.send(&created("e-1")).await;
    assert_eq!((told.code, told.retry_after.as_deref()), (503, Some("5")));
    let mut settings = acme();
    settings["zendesk"]["signing_secret"] = "env:NOT_THERE".into();
    world.put_org("acme", &settings).await;
    assert_eq!(world.send(&created("e-1")).await.code, 503);
    world.put_org("acme", &acme()).await;
    world.clock.advance(60_000);
    assert_eq!(
        world.send(&created("e-1").signed_at(NOW)).await.status(),
        "accepted"
    );
}

#[tokio::test]
async fn an_event_id_with_another_body_is_an_error_that_enqueues_nothing() {
    let world = World::new().await;
    assert_eq!(world.send(&created("e-1")).await.status(), "accepted");
    let other = Post::zendesk(event("ticket.created", "e-1", "5159").to_string());
    let told = world.send(&other).await;
    let expected = r#"{"status":"error","reason":"event_id_reused"}"#;
    assert_eq!((told.code, told.body.as_deref()), (200, Some(expected)));
    assert_eq!(world.messages().len(), 1);
    assert_eq!(world.rows().await.len(), 1);
}
