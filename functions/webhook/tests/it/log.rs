//! What the function logs, and above all what it does not.

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::Once;

use crate::line::Fault;
use crate::post::{self, Post, created, event};
use crate::world::World;

thread_local! {
    /// What was logged on this thread, which is one test's.
    static LINES: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

struct OfThisThread;

impl Write for OfThisThread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LINES.with_borrow_mut(|lines| lines.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts the one log of the process, before anything is logged. A log of one test alone would not do: whether a line of
/// code logs at all is remembered for the whole process.
pub(crate) fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| {
        tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(|| OfThisThread)
            .init();
    });
}

/// What this test has logged since it last asked.
fn logged() -> String {
    String::from_utf8_lossy(&LINES.take()).into_owned()
}

#[tokio::test]
async fn a_reused_event_id_is_logged_as_an_error_and_counted() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    logged();
    let other = Post::zendesk(event("ticket.created", "e-1", "5159").to_string());
    world.send(&other).await;
    let text = logged();
    let line = text
        .lines()
        .find(|line| line.contains("\"ERROR\""))
        .unwrap_or_else(|| panic!("no error: {text}"));
    assert!(line.contains(r#""outcome":"event_id_reused""#), "{line}");
    assert!(line.contains("acme#zendesk#22129848#e-1"), "{line}");
    let counted = text
        .lines()
        .filter(|line| line.contains(r#""metric":"EventIdReused""#));
    assert_eq!(counted.count(), 1, "{text}");
}

#[tokio::test]
async fn no_log_line_has_a_word_of_the_body_or_of_a_header() {
    let world = World::new().await;
    logged();
    let mut body = event("ticket.created", "e-1", "5158");
    body["detail"]["subject"] = "sentinel-word".into();
    let good = Post::zendesk(body.to_string()).with("x-customer", "sentinel-word");
    let mut tagged = event("ticket.tags_changed", "e-2", "5158");
    tagged["detail"]["tags"] = serde_json::json!(["sentinel-word"]);
    let posts = [
        good.clone(),
        Post::zendesk(tagged.to_string()),
        Post::zendesk(r#"{"sentinel-word":"sentinel-word""#),
        Post::zendesk(r#"{"ticket_id":"sentinel-word sentinel-word"}"#),
        good.clone().with("x-zendesk-webhook-signature", "sentinel-word"),
        good.clone().path("/sentinel-word/acme/zendesk"),
        good.clone().path("/hooks/Sentinel-word/zendesk"),
        good.clone().with("content-type", "sentinel-word/json"),
        Post::github("push", r#"{"head":"sentinel-word"}"#),
        Post::intercom(r#"{"topic":"ping","data":"sentinel-word"}"#),
    ];
    for post in &posts {
        world.send(post).await;
    }
    world.sqs.breaks("SendMessage", Fault::Refuses);
    world.send(&created("e-3")).await;
    world.dynamo.breaks("PutItem", Fault::Refuses);
    world.send(&good).await;
    let text = logged();
    assert!(text.lines().count() >= posts.len() + 2, "{text}");
    for secret in [
        "entinel-word",
        post::ZENDESK_SECRET,
        post::GITHUB_SECRET,
        post::INTERCOM_SECRET,
    ] {
        let found: Vec<&str> = text.lines().filter(|line| line.contains(secret)).collect();
        assert!(found.is_empty(), "{found:?}");
    }
}
