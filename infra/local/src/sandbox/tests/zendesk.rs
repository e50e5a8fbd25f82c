use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ratchet_domain::ids::TicketNumber;
use ratchet_providers::error::ProviderError;
use ratchet_providers::secret::Secret;
use ratchet_providers::signature;
use ratchet_providers::wire::Wire;
use ratchet_providers::zendesk::{
    CommentRequest, Delivery as Parsed, Kind, Since, Zendesk, comment_body, parse,
};
use serde_json::{Value, json};

use super::*;
use crate::sandbox::fault::Fault;
use crate::sandbox::zendesk::NewTicket;
use crate::sandbox::{Provider, effect::EffectKind};

const TICKETS: &str = "https://acme.zendesk.com/api/v2/tickets";

fn key() -> String {
    format!(
        "Basic {}",
        STANDARD.encode("bot@acme.test/token:sandbox-zendesk-token")
    )
}

fn add(sandbox: &Sandbox, text: &str) -> u64 {
    sandbox.edit(|world, now| {
        world.zendesk.add_ticket(
            now,
            &NewTicket {
                subject: "Cart",
                text,
                ..NewTicket::default()
            },
        )
    })
}

fn put(sandbox: &Sandbox, ticket: u64, update: Value) -> (u16, Value) {
    ask(
        sandbox,
        "PUT",
        &format!("{TICKETS}/{ticket}"),
        &key(),
        &json!({"ticket": update}),
    )
}

fn comment(stamp: &str, effect: &str) -> String {
    comment_body(&CommentRequest {
        html_body: &"<p>Cause</p><!-- x --><script>alert(1)</script>".into(),
        public: false,
        updated_stamp: stamp,
        effect,
        tags: &["ratchet"],
    })
}

#[tokio::test]
async fn the_production_client_reads_posts_and_finds_its_comment() {
    let (sandbox, clock) = sandbox();
    let ticket = add(&sandbox, "The total is wrong");
    let token = Secret::new("sandbox-zendesk-token");
    let wire = Wire::new(&sandbox, START_MS);
    let client = Zendesk::new(wire, "https://acme.zendesk.com", "bot@acme.test", &token, "8447");
    let number = TicketNumber::parse(ticket.to_string()).unwrap();
    clock.advance(5_000);
    let read = client.ticket(&number).await.unwrap();
    assert_eq!(read.subject, "Cart");
    assert_eq!(read.customer_text().collect::<Vec<_>>(), ["The total is wrong"]);
    assert_eq!(read.version, "2026-11-20T10:00:00Z");
    assert_eq!(client.find_effect(&number, "e1").await.unwrap(), None);

    let posted = client
        .post_comment(&number, comment(&read.version, "e1"))
        .await
        .unwrap();
    assert_eq!(
        client.find_effect(&number, "e1").await.unwrap(),
        Some(posted.clone())
    );
    let again = client
        .post_comment(&number, comment(&read.version, "e1"))
        .await
        .unwrap_err();
    assert!(matches!(again, ProviderError::Conflict { .. }), "{again}");

    let after = client.ticket(&number).await.unwrap();
    let words: Vec<&str> = after
        .comments
        .iter()
        .map(|comment| comment.text.as_str())
        .collect();
    assert_eq!(words, ["The total is wrong", "Cause"]);
    assert!(!after.comments[1].from_customer);
    let effects = sandbox.effects();
    assert_eq!(effects.len(), 1);
    assert_eq!(
        (effects[0].kind, effects[0].marker.as_deref()),
        (EffectKind::Comment, Some("e1"))
    );
    assert_eq!(effects[0].id, posted.comment_id);
    assert_eq!(sandbox.calls().get("zendesk tickets.update"), Some(&2));
}

#[test]
fn a_stale_stamp_is_a_conflict_and_one_of_the_same_second_is_not_seen() {
    let (sandbox, clock) = sandbox();
    let ticket = add(&sandbox, "x");
    let update = |stamp: &str| {
        json!({"comment": {"body": "b"}, "safe_update": true,
        "updated_stamp": stamp, "metadata": {"ratchet_effect": "e"}})
    };
    clock.advance(900);
    sandbox.edit(|world, now| world.zendesk.customer_comment(now, ticket, "more").unwrap());
    assert_eq!(put(&sandbox, ticket, update("2026-11-20T10:00:00Z")).0, 200);
    clock.advance(100);
    sandbox.edit(|world, now| world.zendesk.customer_comment(now, ticket, "more").unwrap());
    let (status, body) = put(&sandbox, ticket, update("2026-11-20T10:00:00Z"));
    assert_eq!((status, &body["error"]), (409, &json!("UpdateConflict")));
    assert_eq!(
        put(
            &sandbox,
            ticket,
            json!({"comment": {"body": "b"}, "safe_update": true})
        )
        .0,
        409
    );
    assert_eq!(put(&sandbox, ticket, update("2026-11-20T10:00:01Z")).0, 200);
}

#[test]
fn metadata_is_in_the_audit_and_an_empty_update_leaves_none() {
    let (sandbox, _) = sandbox();
    let ticket = add(&sandbox, "x");
    let (_, body) = put(
        &sandbox,
        ticket,
        json!({"comment": {"body": "b"}, "metadata": {"ratchet_effect": "e"}}),
    );
    assert_eq!(body["audit"]["metadata"]["custom"]["ratchet_effect"], "e");
    assert_eq!(body["audit"]["events"][0]["type"], "Comment");
    let before = sandbox.fingerprint();
    let (status, body) = put(&sandbox, ticket, json!({"metadata": {"ratchet_effect": "f"}}));
    assert_eq!((status, &body["audit"]["events"]), (200, &json!([])));
    assert_eq!(sandbox.fingerprint(), before);
    let (_, body) = put(
        &sandbox,
        ticket,
        json!({"additional_tags": ["A", "b"], "metadata": {"ratchet_effect": "f"}}),
    );
    assert_eq!(body["ticket"]["tags"], json!(["a", "b"]));
    assert_eq!(body["audit"]["events"][0]["field_name"], "tags");
    assert_eq!(
        sandbox
            .read(|world| world.zendesk.marked_comments(ticket, "ratchet_effect"))
            .len(),
        1
    );
}

#[test]
fn bad_updates_are_refused_and_change_nothing() {
    let (sandbox, _) = sandbox();
    let ticket = add(&sandbox, "x");
    let closed = add(&sandbox, "y");
    sandbox.edit(|world, now| assert!(world.zendesk.set_status(now, closed, "closed")));
    let before = sandbox.fingerprint();
    assert_eq!(put(&sandbox, ticket, json!({"comment": {"body": " "}})).0, 422);
    assert_eq!(
        put(
            &sandbox,
            ticket,
            json!({"comment": {"body": "b", "author_id": 1}})
        )
        .0,
        422
    );
    assert_eq!(
        put(
            &sandbox,
            ticket,
            json!({"comment": {"body": "b"}, "metadata": {"k": "x".repeat(1100)}})
        )
        .0,
        422
    );
    assert_eq!(put(&sandbox, closed, json!({"comment": {"body": "b"}})).0, 422);
    assert_eq!(put(&sandbox, 99, json!({"comment": {"body": "b"}})).0, 404);
    assert_eq!(
        ask(
            &sandbox,
            "PUT",
            &format!("{TICKETS}/{ticket}"),
            &key(),
            &json!([1])
        )
        .0,
        400
    );
    assert_eq!(
        ask(
            &sandbox,
            "GET",
            &format!("{TICKETS}/{ticket}"),
            "Basic eDp5",
            &Value::Null
        )
        .0,
        401
    );
    assert_eq!(sandbox.fingerprint(), before);
}

#[test]
fn a_list_of_comments_pages_by_cursor_both_ways() {
    let (sandbox, _) = sandbox();
    let ticket = add(&sandbox, "0");
    for index in 1..5 {
        sandbox.edit(|world, now| world.zendesk.customer_comment(now, ticket, &index.to_string()));
    }
    for (sort, expected) in [("created_at", "01234"), ("-created_at", "43210")] {
        let mut seen = String::new();
        let mut url = format!("{TICKETS}/{ticket}/comments.json?sort={sort}&page%5Bsize%5D=2&include=users");
        loop {
            let (_, body) = ask(&sandbox, "GET", &url, &key(), &Value::Null);
            for comment in body["comments"].as_array().unwrap() {
                seen.push_str(comment["body"].as_str().unwrap());
            }
            assert_eq!(body["users"][0]["role"], "end-user");
            match body["links"]["next"].as_str() {
                Some(next) if body["meta"]["has_more"] == true => url = next.to_owned(),
                _ => break,
            }
        }
        assert_eq!(seen, expected);
    }
    let url = format!("{TICKETS}/{ticket}/comments?page%5Bsize%5D=101");
    assert_eq!(ask(&sandbox, "GET", &url, &key(), &Value::Null).0, 400);
}

#[tokio::test]
async fn the_incremental_list_leaves_out_the_last_minute() {
    let (sandbox, clock) = sandbox();
    let first = add(&sandbox, "a");
    let token = Secret::new("sandbox-zendesk-token");
    let wire = Wire::new(&sandbox, START_MS);
    let client = Zendesk::new(wire, "https://acme.zendesk.com", "bot@acme.test", &token, "8447");
    let page = client
        .changed_tickets(&Since::Time(START_MS / 1000 - 60))
        .await
        .unwrap();
    assert!(page.tickets.is_empty());
    clock.advance(61_000);
    let second = add(&sandbox, "b");
    let page = client
        .changed_tickets(&Since::Time(START_MS / 1000 - 60))
        .await
        .unwrap();
    assert_eq!(
        page.tickets
            .iter()
            .map(|ticket| ticket.id.clone())
            .collect::<Vec<_>>(),
        [first.to_string()]
    );
    clock.advance(61_000);
    let page = client
        .changed_tickets(&Since::Cursor(page.cursor.unwrap()))
        .await
        .unwrap();
    assert_eq!(
        page.tickets
            .iter()
            .map(|ticket| ticket.id.clone())
            .collect::<Vec<_>>(),
        [second.to_string()]
    );
    assert!(page.end);
}

#[test]
fn a_webhook_verifies_and_reads_as_the_vendors() {
    let (sandbox, clock) = sandbox();
    let ticket = add(&sandbox, "The total is wrong");
    sandbox.edit(|world, now| {
        world
            .zendesk
            .customer_comment(now, ticket, "Still wrong")
            .unwrap()
    });
    let events = sandbox.edit(|world, _| world.zendesk.take_events());
    assert_eq!(events.len(), 2);
    assert!(sandbox.edit(|world, _| world.zendesk.take_events()).is_empty());
    clock.advance(1_000);
    let secret = Secret::new("sandbox-zendesk-signing-secret");
    for event in &events {
        let delivery = sandbox.read(|world| world.zendesk.delivery(event, START_MS + 1_000, 1));
        let header = |name: &str| delivery.headers.get(name).map(String::as_str);

        signature::zendesk(header, &delivery.body, &secret, START_MS).unwrap();
        let tampered = delivery.clone().tampered();
        assert!(signature::zendesk(header, &tampered.body, &secret, START_MS).is_err());
        let Parsed::Ticket(read) = parse(header, &delivery.body).unwrap() else {
            panic!("{event:?}")
        };
        assert_eq!(
            (read.ticket.as_str(), read.account.as_str()),
            (ticket.to_string().as_str(), "22129848")
        );
        assert_eq!(read.id, event.id);
        assert_eq!(read.comment_id, event.comment.map(|id| id.to_string()));
        assert_eq!(
            read.kind,
            if event.comment.is_some() {
                Kind::CommentAdded
            } else {
                Kind::Created
            }
        );
    }
    let first: Value = serde_json::from_str(&events[1].body).unwrap();
    assert_eq!(first["detail"]["id"], ticket.to_string());
    assert_eq!(first["event"]["comment"]["author"]["is_staff"], false);
    assert_eq!(first["event"]["meta"]["sequence"]["position"], 1);
    assert_eq!(first["detail"]["status"], "OPEN");
}

#[test]
fn two_sends_of_an_event_share_its_id_and_not_the_invocation() {
    let (sandbox, _) = sandbox();
    add(&sandbox, "x");
    let event = sandbox.edit(|world, _| world.zendesk.take_events()).remove(0);
    let send = |number| sandbox.read(|world| world.zendesk.delivery(&event, START_MS, number));
    assert_eq!(send(1), send(1));
    assert_eq!(send(1).body, send(2).body);
    let invocation = |number| send(number).headers["x-zendesk-webhook-invocation-id"].clone();
    assert_ne!(invocation(1), invocation(2));
}

#[tokio::test]
async fn our_own_comment_comes_back_as_an_event_of_ours() {
    let (sandbox, _) = sandbox();
    let ticket = add(&sandbox, "x");
    put(
        &sandbox,
        ticket,
        json!({"comment": {"body": "b", "public": false}}),
    );
    let event = sandbox
        .edit(|world, _| world.zendesk.take_events())
        .pop()
        .unwrap();
    let Parsed::Ticket(read) = parse(|_| None, event.body.as_bytes()).unwrap() else {
        panic!()
    };
    assert!(read.is_by("8447"));
}

#[tokio::test]
async fn a_rate_limit_is_told_with_its_wait() {
    let (sandbox, _) = sandbox();
    let ticket = add(&sandbox, "x");
    sandbox.edit(|world, _| {
        let fault = Fault::Status {
            status: 429,
            retry_after_seconds: Some(17),
        };
        world
            .faults
            .plan(Provider::Zendesk, Some("tickets.get"), fault, 1);
    });
    let token = Secret::new("sandbox-zendesk-token");
    let wire = Wire::new(&sandbox, START_MS);
    let client = Zendesk::new(wire, "https://acme.zendesk.com", "bot@acme.test", &token, "8447");
    let number = TicketNumber::parse(ticket.to_string()).unwrap();
    let error = client.ticket(&number).await.unwrap_err();
    assert_eq!(error.retry_after_ms(), Some(17_000));
    assert!(client.ticket(&number).await.is_ok());
}
