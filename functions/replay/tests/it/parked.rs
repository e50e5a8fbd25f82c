//! Parked work: who may let which go, and that a crash on the way loses none of it.

use anyhow::{Context, Result};
use ratchet_domain::park::{Mend, Reason};
use ratchet_domain::stage::Stage;
use ratchet_guard::{Ledger, Park, State, Unfinished, Work, WorkKey};
use serde_json::{Value, json};

use local::stand::{MINUTE_MS, Stand, tick_at};

const MESSAGE: &str = r#"{"v":1,"kind":"extract","ticket":{"org":"acme","provider":"zendesk","number":"9"}}"#;

fn alarm() -> Result<Value> {
    Ok(serde_json::from_str(include_str!(
        "../../../../infra/events/replay.json"
    ))?)
}

fn operator(id: &str) -> Value {
    json!({ "source": "operator", "id": id })
}

/// One piece of parked work a reason; its message is the reason.
async fn park_each(world: &Stand) -> Result<()> {
    for reason in Reason::ALL {
        let key = WorkKey::new(format!("ticket#acme#zendesk#{reason}"), "pr#acme/shop");
        let work = Work::new(key, "content").driven_by("open-pr", reason.as_str());
        world
            .parked(&work, Park::for_a_person(reason.as_str(), ""))
            .await?;
    }
    Ok(())
}

fn words(mends: &[Mend]) -> Vec<String> {
    let reasons = Reason::ALL.iter().filter(|reason| mends.contains(&reason.mend()));
    let mut words: Vec<String> = reasons.map(|reason| reason.as_str().to_owned()).collect();
    words.sort();
    words
}

fn sent(world: &Stand) -> Vec<String> {
    let mut sent = world.queued(Stage::OpenPr);
    sent.sort();
    sent
}

#[tokio::test]
async fn schedule_lets_nothing_go_that_is_parked_for_a_person() -> Result<()> {
    let world = Stand::new().await?;
    park_each(&world).await?;
    assert_eq!(world.tick().await?.resumed, 0);
    assert!(sent(&world).is_empty());
    Ok(())
}

#[tokio::test]
async fn alarm_lets_go_what_a_retry_mends_and_an_operator_also_what_somebody_has_mended() -> Result<()> {
    let world = Stand::new().await?;
    park_each(&world).await?;
    let by_alarm = words(&[Mend::Retry]);
    assert!(by_alarm.contains(&"attempts_exhausted".to_owned()));
    assert_eq!(world.replay(alarm()?).await?.resumed, by_alarm.len() as u64);
    assert_eq!(sent(&world), by_alarm);

    world.lose(Stage::OpenPr);
    let by_operator = words(&[Mend::MendThenRetry]);
    assert!(by_operator.contains(&"unauthorized".to_owned()));
    assert_eq!(
        world.replay(operator("a")).await?.resumed,
        by_operator.len() as u64
    );
    // What the alarm let go waits to be claimed, and is not claimed here: it is sent again, too.
    let mut both = by_operator;
    both.extend(by_alarm);
    both.sort();
    assert_eq!(sent(&world), both);
    Ok(())
}

#[tokio::test]
async fn hourly_tick_lets_go_for_a_day_what_a_retry_mends_and_then_leaves_it_to_a_person() -> Result<()> {
    let world = Stand::new().await?;
    for message in ["older than a day", "younger"] {
        let key = WorkKey::new(format!("ticket#acme#zendesk#{message}"), "pr#acme/shop");
        let work = Work::new(key, "content").driven_by("open-pr", message);
        let park = Park::for_a_person("attempts_exhausted", "");
        world.parked(&work, park).await?;
        world.clock.advance(13 * 60 * MINUTE_MS);
    }
    let mut tick = tick_at(world.clock_ms());
    tick["schedule"] = json!("resume");
    assert_eq!(world.replay(tick).await?.resumed, 1);
    assert_eq!(sent(&world), ["younger"]);
    Ok(())
}

#[tokio::test]
async fn operator_may_sweep_and_leave_parked_work_alone() -> Result<()> {
    let world = Stand::new().await?;
    park_each(&world).await?;
    let asked = json!({ "source": "operator", "id": "a", "resume": false });
    assert_eq!(world.replay(asked).await?.resumed, 0);
    assert!(sent(&world).is_empty());
    Ok(())
}

#[tokio::test]
async fn operators_limits_hold() -> Result<()> {
    let world = Stand::new().await?;
    world.put_settings("globex", json!({})).await?;
    for (org, stage) in [
        ("acme", "map"),
        ("acme", "notify"),
        ("globex", "map"),
        ("globex", "notify"),
    ] {
        let key = WorkKey::new(format!("ticket#{org}#zendesk#1"), stage);
        let work = Work::new(key, "c").driven_by(stage, format!("{org} {stage}"));
        world
            .parked(&work, Park::for_a_person("unauthorized", ""))
            .await?;
    }
    let asked = json!({ "source": "operator", "id": "a", "org": "globex", "stage": "map" });
    assert_eq!(world.replay(asked).await?.resumed, 1);
    assert_eq!(world.queued(Stage::Map), ["globex map"]);
    assert!(world.queued(Stage::Notify).is_empty());
    Ok(())
}

#[tokio::test]
async fn crash_between_the_resume_and_the_send_is_healed_by_the_next_sweep() -> Result<()> {
    let world = Stand::new().await?;
    let key = WorkKey::new("ticket#acme#zendesk#1", "pr#acme/shop");
    let work = Work::new(key, "c").driven_by("open-pr", "m");
    world
        .parked(&work, Park::for_a_person("attempts_exhausted", ""))
        .await?;
    world
        .tap
        .crash_before(|call| call.operation.starts_with("SendMessage"));
    assert!(world.replay(alarm()?).await.is_err(), "it crashes");
    assert!(sent(&world).is_empty());
    assert_eq!(world.tick().await?.waiting, 1);
    assert_eq!(sent(&world), ["m"]);
    Ok(())
}

#[tokio::test]
async fn parked_message_is_sent_again_closed_and_parked_again_when_it_fails_again() -> Result<()> {
    let world = Stand::new().await?;
    let ledger = world.ledger()?;
    let key = ledger
        .park_message("extract", MESSAGE, "unauthorized", "")
        .await?;
    assert_eq!(world.replay(alarm()?).await?.resumed, 0);
    assert_eq!(world.replay(operator("a")).await?.resumed, 1);
    assert_eq!(world.queued(Stage::Extract), [MESSAGE]);
    let closed = ledger.read(&key).await?.context("the row stays")?;
    assert_eq!((closed.state, closed.due_at), (State::Sealed, None));

    ledger.park_message("extract", MESSAGE, "forbidden", "").await?;
    let again = ledger.read(&key).await?.context("the row stays")?;
    assert_eq!(
        (again.state, again.reason.as_deref()),
        (State::Parked, Some("forbidden"))
    );
    assert_eq!(world.replay(operator("b")).await?.resumed, 1);
    Ok(())
}

#[tokio::test]
async fn parked_message_survives_a_crash_between_the_resume_and_the_send() -> Result<()> {
    let world = Stand::new().await?;
    let ledger = world.ledger()?;
    let key = ledger
        .park_message("extract", MESSAGE, "unauthorized", "")
        .await?;
    world
        .tap
        .crash_before(|call| call.operation.starts_with("SendMessage"));
    assert!(world.replay(operator("a")).await.is_err(), "it crashes");
    assert_eq!(world.tick().await?.waiting, 1);
    assert_eq!(world.queued(Stage::Extract), [MESSAGE]);
    let closed = ledger.read(&key).await?.context("the row stays")?;
    assert_eq!(closed.state, State::Sealed);
    Ok(())
}

#[tokio::test]
async fn parked_message_that_fails_while_it_is_sent_again_is_not_closed() -> Result<()> {
    let world = Stand::new().await?;
    let ledger = world.ledger()?;
    ledger
        .park_message("extract", MESSAGE, "unauthorized", "")
        .await?;
    let record = review(&ledger, world.clock_ms()).await?.context("it is parked")?;
    assert!(ledger.resume(&record).await?);
    // The message is out, and its stage parks it again before the sweep comes to close it.
    ledger
        .park_message("extract", MESSAGE, "unauthorized", "")
        .await?;
    assert!(!ledger.retire_message(&record).await?);
    world.clock.advance(MINUTE_MS);
    assert!(review(&ledger, world.clock_ms()).await?.is_some());
    Ok(())
}

async fn review(ledger: &Ledger, now_ms: u64) -> Result<Option<ratchet_guard::Record>> {
    for shard in Ledger::shards() {
        let page = ledger.unfinished(Unfinished::Review, shard, now_ms, None).await?;
        if let Some(record) = page.records.into_iter().next() {
            return Ok(Some(record));
        }
    }
    Ok(None)
}
