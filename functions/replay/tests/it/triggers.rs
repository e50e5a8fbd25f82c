//! A trigger is handled once; what is no trigger changes nothing.

use anyhow::Result;
use ratchet_domain::stage::Stage;
use ratchet_guard::{Park, State, Work, WorkKey};
use replay::{Status, Summary};
use serde_json::{Value, json};

use local::stand::{MINUTE_MS, Stand, tick_at};

fn example(text: &str) -> Result<Value> {
    Ok(serde_json::from_str(text)?)
}

fn alarm() -> Result<Value> {
    example(include_str!("../../../../infra/events/replay.json"))
}

#[tokio::test]
async fn each_trigger_that_comes_again_is_answered_from_its_record() -> Result<()> {
    let world = Stand::new().await?;
    let triggers = [
        alarm()?,
        example(include_str!("../../../../infra/events/replay-schedule.json"))?,
        example(include_str!("../../../../infra/events/replay-operator.json"))?,
        json!({ "source": "operator", "id": "another" }),
    ];
    for trigger in triggers {
        world.clock.advance(7 * 24 * 60 * MINUTE_MS);
        world
            .claimed(&work("acme", "1").driven_by("map", trigger.to_string()))
            .await
            .ok();
        world.clock.advance(60 * MINUTE_MS);
        let first = world.replay(trigger.clone()).await?;
        assert_eq!(first.status, Status::Swept, "{trigger}");
        let before = world.rows().await?;
        world.tap.forget();
        let again = world.replay(trigger.clone()).await?;
        assert_eq!(
            again,
            Summary {
                status: Status::Duplicate,
                ..first
            },
            "{trigger}"
        );
        assert_eq!(world.rows().await?, before, "{trigger}");
        let sent = world
            .tap
            .counts()
            .keys()
            .filter(|name| name.contains("Message"))
            .count();
        assert_eq!(sent, 0, "{trigger}: {:?}", world.tap.counts());
    }
    Ok(())
}

#[tokio::test]
async fn alarm_by_itself_and_through_a_topic_is_one_trigger() -> Result<()> {
    let world = Stand::new().await?;
    let wrapped = example(include_str!("../../../../infra/events/replay-sns.json"))?;
    assert_eq!(world.replay(alarm()?).await?.status, Status::Swept);
    assert_eq!(world.replay(wrapped).await?.status, Status::Duplicate);
    Ok(())
}

#[tokio::test]
async fn alarm_that_is_over_changes_nothing() -> Result<()> {
    let world = Stand::new().await?;
    let mut over = alarm()?;
    over["alarmData"]["state"]["value"] = json!("OK");
    world.tap.forget();
    let summary = world.replay(over).await?;
    assert_eq!(summary.status, Status::Ignored);
    assert_eq!(world.tap.counts().len(), 0);
    Ok(())
}

#[tokio::test]
async fn what_is_no_trigger_is_refused_before_anything_is_read() -> Result<()> {
    let world = Stand::new().await?;
    world.tap.forget();
    let unknown = [
        json!(null),
        json!({ "source": "aws.s3" }),
        json!({ "source": "operator", "id": "a", "satge": "map" }),
        json!({ "source": "schedule", "schedule": "sweep", "time": "soon" }),
    ];
    for event in unknown {
        assert!(world.replay(event.clone()).await.is_err(), "{event}");
    }
    assert_eq!(world.tap.counts().len(), 0, "{:?}", world.tap.counts());
    Ok(())
}

#[tokio::test]
async fn operator_who_names_an_org_that_is_not_there_is_refused() -> Result<()> {
    let world = Stand::new().await?;
    let before = world.rows().await?;
    let answer = world
        .replay(json!({ "source": "operator", "id": "a", "org": "nobody" }))
        .await;
    assert!(answer.is_err_and(|error| error.to_string().contains("nobody")));
    assert_eq!(world.rows().await?, before);
    Ok(())
}

#[tokio::test]
async fn operators_id_with_another_request_is_refused() -> Result<()> {
    let world = Stand::new().await?;
    world
        .replay(json!({ "source": "operator", "id": "a", "stage": "map" }))
        .await?;
    let before = world.rows().await?;
    let other = world
        .replay(json!({ "source": "operator", "id": "a", "stage": "notify" }))
        .await;
    assert!(other.is_err_and(|error| error.to_string().contains("other content")));
    assert_eq!(world.rows().await?, before);
    Ok(())
}

#[tokio::test]
async fn two_deliveries_at_once_sweep_once() -> Result<()> {
    let world = Stand::new().await?;
    world.claimed(&work("acme", "1").driven_by("map", "m")).await?;
    world.clock.advance(60 * MINUTE_MS);
    let tick = tick_at(world.clock_ms());
    let (one, other) = tokio::join!(world.replay(tick.clone()), world.replay(tick.clone()));
    assert!(
        one.is_ok() ^ other.is_ok(),
        "the second is told to come back: {one:?} {other:?}"
    );
    assert_eq!(world.queued(Stage::Map).len(), 1);
    assert_eq!(world.replay(tick).await?.status, Status::Duplicate);
    Ok(())
}

#[tokio::test]
async fn alarm_whose_invocation_died_is_done_by_the_next_sweep_with_all_that_it_may() -> Result<()> {
    let world = Stand::new().await?;
    let stuck = work("acme", "1").driven_by("open-pr", "m");
    world
        .parked(&stuck, Park::for_a_person("attempts_exhausted", ""))
        .await?;
    world.tap.crash_before(|call| call.operation == "Query");
    assert!(world.replay(alarm()?).await.is_err(), "it crashes");
    assert_eq!(world.tick().await?.resumed, 0);
    assert_eq!(
        world.queued(Stage::OpenPr).len(),
        0,
        "the alarm's lease is not over"
    );

    world.clock.advance(5 * MINUTE_MS);
    assert_eq!(
        world.tick().await?.resumed,
        0,
        "a schedule resumes nothing by itself"
    );
    assert_eq!(world.queued(Stage::OpenPr), ["m"], "and the alarm does");
    let alarms = world.ledger()?.life("trigger#alarm").await?;
    assert!(alarms.iter().all(|alarm| alarm.state == State::Sealed) && alarms.len() == 1);
    assert_eq!(world.replay(alarm()?).await?.resumed, 1, "as its record says");
    Ok(())
}

#[tokio::test]
async fn invocation_without_time_leaves_an_operators_request_open_for_the_next_sweep() -> Result<()> {
    let world = Stand::new().await?;
    let stuck = work("acme", "1").driven_by("open-pr", "m");
    world
        .parked(&stuck, Park::for_a_person("unauthorized", ""))
        .await?;
    let functions = world.functions()?;
    let asked = json!({ "source": "operator", "id": "a" });
    let summary = world
        .replay_until(&functions, asked.clone(), world.clock_ms())
        .await?;
    assert!(summary.more && summary.resumed == 0);

    world.clock.advance(5 * MINUTE_MS);
    world.tick().await?;
    assert_eq!(world.queued(Stage::OpenPr), ["m"]);
    let done = world.replay(asked).await?;
    assert_eq!(
        (done.status, done.resumed, done.more),
        (Status::Duplicate, 1, false)
    );
    Ok(())
}

fn work(org: &str, id: &str) -> Work {
    Work::new(
        WorkKey::new(format!("ticket#{org}#zendesk#{id}"), "pr#acme/shop"),
        "content",
    )
}
