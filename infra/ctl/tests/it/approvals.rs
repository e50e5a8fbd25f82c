//! A person approves a bug below a threshold: it gets what a billed bug gets, and is billed only where the org said so.

use anyhow::Result;
use ctl::failure::Exit;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::stage::Stage;
use serde_json::{Value, json};

use crate::bench::json_of;
use crate::decisions::{decide, held_in};
use crate::desk::{json as run_json, run};

async fn usage(world: &Stand) -> Result<Value> {
    run_json(world, &["usage", "show", "--org", "acme", "--period", "2026-11"]).await
}

/// The ticket is told of again.
async fn touched(world: &Stand) -> Result<()> {
    world.clock.advance(20 * MINUTE_MS);
    let message = r#"{"v":1,"kind":"extract","ticket":{"org":"acme","provider":"zendesk","number":"5101"}}"#;
    told(world, "ExtractQueue", message).await
}

/// A message comes, and all that follows is done.
async fn told(world: &Stand, queue: &str, message: &str) -> Result<()> {
    let send = world.cloud.aws.link().sqs().send_message();
    send.queue_url(local::sqs::Sqs::queue_url(queue))
        .message_body(message)
        .send()
        .await?;
    world.drain().await
}

#[tokio::test]
async fn approved_bug_gets_what_a_billed_bug_gets_and_is_not_billed() -> Result<()> {
    let (world, step) = held_in(json!({})).await?;
    assert_eq!(world.effects("acme", 5101).await?, [0, 0, 0]);
    let first = json_of(&decide(&world, "approve", &step, &["--by", "ada", "--yes"]).await?)?;
    assert_eq!(
        (first["charge_max"].as_u64(), first["decided_before"].as_bool()),
        (Some(0), Some(false))
    );
    let second = json_of(&decide(&world, "approve", &step, &["--by", "bob", "--yes"]).await?)?;
    assert_eq!(second["decision"], first["decision"], "the first decision stands");
    let other = decide(&world, "reject", &step, &["--by", "bob", "--yes"]).await?;
    assert_eq!(other.exit, Exit::Refused, "{other:?}");
    world.drain().await?;
    let [_, pulls, comments] = world.effects("acme", 5101).await?;
    assert_eq!((pulls, comments), (1, 1));
    let books = usage(&world).await?;
    assert_eq!(
        (books["entries"].clone(), books["total"]["mapped_bugs"].as_u64()),
        (json!([]), Some(0))
    );
    let shown = run_json(&world, &["ticket", "show", "acme", "zendesk", "5101"]).await?;
    assert_eq!(
        (shown["outcome"].as_str(), shown["next"].as_str()),
        (Some("approved"), Some("done"))
    );
    let told = run_json(&world, &["usage", "explain", "--org", "acme", "zendesk:5101"]).await?;
    assert_eq!(told["billed"], false, "{told}");
    assert!(told["why"].to_string().contains("let it through"), "{told}");
    Ok(())
}

#[tokio::test]
async fn approved_bug_is_never_charged_later_and_gives_nothing_back() -> Result<()> {
    let (world, step) = held_in(json!({})).await?;
    decide(&world, "approve", &step, &["--by", "ada", "--yes"]).await?;
    world.drain().await?;
    // The customer says more, and the org lowers its thresholds: the bug would qualify now.
    world.put_settings("acme", json!({})).await?;
    world.sandbox.edit(|outside, now_ms| {
        outside
            .zendesk
            .customer_comment(now_ms, 5101, "It is also wrong with a voucher.")
    });
    touched(&world).await?;
    let claim = [
        "usage",
        "credit",
        "--org",
        "acme",
        "zendesk:5101",
        "--reason",
        "wrong",
        "--by",
        "ada",
        "--apply",
    ];
    let claimed = run(&world, &claim).await?;
    assert_eq!(claimed.exit, Exit::Refused, "{claimed:?}");
    // A claim that was sent before it was refused gives nothing back either.
    let early = r#"{"v":1,"kind":"credit","ticket":{"org":"acme","provider":"zendesk","number":"5101"},"source":"operator","by":"ada","note":"wrong","asked_at_ms":0}"#;
    told(&world, "QualifyQueue", early).await?;
    let told = run(&world, &["usage", "explain", "--org", "acme", "zendesk:5101"]).await?;
    assert!(told.stdout.contains("there was no charge then"), "{told:?}");
    let books = usage(&world).await?;
    assert_eq!(books["entries"], json!([]));
    let [_, pulls, comments] = world.effects("acme", 5101).await?;
    assert_eq!((pulls, comments), (1, 1));
    assert!(Stage::ALL.iter().all(|stage| world.queued(*stage).is_empty()));
    let verified = run(
        &world,
        &["usage", "verify", "--org", "acme", "--period", "2026-11"],
    )
    .await?;
    assert_eq!(verified.exit, Exit::Done, "{verified:?}");
    Ok(())
}

#[tokio::test]
async fn approved_bug_is_billed_once_with_the_persons_name_where_the_org_says_so() -> Result<()> {
    let (world, step) = held_in(json!({ "approved_by_person": true })).await?;
    let first = json_of(&decide(&world, "approve", &step, &["--by", "ada", "--yes"]).await?)?;
    assert_eq!(first["charge_max"].as_u64(), Some(1));
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    let books = usage(&world).await?;
    assert_eq!(books["total"]["mapped_bugs"], 1);
    assert_eq!(books["entries"][0]["extract_model"], "person:ada");
    assert_eq!(run_json(&world, &["review", "list"]).await?["found"], 0);
    touched(&world).await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    let shown = run_json(&world, &["ticket", "show", "acme", "zendesk", "5101"]).await?;
    assert_eq!(
        (shown["outcome"].as_str(), shown["next"].as_str()),
        (Some("billed"), Some("done"))
    );
    Ok(())
}
