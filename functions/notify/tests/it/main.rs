//! Words of a customer or a model on their way out, through the whole deployment: nothing that reads them acts on them.
#![expect(clippy::indexing_slicing, reason = "a test fails by it")]

use anyhow::{Context as _, Result};
use local::demo::{CHANNEL, sandbox_settings};
use local::sandbox::model::answers;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::step;
use ratchet_guard::State;
use serde_json::json;

const TICKET: u64 = 5101;

/// The bug that the sample's first ticket reports.
const A_BUG: usize = 0;

const HOSTILE: &str = "<!channel> @acme/team fixes #1 <https://evil.test|pay> [pay](https://evil.test) \
    **jo@acme.test** {{ticket.requester.email}} <!-- ratchet:x -->";

/// What none of the places may be given, whatever the markup.
const NEVER: [&str; 7] = [
    "<!channel>",
    "@acme",
    "#1 ",
    "<https://evil.test",
    "jo@",
    "{{ticket",
    "<!-- ratchet:x",
];

/// A ticket whose model says hostile words wherever it may say any, and an org with a tracker.
async fn told() -> Result<Stand> {
    let mut known = answers::sample()?;
    let answer = known.first_mut().context("the sample has a bug")?;
    answer.bug["title"] = json!(HOSTILE);
    answer.summary = Some(HOSTILE.to_owned());
    for place in &mut answer.locations {
        place.explanation = HOSTILE.to_owned();
    }
    answer.rca = Some(json!({
        "customer_impact": HOSTILE, "root_cause": HOSTILE, "fix": HOSTILE, "prevention": HOSTILE,
    }));
    let stand = Stand::knowing(known).await?;
    let mut document = sandbox_settings("acme", &["acme/shop".to_owned()]);
    document["tracker"] = json!({ "kind": "github", "repo": "acme/shop" });
    stand.put("acme", &document).await?;
    stand.open("acme", A_BUG, TICKET).await?;
    stand.drain().await?;
    Ok(stand)
}

fn holds_none(text: &str, never: &[&str]) {
    for word in never {
        assert!(!text.contains(word), "{word} in {text}");
    }
}

#[tokio::test]
async fn hostile_words_reach_every_place_as_words_and_act_in_none() -> Result<()> {
    let stand = told().await?;
    let messages = stand
        .sandbox
        .read(|outside| outside.slack.messages(CHANNEL).to_vec());
    let message = messages.first().context("a message is sent")?;
    assert!(message.text.contains("&lt;!channel&gt;"), "{}", message.text);
    holds_none(&message.text, &["<!channel>", "<https://evil.test", "jo@"]);
    // Our own link is live.
    assert!(
        message
            .text
            .contains("<https://acme.zendesk.com/agent/tickets/5101>")
    );

    let (pulls, issues) = stand.sandbox.read(|outside| {
        (
            outside.github.pulls("acme/shop"),
            outside.github.issues("acme/shop"),
        )
    });
    let pull = pulls.first().context("a pull request is open")?;
    let issue = issues.first().context("an issue is open")?;
    for body in [&pull.body, &issue.body] {
        holds_none(body, &["@acme", "#1 ", "jo@", "<!-- ratchet:x", "[pay]("]);
        assert_eq!(body.matches("<!-- ratchet:").count(), 1, "{body}");
    }
    assert!(pull.body.contains("&lt;!channel&gt;"), "{}", pull.body);
    for title in [&pull.title, &issue.title] {
        holds_none(title, &["@acme", "#1 ", "jo@"]);
    }

    let life = stand.life("acme", TICKET).await?;
    let pull = life
        .get("pr#acme/shop")
        .context("the pull request is on record")?;
    holds_none(&pull.intent, &["@acme", "#1 ", "jo@"]);
    let comment = life.get(step::RCA_COMMENT).context("the comment is on record")?;
    holds_none(&comment.intent, &NEVER[3..]);
    assert!(comment.intent.contains("&lt;!channel&gt;"), "{}", comment.intent);
    Ok(())
}

#[tokio::test]
async fn message_that_a_slow_clock_dates_before_its_claim_is_found_and_not_sent_again() -> Result<()> {
    let stand = Stand::new().await?;
    stand.sandbox.edit(|outside, _| outside.slack.set_behind(30_000));
    stand.open("acme", A_BUG, TICKET).await?;
    stand.tap.crash_before(|call| {
        let body = call.json().to_string();
        call.operation == "UpdateItem" && body.contains("slack#") && body.contains("sealed")
    });
    stand.drain().await?;
    let sent = || {
        stand
            .sandbox
            .read(|outside| outside.slack.messages(CHANNEL).len())
    };
    assert_eq!(sent(), 1, "it crashed between the message and its record");
    stand.clock.advance(10 * MINUTE_MS);
    stand.drain().await?;
    let life = stand.life("acme", TICKET).await?;
    let row = life.get(&format!("slack#{CHANNEL}")).context("it is on record")?;
    assert_eq!((row.state, row.fence), (State::Sealed, 2));
    assert_eq!(sent(), 1);
    Ok(())
}
