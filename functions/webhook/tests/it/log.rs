//! What the function logs, and above all what it does not.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

use crate::line::Fault;
use crate::post::{self, Post, created, event};
use crate::world::World;

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

fn logged() -> (Lines, tracing::subscriber::DefaultGuard) {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(tracing_subscriber::filter::LevelFilter::DEBUG)
        .with_writer(lines.clone())
        .finish();
    (lines, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn a_reused_event_id_is_logged_as_an_error_with_its_metric() {
    let world = World::new().await;
    world.send(&created("e-1")).await;
    let (lines, _guard) = logged();
    let other = Post::zendesk(event("ticket.created", "e-1", "5159").to_string());
    world.send(&other).await;
    let text = lines.text();
    let line = text
        .lines()
        .find(|line| line.contains("\"ERROR\""))
        .unwrap_or_else(|| panic!("no error: {text}"));
    assert!(line.contains(r#""metric":"event_id_reused""#), "{line}");
    assert!(line.contains("acme#zendesk#22129848#e-1"), "{line}");
}

#[tokio::test]
async fn no_log_line_has_a_word_of_the_body_or_of_a_header() {
    let world = World::new().await;
    let (lines, _guard) = logged();
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
    let text = lines.text();
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
