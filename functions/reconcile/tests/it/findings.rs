//! What a comparison finds, and what carrying the plan out does about it.

use anyhow::{Context, Result};
use local::stand::MINUTE_MS;
use ratchet_guard::State;
use reconcile::{Kind, Plan, Repair, Status};
use serde_json::json;

use crate::world::World;

fn kinds(plan: &Plan) -> Vec<Kind> {
    plan.items.iter().map(|item| item.kind).collect()
}

fn period() -> [(&'static str, &'static str); 2] {
    [("org_period", "acme#2026-11"), ("sk", "total")]
}

#[tokio::test]
async fn world_that_agrees_gives_an_empty_plan() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    let plan = world.plan("a").await?;
    assert_eq!(
        (plan.items.len(), plan.unread.len(), plan.more),
        (0, 0, false),
        "{plan:?}"
    );
    assert!(
        world.life(5101).await?.contains_key("bill"),
        "there was something to compare"
    );
    Ok(())
}

#[tokio::test]
async fn ticket_that_no_webhook_told_of_is_enqueued_once_and_the_next_plan_is_clean() -> Result<()> {
    let world = World::new().await?;
    world.write(0, 5101)?;
    world.clock.advance(20 * MINUTE_MS);
    let plan = world.plan("a").await?;
    assert_eq!(kinds(&plan), [Kind::TicketUnknown]);
    assert!(world.life(5101).await?.is_empty(), "a plan changes nothing");

    let applied = world.apply("b", &plan).await?;
    assert_eq!(
        (applied.status, applied.applied, applied.failed),
        (Status::Applied, 1, 0)
    );
    let again = world.apply("b", &plan).await?;
    assert_eq!((again.status, again.applied), (Status::Duplicate, 1));
    // Another request with the same plan goes through the intake's dedup: it is on its way already.
    world.apply("c", &plan).await?;
    assert_eq!(world.cloud.aws.sqs.depth("ExtractQueue").visible, 1);

    world.drain().await?;
    assert!(world.life(5101).await?.contains_key("bill"));
    world.clock.advance(20 * MINUTE_MS);
    assert_eq!(kinds(&world.plan("d").await?), []);
    Ok(())
}

#[tokio::test]
async fn plan_of_a_world_that_has_moved_is_refused_and_changes_nothing() -> Result<()> {
    let world = World::new().await?;
    world.write(0, 5101)?;
    world.write(1, 5102)?;
    world.clock.advance(20 * MINUTE_MS);
    let plan = world.plan("a").await?;
    assert_eq!(plan.items.len(), 2);
    world.done(5101).await?;
    let refused = world.apply("b", &plan).await;
    assert!(refused.is_err_and(|error| error.to_string().contains("out of date")));
    assert_eq!(world.cloud.aws.sqs.depth("ExtractQueue").visible, 0);
    Ok(())
}

#[tokio::test]
async fn effect_that_is_parked_and_out_is_found_resumed_and_adopted() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    for step in ["pr#acme/shop", "rca-comment", "slack#C0RATCHET"] {
        let key = [("subject", "ticket#acme#zendesk#5101"), ("step", step)];
        let update = "SET #state = :parked, reason = :why, due_at = :now, unfinished = :review REMOVE body, external_id";
        let values =
            json!({ ":parked": "parked", ":why": "attempts_exhausted", ":now": 1, ":review": "review#0" });
        world.set("LedgerTable", key, update, values).await?;
    }
    let plan = world.plan("a").await?;
    assert_eq!(kinds(&plan), [Kind::EffectUnrecorded; 3], "{plan:?}");
    let before = world.sandbox.effects().len();
    assert_eq!(world.apply("b", &plan).await?.applied, 3);
    world.sweep().await?;
    world.drain().await?;
    for (step, record) in world.life(5101).await? {
        assert_eq!(record.state, State::Sealed, "{step}");
    }
    assert_eq!(
        world.sandbox.effects().len(),
        before,
        "what is out is adopted, not made again"
    );
    world.clock.advance(20 * MINUTE_MS);
    assert_eq!(kinds(&world.plan("c").await?), []);
    Ok(())
}

#[tokio::test]
async fn effect_that_is_sealed_and_not_out_is_left_to_a_person() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    world.sandbox.edit(|outside, now_ms| {
        outside.github.remove_repo("acme/shop");
        outside.github.add_repo(now_ms, "acme/shop", &[])
    });
    let plan = world.plan("a").await?;
    let item = plan.items.first().context("it is found")?;
    assert_eq!(
        (item.kind, item.step.as_str(), item.repair),
        (Kind::EffectMissing, "pr#acme/shop", Repair::Look)
    );
    assert_eq!(plan.items.len(), 1, "{plan:?}");
    Ok(())
}

#[tokio::test]
async fn entry_whose_flag_is_gone_is_left_to_a_person() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    world.lose("ticket#acme#zendesk#5101", "bill").await?;
    let plan = world.plan("a").await?;
    let item = plan.items.first().context("it is found")?;
    assert_eq!(
        (item.kind, item.repair),
        (Kind::EntryWithoutFlag, Repair::Look),
        "{plan:?}"
    );
    assert_eq!(plan.items.len(), 1);
    Ok(())
}

#[tokio::test]
async fn late_receipt_of_another_org_is_in_no_plan_of_this_one() -> Result<()> {
    let world = World::new().await?;
    let key = [
        ("subject", "ticket#other#zendesk#1"),
        ("step", "rca-comment#receipt#1"),
    ];
    let update = "SET #state = :receipt, fence = :one, external_id = :id, due_at = :one, unfinished = :part";
    let values = json!({ ":receipt": "receipt", ":one": 1, ":id": "4711", ":part": "receipt#3" });
    world.set("LedgerTable", key, update, values).await?;
    assert_eq!(kinds(&world.plan("a").await?), []);
    Ok(())
}

#[tokio::test]
async fn late_receipt_is_found() -> Result<()> {
    let world = World::new().await?;
    let key = [
        ("subject", "ticket#acme#zendesk#1"),
        ("step", "rca-comment#receipt#1"),
    ];
    let update = "SET #state = :receipt, fence = :one, external_id = :id, due_at = :one, unfinished = :part";
    let values = json!({ ":receipt": "receipt", ":one": 1, ":id": "4711", ":part": "receipt#3" });
    world.set("LedgerTable", key, update, values).await?;
    let plan = world.plan("a").await?;
    assert_eq!(kinds(&plan), [Kind::LateReceipt]);
    assert!(plan.items[0].finding.contains("4711"));
    Ok(())
}

#[tokio::test]
async fn row_that_does_not_read_is_named_and_other_tickets_are_compared() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    world.write(1, 5102)?;
    world.clock.advance(20 * MINUTE_MS);
    world.damage("ticket#acme#zendesk#5101", "rca-comment").await?;
    let plan = world.plan("a").await?;
    assert_eq!(kinds(&plan), [Kind::TicketUnknown], "{plan:?}");
    assert_eq!(plan.items[0].subject, "ticket#acme#zendesk#5102");
    let what: Vec<&str> = plan.unread.iter().map(|unread| unread.what.as_str()).collect();
    assert_eq!(what, ["row `ticket#acme#zendesk#5101/rca-comment`"]);
    Ok(())
}

#[tokio::test]
async fn provider_that_does_not_answer_is_said_and_hides_nothing_else() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    world
        .set("UsageTable", period(), "SET mapped_bugs = :n", json!({ ":n": 7 }))
        .await?;
    world
        .sandbox
        .edit(|outside, _| outside.zendesk.access.api_token = "another".to_owned());
    let plan = world.plan("a").await?;
    assert_eq!(kinds(&plan), [Kind::TotalDiffers]);
    let what: Vec<&str> = plan.unread.iter().map(|unread| unread.what.as_str()).collect();
    assert_eq!(what, ["effects", "tickets"]);
    Ok(())
}
