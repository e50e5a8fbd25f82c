//! What carrying a plan out puts right by itself: each is mended once, and the next plan is clean.

use anyhow::{Context, Result};
use local::stand::MINUTE_MS;
use ratchet_guard::{State, WorkKey};
use ratchet_providers::secret::Secret;
use ratchet_providers::slack::{Slack, message_body};
use ratchet_providers::text::Text;
use ratchet_providers::wire::Wire;
use reconcile::{Kind, Plan, Repair};
use serde_json::json;

use crate::world::{World, settings};

const SUBJECT: &str = "ticket#acme#zendesk#5101";
const STEPS: [&str; 3] = ["pr#acme/shop", "rca-comment", "slack#C0RATCHET"];

fn found(plan: &Plan) -> Vec<(Kind, Repair)> {
    plan.items.iter().map(|item| (item.kind, item.repair)).collect()
}

/// Carries the plan out, and makes another one.
async fn mended(world: &World, plan: &Plan) -> Result<Plan> {
    let applied = world.apply("apply", plan).await?;
    assert_eq!(
        (applied.applied, applied.failed),
        (plan.items.len() as u64, 0),
        "{applied:?}"
    );
    world.clock.advance(MINUTE_MS);
    world.plan("again").await
}

#[tokio::test]
async fn effects_that_a_restored_ledger_has_never_heard_of_are_adopted_and_not_made_again() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    let before = world.life(5101).await?;
    for step in STEPS {
        world.lose(SUBJECT, step).await?;
    }
    let landed = world.sandbox.effects().len();
    let plan = world.plan("a").await?;
    assert_eq!(
        found(&plan),
        [(Kind::EffectUnrecorded, Repair::Adopt); 3],
        "{plan:?}"
    );
    assert_eq!(found(&mended(&world, &plan).await?), []);
    let after = world.life(5101).await?;
    for step in STEPS {
        let (before, after) = (before.get(step), after.get(step));
        let (before, after) = (before.context("it was there")?, after.context("it is back")?);
        assert_eq!(after.state, State::Sealed, "{step}");
        assert_eq!(
            (&after.body, &after.external_id),
            (&before.body, &before.external_id),
            "{step}"
        );
        assert_eq!(after.content, before.content, "{step}");
    }
    // The stages find it done.
    world.resend(5101, "open-pr").await?;
    world.drain().await?;
    assert_eq!(world.sandbox.effects().len(), landed);
    Ok(())
}

#[tokio::test]
async fn messages_under_one_marker_are_one_again_and_nobody_elses_is_touched() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    let effect = WorkKey::new(SUBJECT, "slack#C0RATCHET").effect();
    let token = Secret::new(world.sandbox.read(|outside| outside.slack.token.clone()));
    let slack = Slack::new(Wire::new(&world.sandbox, 0), "https://slack.com/api", &token);
    for effect in [effect.as_str(), effect.as_str(), "of-another-bug"] {
        slack
            .post(message_body("C0RATCHET", &Text::new().ours("again"), effect))
            .await?;
    }
    world
        .sandbox
        .edit(|outside, now_ms| outside.slack.say(now_ms, "C0RATCHET", "what is this"));
    let first = world
        .sandbox
        .read(|outside| outside.slack.messages("C0RATCHET")[0].ts.clone());

    let plan = world.plan("a").await?;
    assert_eq!(
        found(&plan),
        [(Kind::EffectDoubled, Repair::DeleteOurs)],
        "{plan:?}"
    );
    assert_eq!(found(&mended(&world, &plan).await?), []);
    let left: Vec<(String, String)> = world.sandbox.read(|outside| {
        let messages = outside.slack.messages("C0RATCHET").iter();
        messages
            .map(|message| (message.ts.clone(), message.text.clone()))
            .collect()
    });
    assert_eq!(left.len(), 3, "{left:?}");
    assert_eq!(left[0].0, first, "the lowest id stays");
    assert_eq!(
        (left[1].1.as_str(), left[2].1.as_str()),
        ("again", "what is this")
    );
    Ok(())
}

#[tokio::test]
async fn late_receipt_of_the_effect_on_record_is_closed_and_another_one_is_left_to_a_person() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    let comment = world
        .life(5101)
        .await?
        .remove("rca-comment")
        .context("it is out")?;
    let id = comment.external_id.context("it has an id")?;
    for (fence, id) in [(1, id.as_str()), (2, "4711")] {
        let step = format!("rca-comment#receipt#{fence}");
        let update =
            "SET #state = :receipt, fence = :fence, external_id = :id, due_at = :one, unfinished = :part";
        let values =
            json!({ ":receipt": "receipt", ":fence": fence, ":one": 1, ":id": id, ":part": "receipt#3" });
        let key = [("subject", SUBJECT), ("step", step.as_str())];
        world.set("LedgerTable", key, update, values).await?;
    }
    let plan = world.plan("a").await?;
    assert_eq!(
        found(&plan),
        [
            (Kind::LateReceipt, Repair::Close),
            (Kind::LateReceipt, Repair::Look)
        ]
    );
    assert_eq!(world.apply("b", &plan).await?.applied, 1);
    let left = world.plan("c").await?;
    assert_eq!(found(&left), [(Kind::LateReceipt, Repair::Look)]);
    assert!(left.items[0].finding.contains("4711"), "{left:?}");
    Ok(())
}

#[tokio::test]
async fn delivery_of_github_that_failed_is_asked_for_again_once() -> Result<()> {
    let world = World::new().await?;
    let mut document = settings();
    document["github"] = json!({
        "api_url": "https://api.github.com", "app_id": "1234", "installation_id": "5678",
        "private_key": "env:GITHUB_KEY", "webhook_secret": "env:GITHUB_WEBHOOK", "repos": ["acme/shop"],
    });
    world.put(&document).await?;
    world.done(5101).await?;
    let hooks = world.sandbox.edit(|outside, _| outside.github.take_hooks());
    let hook = hooks.first().context("the pull request was told of")?.clone();
    world
        .sandbox
        .edit(|outside, _| outside.github.hook_answered(hook.id, 503));
    let plan = world.plan("a").await?;
    assert_eq!(
        found(&plan),
        [(Kind::DeliveryFailed, Repair::Redeliver)],
        "{plan:?}"
    );
    assert_eq!(world.apply("b", &plan).await?.applied, 1);
    let again = world.sandbox.edit(|outside, _| outside.github.take_hooks());
    let again = again.first().context("it is delivered once more")?;
    assert_eq!(
        again.guid, hook.guid,
        "under the same id, so that the intake knows it"
    );
    let id = again.id;
    world
        .sandbox
        .edit(|outside, _| outside.github.hook_answered(id, 200));
    assert_eq!(found(&world.plan("c").await?), []);
    Ok(())
}

#[tokio::test]
async fn conversation_that_no_webhook_told_of_is_enqueued_once_through_the_intakes_dedup() -> Result<()> {
    let world = World::new().await?;
    let mut document = settings();
    document["intercom"] = json!({
        "base_url": "https://api.intercom.io", "client_secret": "env:INTERCOM_TOKEN",
        "access_token": "env:INTERCOM_TOKEN", "admin_id": "3156780",
    });
    world.put(&document).await?;
    let now_s = 1_795_165_200;
    world.clock.advance(20 * MINUTE_MS);
    let list = [(1, now_s), (2, now_s + 1), (3, now_s + 2), (4, now_s - 86_400)];
    world.conversations.lock().unwrap().extend(list);
    let key = [("subject", "ticket#acme#intercom#2"), ("step", "extract#c")];
    world
        .set(
            "LedgerTable",
            key,
            "SET #state = :sealed",
            json!({ ":sealed": "sealed" }),
        )
        .await?;

    let plan = world.plan("a").await?;
    let subjects: Vec<&str> = plan.items.iter().map(|item| item.subject.as_str()).collect();
    assert_eq!(
        subjects,
        ["ticket#acme#intercom#1", "ticket#acme#intercom#3"],
        "{plan:?}"
    );
    assert_eq!(world.apply("b", &plan).await?.applied, 2);
    world.apply("c", &plan).await?;
    assert_eq!(world.cloud.aws.sqs.depth("ExtractQueue").visible, 2, "once each");
    Ok(())
}
