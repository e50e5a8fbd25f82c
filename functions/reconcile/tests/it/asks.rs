//! Who may ask for what: everything else is refused, and changes nothing.

use anyhow::Result;
use local::stand::MINUTE_MS;
use reconcile::Status;
use serde_json::json;

use crate::world::{SINCE, World};

#[tokio::test]
async fn schedules_tick_compares_every_org_once() -> Result<()> {
    let world = World::new().await?;
    world.write(0, 5101)?;
    world.clock.advance(60 * MINUTE_MS);
    let tick = json!({ "source": "schedule", "schedule": "reconcile", "time": world.now() });
    let plan = world.reconcile(tick.clone()).await?;
    assert_eq!((plan.status, plan.items.len()), (Status::Planned, 1));
    world.write(1, 5102)?;
    let again = world.reconcile(tick).await?;
    assert_eq!((again.status, again.items.len()), (Status::Duplicate, 1));
    Ok(())
}

#[tokio::test]
async fn what_is_younger_than_the_settling_time_is_no_finding() -> Result<()> {
    let world = World::new().await?;
    world.write(0, 5101)?;
    world.clock.advance(5 * MINUTE_MS);
    let tick = json!({ "source": "schedule", "schedule": "reconcile", "time": world.now() });
    assert_eq!(world.reconcile(tick).await?.items.len(), 0);
    Ok(())
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_with_what_is_wrong() -> Result<()> {
    let world = World::new().await?;
    let now = world.now();
    let cases = [
        (json!({}), "no known shape"),
        (json!({ "source": "aws.cloudwatch" }), "no known shape"),
        (json!({ "source": "schedule", "schedule": "reconcile" }), "time"),
        (json!({ "source": "operator", "id": "" }), "id"),
        (json!({ "source": "operator", "id": "a", "ogr": "acme" }), "ogr"),
        (
            json!({ "source": "operator", "id": "a", "org": "nobody" }),
            "nobody",
        ),
        (json!({ "source": "operator", "id": "a", "apply": "x" }), "apply"),
        (
            json!({ "source": "operator", "id": "a", "since": now, "until": now }),
            "before `until`",
        ),
        (
            json!({ "source": "operator", "id": "a", "since": "2026-01-01T00:00:00Z", "until": now }),
            "31 days",
        ),
        (
            json!({ "source": "operator", "id": "a", "since": SINCE, "until": "2026-11-21T00:00:00Z" }),
            "is over",
        ),
        (
            json!({ "source": "operator", "id": "a", "since": SINCE, "until": now, "apply": "x" }),
            "out of date",
        ),
    ];
    for (event, says) in cases {
        let answer = world.reconcile(event.clone()).await;
        assert!(
            answer
                .as_ref()
                .is_err_and(|error| error.to_string().contains(says)),
            "{event}: {answer:?}"
        );
        assert_eq!(world.requests().await?, 0, "{event}: a refusal leaves no row");
    }
    Ok(())
}

#[tokio::test]
async fn request_whose_id_came_with_another_question_is_refused() -> Result<()> {
    let world = World::new().await?;
    world.plan("a").await?;
    let other = json!({ "source": "operator", "id": "a", "since": SINCE, "until": world.now() });
    let answer = world.reconcile(other).await;
    assert!(answer.is_err_and(|error| error.to_string().contains("other content")));
    assert_eq!(world.requests().await?, 1);
    Ok(())
}
