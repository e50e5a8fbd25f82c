//! Issues of a tracker: one that no row tells of is adopted, and of several under one marker the first stays.

use anyhow::{Context, Result};
use local::stand::MINUTE_MS;
use ratchet_guard::{State, WorkKey};
use reconcile::{Kind, Plan, Repair};
use serde_json::{Value, json};

use crate::world::{World, settings};

const SUBJECT: &str = "ticket#acme#zendesk#5101";

fn found(plan: &Plan) -> Vec<(Kind, Repair, &str)> {
    let items = plan.items.iter();
    items
        .map(|item| (item.kind, item.repair, item.step.as_str()))
        .collect()
}

fn with_tracker(tracker: Value) -> Value {
    let mut document = settings();
    document["tracker"] = tracker;
    document
}

async fn mended(world: &World, id: &str, plan: &Plan) -> Result<Plan> {
    let applied = world.apply(id, plan).await?;
    assert_eq!(
        (applied.applied, applied.failed),
        (plan.items.len() as u64, 0),
        "{applied:?}"
    );
    world.clock.advance(MINUTE_MS);
    world.plan(&format!("after {id}")).await
}

#[tokio::test]
async fn issues_of_jira_under_one_marker_are_one_again_and_nobody_elses_is_touched() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    world
        .put(&with_tracker(json!({
            "kind": "jira", "api_url": "https://acme.atlassian.net", "email": "bot@acme.test",
            "api_token": "env:INTERCOM_TOKEN", "project": "ENG", "issue_type": "Bug",
        })))
        .await?;
    let effect = WorkKey::new(SUBJECT, "tracker#jira").effect();
    for (id, effect) in [
        (12, effect.as_str()),
        (7, effect.as_str()),
        (3, "of-another-bug"),
        (9, effect.as_str()),
    ] {
        world.jira.opened(id, effect);
    }
    let plan = world.plan("a").await?;
    assert_eq!(
        found(&plan),
        [(Kind::EffectUnrecorded, Repair::Adopt, "tracker#jira")],
        "{plan:?}"
    );
    let plan = mended(&world, "b", &plan).await?;
    let row = world.life(5101).await?.remove("tracker#jira");
    let row = row.context("it is on record")?;
    assert_eq!(
        (row.state, row.external_id.as_deref()),
        (State::Sealed, Some("https://acme.atlassian.net/browse/ENG-7"))
    );
    assert_eq!(
        found(&plan),
        [(Kind::EffectDoubled, Repair::DeleteOurs, "tracker#jira")],
        "{plan:?}"
    );
    let plan = mended(&world, "c", &plan).await?;
    assert_eq!(
        world.jira.ids(),
        [3, 7],
        "the lowest id stays, and what is not ours"
    );
    assert_eq!(found(&plan), []);
    Ok(())
}

#[tokio::test]
async fn issue_of_github_that_a_restored_ledger_has_never_heard_of_is_adopted() -> Result<()> {
    let world = World::new().await?;
    world
        .put(&with_tracker(json!({ "kind": "github", "repo": "acme/shop" })))
        .await?;
    world.done(5101).await?;
    assert_eq!(found(&world.plan("a").await?), [], "it is there, and on record");
    let before = world.life(5101).await?.remove("tracker#github");
    let before = before.context("it is opened")?;
    world.lose(SUBJECT, "tracker#github").await?;
    let plan = world.plan("b").await?;
    assert_eq!(
        found(&plan),
        [(Kind::EffectUnrecorded, Repair::Adopt, "tracker#github")],
        "{plan:?}"
    );
    assert_eq!(found(&mended(&world, "c", &plan).await?), []);
    let after = world.life(5101).await?.remove("tracker#github");
    let after = after.context("it is back")?;
    assert_eq!(
        (&after.body, &after.external_id),
        (&before.body, &before.external_id)
    );
    Ok(())
}

#[tokio::test]
async fn issue_of_linear_is_known_by_its_id_adopted_and_missed_when_it_is_gone() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    world
        .put(&with_tracker(json!({
            "kind": "linear", "api_url": "https://api.linear.app/graphql", "api_key": "env:INTERCOM_TOKEN", "team_id": "t",
        })))
        .await?;
    assert_eq!(found(&world.plan("a").await?), [], "nobody has opened one");
    let effect = WorkKey::new(SUBJECT, "tracker#linear").effect();
    world.linear.opened("ENG-3", "of-another-bug");
    world.linear.opened("ENG-7", effect.as_str());
    let plan = world.plan("b").await?;
    assert_eq!(
        found(&plan),
        [(Kind::EffectUnrecorded, Repair::Adopt, "tracker#linear")],
        "{plan:?}"
    );
    assert_eq!(found(&mended(&world, "c", &plan).await?), []);
    let row = world.life(5101).await?.remove("tracker#linear");
    let row = row.context("it is on record")?;
    assert_eq!(
        (row.state, row.external_id.as_deref()),
        (State::Sealed, Some("https://linear.app/acme/issue/ENG-7"))
    );
    world.linear.cleared();
    let plan = world.plan("d").await?;
    assert_eq!(
        found(&plan),
        [(Kind::EffectMissing, Repair::Look, "tracker#linear")],
        "{plan:?}"
    );
    Ok(())
}
