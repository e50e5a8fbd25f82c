//! Dead letters go back to their queue, one move at a time.

use anyhow::Result;
use ratchet_domain::stage::Stage;
use replay::{Redrive, Redriven};
use serde_json::json;

use local::stand::{MINUTE_MS, Stand, queue_of};

/// Messages of a stage that were received until the queue gave them up.
async fn dead_letters(world: &Stand, stage: Stage, count: usize) -> Result<()> {
    let sqs = world.cloud.aws.link().sqs();
    let queue = queue_of(stage);
    for number in 0..count {
        let url = local::sqs::Sqs::queue_url(&queue);
        sqs.send_message()
            .queue_url(url)
            .message_body(number.to_string())
            .send()
            .await?;
    }
    for _ in 0..30 {
        drop(world.cloud.aws.sqs.receive(&queue, 10));
        world.clock.advance(60 * MINUTE_MS);
    }
    assert!(world.queued(stage).is_empty(), "they are dead");
    Ok(())
}

fn redriven(outcome: Redrive, messages: u64) -> Vec<Redriven> {
    vec![Redriven {
        stage: "map".to_owned(),
        outcome,
        messages,
    }]
}

#[tokio::test]
async fn dead_letters_go_back_and_empty_queues_are_left_alone() -> Result<()> {
    let world = Stand::new().await?;
    dead_letters(&world, Stage::Map, 1).await?;
    world.tap.forget();
    assert_eq!(world.tick().await?.redriven, redriven(Redrive::Started, 1));
    assert_eq!(world.tap.counts().get("StartMessageMoveTask"), Some(&1));
    assert_eq!(world.queued(Stage::Map), ["0"]);
    world.clock.advance(MINUTE_MS);
    assert_eq!(world.tick().await?.redriven, []);
    Ok(())
}

#[tokio::test]
async fn redrive_while_one_runs_is_said_and_changes_nothing() -> Result<()> {
    let world = Stand::new().await?;
    dead_letters(&world, Stage::Map, 5).await?;
    assert_eq!(world.tick().await?.redriven, redriven(Redrive::Started, 5));
    let asked = json!({ "source": "operator", "id": "a", "redrive": true });
    let second = world.replay(asked).await?;
    assert_eq!(
        second.redriven,
        redriven(Redrive::Running, 4),
        "one is moved at once"
    );
    world.clock.advance(MINUTE_MS);
    assert_eq!(world.queued(Stage::Map).len(), 5, "and the move comes to its end");
    Ok(())
}

#[tokio::test]
async fn operator_redrives_only_where_it_says_so() -> Result<()> {
    let world = Stand::new().await?;
    dead_letters(&world, Stage::Map, 1).await?;
    let quiet = world.replay(json!({ "source": "operator", "id": "a" })).await?;
    assert_eq!(quiet.redriven, []);
    let other = json!({ "source": "operator", "id": "b", "redrive": true, "stage": "notify" });
    assert_eq!(world.replay(other).await?.redriven, []);
    let same = json!({ "source": "operator", "id": "c", "redrive": true, "stage": "map" });
    assert_eq!(world.replay(same).await?.redriven, redriven(Redrive::Started, 1));
    Ok(())
}
