//! What an event costs, and what becomes of it when it comes again, at once, late, or while something fails.

use std::time::Duration;

use futures::future::join_all;
use ratchet_domain::message::{Body, Envelope};
use ratchet_domain::stage::Stage;
use ratchet_runtime::config::Env;
use ratchet_runtime::deployment::Deployment;
use serde_json::json;
use tokio::time::timeout;
use webhook::Webhook;

use crate::line::Fault;
use crate::post::{self, Post, created, event, notification};
use crate::world::{HAND_OVER_MS, INVOCATION_MS, VARIABLES, World};

#[tokio::test]
async fn an_accepted_event_costs_one_write_and_one_send() {
    let world = World::new().await;
    world.warm().await;
    assert_eq!(world.send(&created("e-1")).await.status(), "accepted");
    assert_eq!(world.dynamo.calls(), ["PutItem"]);
    assert_eq!(world.sqs.calls(), ["SendMessage"]);
}

#[tokio::test]
async fn a_duplicate_costs_one_failed_write_and_names_the_work() {
    let world = World::new().await;
    world.warm().await;
    world.send(&created("e-1")).await;
    let rows = world.rows().await;
    world.dynamo.calls();
    world.sqs.calls();
    let told = world.send(&created("e-1")).await;
    assert_eq!(
        told.json(),
        json!({ "status": "duplicate", "work": "ticket#acme#zendesk#5158" })
    );
    assert_eq!(world.dynamo.calls(), ["PutItem"]);
    assert_eq!(world.sqs.calls(), Vec::<String>::new());
    assert_eq!(world.rows().await, rows);
}

#[tokio::test]
async fn a_message_names_the_ticket_and_the_events_row() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    let messages = world.messages();
    assert_eq!(
        world.rows().await,
        [("acme#zendesk#22129848#e-1".to_owned(), messages[0].clone())]
    );
    let envelope = Envelope::parse(Stage::Extract, &messages[0]).unwrap();
    let Body::Extract(touched) = envelope.body else {
        unreachable!()
    };
    assert_eq!(touched.ticket.subject(), "ticket#acme#zendesk#5158");
    assert_eq!(touched.event.as_deref(), Some("acme#zendesk#22129848#e-1"));
    assert_eq!(envelope.trace.map(|trace| trace.len()), Some(32));
}

#[tokio::test]
async fn a_trace_of_the_request_goes_on_in_the_message() {
    let world = World::new().await;
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    world.send(&created("e-1").with("x-amzn-trace-id", root)).await;
    let envelope = Envelope::parse(Stage::Extract, &world.messages()[0]).unwrap();
    assert_eq!(
        envelope.trace.as_deref(),
        Some("5759e988bd862e3fe1be46a994272793")
    );
}

#[tokio::test]
async fn concurrent_deliveries_of_one_event_are_accepted_once() {
    for deliveries in 2..=6 {
        let world = World::new().await;
        world.warm().await;
        let post = created("e-1");
        let told = join_all((0..deliveries).map(|_| world.send(&post))).await;
        let mut statuses: Vec<String> = told.iter().map(|told| told.status()).collect();
        statuses.sort();
        let mut expected = vec!["accepted".to_owned()];
        expected.resize(deliveries, "duplicate".to_owned());
        assert_eq!(statuses, expected);
        assert_eq!(world.messages().len(), 1);
        assert_eq!(world.dynamo.calls().len(), deliveries);
    }
}

#[tokio::test]
async fn an_event_that_nobody_consumed_is_handed_over_again_after_the_lease() {
    let world = World::new().await;
    world.warm().await;
    world.send(&created("e-1")).await;
    world.clock.advance(HAND_OVER_MS - 1);
    assert_eq!(world.send(&created("e-1")).await.status(), "duplicate");
    world.clock.advance(1);
    assert_eq!(world.send(&created("e-1")).await.status(), "accepted");
    let messages = world.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0], messages[1]);
    assert_eq!(world.send(&created("e-1")).await.status(), "duplicate");
}

#[tokio::test]
async fn concurrent_deliveries_after_the_lease_hand_over_once() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    world.clock.advance(HAND_OVER_MS);
    let post = created("e-1");
    join_all((0..4).map(|_| world.send(&post))).await;
    assert_eq!(world.messages().len(), 2);
}

#[tokio::test]
async fn a_consumed_event_stays_a_duplicate_after_the_lease() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    world.consume("acme#zendesk#22129848#e-1").await;
    world.clock.advance(HAND_OVER_MS + 1);
    assert_eq!(world.send(&created("e-1")).await.status(), "duplicate");
    assert_eq!(world.messages().len(), 1);
}

#[tokio::test]
async fn an_event_that_was_not_enqueued_is_taken_at_once_when_it_comes_again() {
    let world = World::new().await;
    world.warm().await;
    world.sqs.breaks("SendMessage", Fault::Refuses);
    assert_eq!(world.send(&created("e-1")).await.code, 503);
    assert_eq!(world.dynamo.calls(), ["PutItem", "UpdateItem"]);
    world.sqs.is_mended();
    assert_eq!(world.send(&created("e-1")).await.status(), "accepted");
    assert_eq!(world.messages().len(), 1);
}

#[tokio::test]
async fn an_event_whose_duty_could_not_be_given_back_waits_for_the_lease() {
    let world = World::new().await;
    world.sqs.breaks("SendMessage", Fault::Refuses);
    world.dynamo.breaks("UpdateItem", Fault::Refuses);
    assert_eq!(world.send(&created("e-1")).await.code, 503);
    world.sqs.is_mended();
    world.dynamo.is_mended();
    assert_eq!(world.send(&created("e-1")).await.status(), "duplicate");
    world.clock.advance(HAND_OVER_MS);
    assert_eq!(world.send(&created("e-1")).await.status(), "accepted");
    assert_eq!(world.messages().len(), 1);
}

#[tokio::test]
async fn a_lost_reply_of_the_one_write_is_not_taken_for_a_duplicate() {
    let world = World::new().await;
    world.warm().await;
    world.dynamo.breaks("PutItem", Fault::LosesOneReply);
    assert_eq!(world.send(&created("e-1")).await.status(), "accepted");
    assert_eq!(world.dynamo.calls(), ["PutItem", "PutItem"]);
    assert_eq!(world.messages().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_service_that_never_answers_does_not_keep_the_vendor_waiting() {
    for operation in ["GetItem", "PutItem", "SendMessage"] {
        let world = World::new().await;
        world.dynamo.breaks(operation, Fault::Hangs);
        world.sqs.breaks(operation, Fault::Hangs);
        let limit = Duration::from_millis(INVOCATION_MS);
        let told = timeout(limit, world.send(&created("e-1"))).await.unwrap();
        let vendor_hears = (told.code, told.retry_after.as_deref());
        assert_eq!(vendor_hears, (503, Some("5")), "{operation}");
        world.dynamo.is_mended();
        world.sqs.is_mended();
        world.clock.advance(HAND_OVER_MS);
        assert_eq!(
            world.send(&created("e-1")).await.status(),
            "accepted",
            "{operation}"
        );
        assert_eq!(world.messages().len(), 1, "{operation}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_never_answers_gives_the_event_back_to_the_vendors_next_try() {
    let world = World::new().await;
    world.warm().await;
    world.sqs.breaks("SendMessage", Fault::Hangs);
    assert_eq!(world.send(&created("e-1")).await.code, 503);
    assert_eq!(world.dynamo.calls(), ["PutItem", "UpdateItem"]);
    world.sqs.is_mended();
    assert_eq!(
        world.send(&created("e-1")).await.status(),
        "accepted",
        "before the lease ends"
    );
    assert_eq!(world.messages().len(), 1);
}

#[tokio::test]
async fn equal_events_of_two_orgs_are_two() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    let told = world
        .send(&created("e-1").org("globex").signed_with(post::GLOBEX_SECRET))
        .await;
    assert_eq!(
        told.json(),
        json!({ "status": "accepted", "work": "ticket#globex#zendesk#5158" })
    );
    assert_eq!(world.rows().await.len(), 2);
}

#[tokio::test]
async fn a_redelivery_with_a_later_signature_is_a_duplicate() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    world.clock.advance(1_000);
    let later = created("e-1").signed_at("2026-01-15T10:00:01Z");
    assert_eq!(world.send(&later).await.status(), "duplicate");
    assert_eq!(world.send(&later.in_base64()).await.status(), "duplicate");
}

#[tokio::test]
async fn invocations_of_a_trigger_are_told_apart_by_their_header() {
    let world = World::new().await;
    let trigger = |invocation: &str| {
        Post::zendesk(r#"{"ticket_id":"5158"}"#).with("x-zendesk-webhook-invocation-id", invocation)
    };
    assert_eq!(world.send(&trigger("i-1")).await.status(), "accepted");
    assert_eq!(world.send(&trigger("i-1")).await.status(), "duplicate");
    assert_eq!(world.send(&trigger("i-2")).await.status(), "accepted");
}

#[tokio::test]
async fn intercoms_second_try_is_a_duplicate_and_other_words_are_not() {
    let world = World::new().await;
    let mut body = notification("conversation.user.created", "n-1", "123");
    assert_eq!(
        world.send(&Post::intercom(body.to_string())).await.status(),
        "accepted"
    );
    body["delivery_attempts"] = 2.into();
    body["delivered_at"] = 1_596_633_355.into();
    body["delivery_status"] = "failed".into();
    assert_eq!(
        world.send(&Post::intercom(body.to_string())).await.status(),
        "duplicate"
    );
    body["data"]["item"]["source"]["body"] = "<p>Import fails</p>".into();
    assert_eq!(
        world.send(&Post::intercom(body.to_string())).await.status(),
        "error"
    );
}

#[tokio::test]
async fn settings_are_read_once_until_the_cache_ends() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    world.send(&created("e-2")).await;
    assert_eq!(world.dynamo.calls(), ["GetItem", "PutItem", "PutItem"]);
    world.clock.advance(60_000);
    world.send(&created("e-3")).await;
    assert_eq!(world.dynamo.calls(), ["GetItem", "PutItem"]);
}

#[tokio::test]
async fn the_longest_ids_make_a_key_of_bounded_length() {
    let world = World::new().await;
    let mut body = event("ticket.created", &"e".repeat(128), &"5".repeat(64));
    body["account_id"] = "a".repeat(128).into();
    let post = Post::zendesk(body.to_string());
    assert_eq!(world.send(&post).await.status(), "accepted");
    assert_eq!(world.send(&post).await.status(), "duplicate");
    let rows = world.rows().await;
    assert!(rows[0].0.len() <= 200, "{}", rows[0].0);
}

#[tokio::test]
async fn a_missing_variable_and_a_window_that_is_too_short_are_refused() {
    let world = World::new().await;
    let with = |env: Env| Deployment {
        env,
        ..world.deployment()
    };
    let error = Webhook::new(&with(Env::default())).unwrap_err().to_string();
    for (name, _) in VARIABLES {
        assert!(
            error.contains(&format!("{name} is missing")),
            "{name} is not in: {error}"
        );
    }
    assert_eq!(error.matches("; ").count(), VARIABLES.len() - 1, "{error}");
    let short = VARIABLES.map(|(name, value)| {
        (
            name,
            if name == "EVENT_TTL_SECONDS" {
                "2419199"
            } else {
                value
            },
        )
    });
    let error = Webhook::new(&with(Env::from_iter(short))).unwrap_err();
    assert_eq!(error.problems.len(), 1, "{error}");
    assert!(error.to_string().contains("2419199"), "{error}");
}
