use ratchet_providers::transport::{Transport, TransportError};
use serde_json::{Value, json};

use super::*;
use crate::sandbox::fault::Fault;
use crate::sandbox::source::SourceFile;
use crate::sandbox::zendesk::NewTicket;
use crate::sandbox::{Exchange, Provider, World};

const KEY: &str = "Bearer xoxb-sandbox-token";
const POST: &str = "https://slack.com/api/chat.postMessage";

fn say(sandbox: &Sandbox, text: &str) -> (u16, Value) {
    ask(
        sandbox,
        "POST",
        POST,
        KEY,
        &json!({"channel": "C0123", "text": text}),
    )
}

fn populated() -> Sandbox {
    let (sandbox, _) = sandbox();
    sandbox.edit(|world, now| {
        world.zendesk.add_ticket(
            now,
            &NewTicket {
                subject: "s",
                text: "t",
                ..NewTicket::default()
            },
        );
        world
            .github
            .add_repo(now, "acme/shop", &[SourceFile::text("a/b", "c")]);
    });
    say(&sandbox, "first");
    sandbox
}

#[test]
fn a_fork_is_another_world() {
    let one = populated();
    let other = one.fork();
    assert_eq!(one.fingerprint(), other.fingerprint());
    say(&other, "second");
    sandbox_push(&other);
    assert_ne!(one.fingerprint(), other.fingerprint());
    assert_eq!((one.effects().len(), other.effects().len()), (1, 2));
    say(&one, "second");
    sandbox_push(&one);
    assert_eq!(one.fingerprint(), other.fingerprint());
    let handle = one.clone();
    say(&handle, "third");
    assert_eq!(one.effects().len(), 3);
}

fn sandbox_push(sandbox: &Sandbox) {
    sandbox
        .edit(|world, now| {
            world
                .github
                .push(now, "acme/shop", "main", &[SourceFile::text("d", "e")])
        })
        .unwrap();
}

#[test]
fn a_snapshot_survives_json() {
    let one = populated();
    let text = serde_json::to_string(&one.snapshot()).unwrap();
    let (other, _) = sandbox();
    other.restore(serde_json::from_str::<World>(&text).unwrap());
    assert_eq!(other.snapshot(), one.snapshot());
    assert_eq!(other.fingerprint(), one.fingerprint());
}

#[test]
fn reading_leaves_no_trace_but_the_count() {
    let sandbox = populated();
    let before = sandbox.fingerprint();
    let history = "https://slack.com/api/conversations.history?channel=C0123";
    ask(&sandbox, "GET", history, KEY, &json!({}));
    assert_eq!(sandbox.fingerprint(), before);
    assert_eq!(sandbox.calls().get("slack conversations.history"), Some(&1));
}

#[test]
fn each_fault_lands_or_not_as_it_says() {
    for (fault, landed, arrived) in [
        (Fault::Refuse, 0, 0),
        (Fault::LoseRequest, 0, 0),
        (
            Fault::Status {
                status: 500,
                retry_after_seconds: None,
            },
            0,
            1,
        ),
        (Fault::LoseReply, 1, 1),
        (Fault::StatusAfter { status: 502 }, 1, 1),
    ] {
        let (sandbox, _) = sandbox();
        sandbox.edit(|world, _| world.faults.plan(Provider::Slack, None, fault, 1));
        let request = http::Request::post(POST)
            .header("authorization", KEY)
            .header("content-type", "application/json")
            .body(Bytes::from(json!({"channel": "C0123", "text": "x"}).to_string()))
            .unwrap();
        let exchange = sandbox.exchange(&request);
        match fault {
            Fault::Refuse => assert!(matches!(exchange, Exchange::Refused)),
            Fault::LoseRequest | Fault::LoseReply => assert!(matches!(exchange, Exchange::Lost)),
            Fault::Status { status, .. } | Fault::StatusAfter { status } => {
                assert!(matches!(exchange, Exchange::Answered(response) if response.status() == status));
            }
        }
        assert_eq!(sandbox.effects().len(), landed, "{fault:?}");
        assert_eq!(
            sandbox
                .calls()
                .get("slack chat.postMessage")
                .copied()
                .unwrap_or(0),
            arrived,
            "{fault:?}"
        );
        assert_eq!(say(&sandbox, "again").1["ok"], true);
    }
}

#[tokio::test]
async fn as_a_transport_it_tells_lost_from_not_sent() {
    let (sandbox, _) = sandbox();
    sandbox.edit(|world, _| {
        world.faults.plan(Provider::Slack, None, Fault::Refuse, 1);
        world.faults.plan(Provider::Slack, None, Fault::LoseReply, 1);
    });
    let request = || http::Request::post(POST).body(Bytes::new()).unwrap();
    assert!(matches!(
        sandbox.send(request()).await,
        Err(TransportError::NotSent(_))
    ));
    assert!(matches!(
        sandbox.send(request()).await,
        Err(TransportError::Lost(_))
    ));
    assert_eq!(sandbox.send(request()).await.unwrap().status(), 200);
}

#[test]
fn an_outage_hits_one_provider_until_it_ends() {
    let (sandbox, _) = sandbox();
    sandbox.edit(|world, _| world.faults.outage(Provider::Slack, true));
    assert_eq!(say(&sandbox, "x").0, 503);
    let (status, _) = ask(
        &sandbox,
        "GET",
        "https://api.github.com/repos/a/b",
        "Bearer sandbox-github-token",
        &Value::Null,
    );
    assert_eq!(status, 404);
    sandbox.edit(|world, _| world.faults.outage(Provider::Slack, false));
    assert_eq!(say(&sandbox, "x").0, 200);
}

#[test]
fn the_same_story_told_twice_has_the_same_end() {
    assert_eq!(populated().fingerprint(), populated().fingerprint());
}
