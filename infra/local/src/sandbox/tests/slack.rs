use ratchet_providers::secret::Secret;
use ratchet_providers::slack::{Slack, message_body};
use ratchet_providers::wire::Wire;
use serde_json::{Value, json};

use super::*;
use crate::sandbox::Provider;
use crate::sandbox::fault::Fault;

const API: &str = "https://slack.com/api";
const KEY: &str = "Bearer xoxb-sandbox-token";

fn call(sandbox: &Sandbox, method: &str, body: Value) -> Value {
    let (status, body) = ask(sandbox, "POST", &format!("{API}/{method}"), KEY, &body);
    assert_eq!(status, 200);
    body
}

#[tokio::test]
async fn the_production_client_posts_and_finds_its_message() {
    let (sandbox, _) = sandbox();
    let token = Secret::new("xoxb-sandbox-token");
    let client = Slack::new(Wire::new(&sandbox, START_MS), API, &token);
    let oldest = format!("{}.000000", START_MS / 1000 - 60);
    assert_eq!(client.find("C0123", "e1", &oldest).await.unwrap(), None);
    let body = message_body("C0123", &"Bug found".into(), "e1");
    let first = client.post(body.clone()).await.unwrap();
    assert_eq!(
        client.find("C0123", "e1", &oldest).await.unwrap(),
        Some(first.clone())
    );
    // The same `client_msg_id` again: the vendor may drop it, does not promise to, and here it does not.
    let second = client.post(body).await.unwrap();
    assert_ne!(first.ts, second.ts);
    assert_eq!(sandbox.read(|world| world.slack.messages("C0123").len()), 2);
    assert!(
        sandbox
            .effects()
            .iter()
            .all(|effect| effect.marker.as_deref() == Some("e1"))
    );
}

#[test]
fn errors_come_with_status_200() {
    let (sandbox, _) = sandbox();
    let error = |method: &str, body: Value| call(&sandbox, method, body)["error"].as_str().map(str::to_owned);
    assert_eq!(
        error("chat.postMessage", json!({"channel": "C9", "text": "x"})).unwrap(),
        "channel_not_found"
    );
    assert_eq!(
        error("chat.postMessage", json!({"channel": "C0123"})).unwrap(),
        "no_text"
    );
    let thread = json!({"channel": "C0123", "text": "x", "thread_ts": "1.000000"});
    assert_eq!(error("chat.postMessage", thread).unwrap(), "thread_not_found");
    let metadata = json!({"channel": "C0123", "text": "x", "metadata": {"event_type": 1}});
    assert_eq!(
        error("chat.postMessage", metadata).unwrap(),
        "invalid_metadata_schema"
    );
    assert_eq!(
        error(
            "chat.update",
            json!({"channel": "C0123", "ts": "1.0", "text": "x"})
        )
        .unwrap(),
        "message_not_found"
    );
    assert_eq!(error("chat.dance", json!({})).unwrap(), "unknown_method");
    let (_, body) = ask(
        &sandbox,
        "POST",
        &format!("{API}/auth.test"),
        "Bearer nope",
        &json!({}),
    );
    assert_eq!(body["error"], "invalid_auth");
    assert!(sandbox.effects().is_empty());
}

#[test]
fn an_internal_error_may_have_posted_the_message() {
    let (sandbox, _) = sandbox();
    sandbox.edit(|world, _| {
        world.faults.plan(
            Provider::Slack,
            Some("chat.postMessage"),
            Fault::StatusAfter { status: 200 },
            1,
        );
    });
    let body = call(
        &sandbox,
        "chat.postMessage",
        json!({"channel": "C0123", "text": "x"}),
    );
    assert_eq!(body, json!({"ok": false, "error": "internal_error"}));
    assert_eq!(sandbox.effects().len(), 1);
}

#[test]
fn history_pages_newest_first_and_hides_payloads_and_threads() {
    let (sandbox, clock) = sandbox();
    let mut parent = String::new();
    for index in 0..5 {
        clock.advance(1_000);
        let metadata = json!({"event_type": "ratchet", "event_payload": {"effect": index.to_string()}});
        let body = json!({"channel": "C0123", "text": index.to_string(), "metadata": metadata});
        parent = call(&sandbox, "chat.postMessage", body)["ts"]
            .as_str()
            .unwrap()
            .to_owned();
    }
    call(
        &sandbox,
        "chat.postMessage",
        json!({"channel": "C0123", "text": "reply", "thread_ts": parent}),
    );
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let url = format!("{API}/conversations.history?channel=C0123&limit=2&cursor={cursor}");
        let (_, page) = ask(&sandbox, "GET", &url, KEY, &json!({}));
        for message in page["messages"].as_array().unwrap() {
            seen.push(message["text"].as_str().unwrap().to_owned());
            assert_eq!(message["metadata"], json!({"event_type": "ratchet"}));
        }
        cursor = page["response_metadata"]["next_cursor"]
            .as_str()
            .unwrap()
            .to_owned();
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(seen, ["4", "3", "2", "1", "0"]);
    let replies = call(
        &sandbox,
        "conversations.replies",
        json!({"channel": "C0123", "ts": parent}),
    );
    let texts: Vec<&str> = replies["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["text"].as_str().unwrap())
        .collect();
    assert_eq!(texts, ["4", "reply"]);
    let newer =
        json!({"channel": "C0123", "oldest": parent, "inclusive": true, "include_all_metadata": true});
    let page = call(&sandbox, "conversations.history", newer);
    assert_eq!(page["messages"].as_array().unwrap().len(), 1);
    assert_eq!(page["messages"][0]["metadata"]["event_payload"]["effect"], "4");
}

#[test]
fn only_our_own_message_can_be_changed_or_deleted() {
    let (sandbox, _) = sandbox();
    let theirs = sandbox.edit(|world, now| world.slack.say(now, "C0123", "hi").unwrap());
    let ours = call(
        &sandbox,
        "chat.postMessage",
        json!({"channel": "C0123", "text": "a"}),
    )["ts"]
        .clone();
    let change = |ts: &Value| {
        call(
            &sandbox,
            "chat.update",
            json!({"channel": "C0123", "ts": ts, "text": "b"}),
        )
    };
    assert_eq!(change(&json!(theirs))["error"], "cant_update_message");
    assert_eq!(change(&ours)["text"], "b");
    assert_eq!(
        call(&sandbox, "chat.delete", json!({"channel": "C0123", "ts": ours}))["ok"],
        true
    );
    assert_eq!(sandbox.read(|world| world.slack.messages("C0123").len()), 1);
}
