//! What a crash, a lost message or a cap leaves behind is put right, and put right once.

use anyhow::Result;
use ratchet_domain::stage::Stage;
use ratchet_guard::{State, Work, WorkKey};
use serde_json::json;

use local::demo::sandbox_settings;
use local::stand::{MINUTE_MS, Stand};

#[tokio::test]
async fn event_whose_message_was_lost_is_handed_over_again_and_decided() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.lose(Stage::Extract);
    assert_eq!(world.tick().await?.events, 0, "its hand-over is not over");

    world.clock.advance(MINUTE_MS);
    assert_eq!(world.tick().await?.events, 1);
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);

    world.clock.advance(5 * MINUTE_MS);
    let summary = world.tick().await?;
    assert_eq!((summary.events, summary.claims, summary.waiting), (0, 0, 0));
    Ok(())
}

#[tokio::test]
async fn row_that_does_not_read_is_counted_in_every_sweep_and_hides_no_other() -> Result<()> {
    let world = Stand::new().await?;
    let claimed = |id: u64| {
        let key = WorkKey::new(format!("ticket#acme#zendesk#{id}"), "pr#acme/shop");
        Work::new(key, "c").driven_by("open-pr", format!("m{id}"))
    };
    for id in 1..=3 {
        world.claimed(&claimed(id)).await?;
    }
    world.damage("ticket#acme#zendesk#2", "pr#acme/shop").await?;
    world.clock.advance(20 * MINUTE_MS);
    let summary = world.tick().await?;
    assert_eq!((summary.claims, summary.unreadable), (2, 1));
    world.clock.advance(5 * MINUTE_MS);
    assert_eq!(world.tick().await?.unreadable, 1, "until somebody has looked");
    Ok(())
}

#[tokio::test]
async fn crash_between_the_note_and_the_send_is_healed_by_the_next_sweep() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.lose(Stage::Extract);
    world.clock.advance(MINUTE_MS);
    world
        .tap
        .crash_before(|call| call.operation.starts_with("SendMessage"));
    assert!(world.tick().await.is_err(), "it crashes");
    assert!(world.queued(Stage::Extract).is_empty());

    world.clock.advance(5 * MINUTE_MS);
    assert_eq!(world.tick().await?.events, 1);
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    let dead = world.ledger()?.life("trigger#schedule").await?;
    assert_eq!(dead.len(), 2);
    assert!(
        dead.iter().all(|trigger| trigger.state == State::Sealed),
        "the trigger that died is closed"
    );
    Ok(())
}

#[tokio::test]
async fn crash_before_the_note_is_healed_by_the_next_sweep() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.lose(Stage::Extract);
    world.clock.advance(MINUTE_MS);
    world.tap.crash_before(|call| call.operation == "UpdateItem");
    assert!(world.tick().await.is_err(), "it crashes");
    world.clock.advance(5 * MINUTE_MS);
    assert_eq!(world.tick().await?.events, 1);
    Ok(())
}

#[tokio::test]
async fn work_of_a_killed_function_comes_back_with_its_lease_and_a_sweep_beside_it_changes_nothing()
-> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world
        .tap
        .crash_before(|call| call.operation == "TransactWriteItems");
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [0, 0, 0]);

    // The lease of a function that may run for five minutes lasts a little longer than that.
    world.clock.advance(5 * MINUTE_MS);
    world.drain().await?;
    assert_eq!(
        world.effects("acme", 5101).await?,
        [0, 0, 0],
        "the lease still lives"
    );

    world.clock.advance(2 * MINUTE_MS);
    assert_eq!(world.tick().await?.claims, 1);
    world.drain().await?;
    assert_eq!(
        world.effects("acme", 5101).await?,
        [1, 1, 1],
        "two messages, one of each"
    );

    world.clock.advance(40 * MINUTE_MS);
    assert_eq!(
        world.queued(Stage::Extract).len(),
        0,
        "nothing is left to come back"
    );
    Ok(())
}

#[tokio::test]
async fn backlog_gets_a_few_messages_more_and_not_one_every_sweep() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    for _ in 0..12 * 12 {
        world.clock.advance(5 * MINUTE_MS);
        world.tick().await?;
    }
    let queued = world.queued(Stage::Extract).len();
    assert!(
        (3..=12).contains(&queued),
        "half a day behind, and {queued} messages"
    );
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn work_of_a_paused_org_or_stage_is_sent_when_it_goes_on_and_not_before() -> Result<()> {
    let world = Stand::new().await?;
    let key = WorkKey::new("ticket#acme#zendesk#1", "pr#acme/shop");
    world
        .claimed(&Work::new(key, "c").driven_by("open-pr", "m"))
        .await?;
    world.clock.advance(60 * MINUTE_MS);
    for paused in [json!({ "paused": true }), json!({ "paused_stages": ["open-pr"] })] {
        let mut document = sandbox_settings("acme", &["acme/shop".to_owned()]);
        document["controls"] = paused;
        world.put("acme", &document).await?;
        world.clock.advance(5 * MINUTE_MS);
        assert_eq!(world.tick().await?.claims, 0, "{}", document["controls"]);
        assert!(world.queued(Stage::OpenPr).is_empty());
    }
    world.put_settings("acme", json!({})).await?;
    world.clock.advance(5 * MINUTE_MS);
    assert_eq!(world.tick().await?.claims, 1);
    assert_eq!(world.queued(Stage::OpenPr), ["m"]);
    Ok(())
}

#[tokio::test]
async fn bug_at_its_cap_goes_on_once_the_cap_is_raised() -> Result<()> {
    let world = Stand::new().await?;
    world.put_settings("acme", json!({ "mapped_bug_cap": 1 })).await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    world.open("acme", 1, 5102).await?;
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    assert!(!world.life("acme", 5102).await?.contains_key("bill"), "it waits");
    assert_eq!(world.tick().await?.waiting, 0, "its time has not come");

    // The cap stands: it is looked at again, and waits again.
    world.clock.advance(12 * 60 * MINUTE_MS);
    assert_eq!(world.tick().await?.waiting, 1);
    world.drain().await?;
    assert!(!world.life("acme", 5102).await?.contains_key("bill"));

    world.put_settings("acme", json!({ "mapped_bug_cap": 2 })).await?;
    world.clock.advance(12 * 60 * MINUTE_MS);
    assert_eq!(world.tick().await?.waiting, 1);
    world.drain().await?;
    assert_eq!(world.effects("acme", 5102).await?, [1, 2, 1]);
    world.clock.advance(MINUTE_MS);
    assert_eq!(world.tick().await?.waiting, 0);
    Ok(())
}
