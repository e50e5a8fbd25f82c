//! Plans of repairs from the command line: what they say, that they mend it once, and when they are refused.

use anyhow::Result;
use aws_sdk_dynamodb::types::AttributeValue;
use ctl::failure::Exit;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::stage::Stage;
use serde_json::{Value, json};

use crate::bench::Bench;
use crate::decisions::{SUBJECT, decide, held_in};
use crate::desk::{json as run_json, run};

/// An hour that has all that a test does and is over, twenty minutes later.
const WINDOW: [&str; 4] = [
    "--since",
    "2026-11-20T08:30:00Z",
    "--until",
    "2026-11-20T09:10:00Z",
];

/// A ticket that no webhook told of.
async fn untold() -> Result<Stand> {
    let world = Stand::new().await?;
    world.write(0, 5101)?;
    world.clock.advance(60 * MINUTE_MS);
    Ok(world)
}

async fn plan(world: &Stand) -> Result<Value> {
    world.clock.advance(1);
    run_json(
        world,
        &[&["reconcile", "plan", "--org", "acme"], &WINDOW[..]].concat(),
    )
    .await
}

fn apply(plan: &Value) -> Vec<&str> {
    let name = plan["plan"].as_str().unwrap_or_default();
    vec!["reconcile", "apply", name, "--by", "ada"]
}

fn kinds(plan: &Value) -> Vec<&str> {
    let items = plan["items"].as_array().into_iter().flatten();
    items.filter_map(|item| item["kind"].as_str()).collect()
}

#[tokio::test]
async fn plan_says_what_would_be_mended_apply_mends_it_and_the_next_plan_is_clean() -> Result<()> {
    let world = untold().await?;
    let planned = plan(&world).await?;
    assert_eq!(kinds(&planned), ["ticket_unknown"], "{planned}");
    assert_eq!(planned["mendable"], 1);
    assert!(world.queued(Stage::Extract).is_empty(), "a plan changes nothing");

    let args = apply(&planned);
    let told = run(&world, &[&["--json"], &args[..]].concat()).await?;
    assert!(told.stdout.contains("\"applied\": 1"), "{told:?}");
    assert_eq!(world.queued(Stage::Extract).len(), 1);
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    world.clock.advance(60 * MINUTE_MS);
    let clean = plan(&world).await?;
    assert_eq!(
        (kinds(&clean).len(), clean["plan"].clone()),
        (0, Value::Null),
        "{clean}"
    );
    Ok(())
}

fn findings(plan: &Value) -> Vec<[&str; 3]> {
    let items = plan["items"].as_array().into_iter().flatten();
    items
        .map(|item| ["kind", "repair", "step"].map(|name| item[name].as_str().unwrap_or_default()))
        .collect()
}

#[tokio::test]
async fn what_a_bug_got_that_was_approved_without_a_bill_is_compared_like_what_a_billed_one_got() -> Result<()>
{
    let (world, step) = held_in(json!({})).await?;
    decide(&world, "approve", &step, &["--by", "ada", "--yes"]).await?;
    world.drain().await?;
    let [bills, pulls, comments] = world.effects("acme", 5101).await?;
    assert_eq!((bills, pulls, comments), (1, 1, 1), "a flag without an entry");
    world.clock.advance(60 * MINUTE_MS);
    assert_eq!(kinds(&plan(&world).await?).len(), 0);

    // A restored ledger has never heard of the message; and somebody deletes the repository with the pull request.
    for step in ["slack#C0RATCHET", "bill"] {
        let delete = world.cloud.aws.link().dynamo().delete_item();
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let delete = delete.table_name("LedgerTable").key("subject", text(SUBJECT));
        delete.key("step", text(step)).send().await?;
    }
    world.sandbox.edit(|outside, now_ms| {
        outside.github.remove_repo("acme/shop");
        outside.github.add_repo(now_ms, "acme/shop", &[])
    });
    let planned = plan(&world).await?;
    assert_eq!(
        findings(&planned),
        [
            ["entry_without_flag", "look", "approved#acme#2026-11"],
            ["effect_missing", "look", "pr#acme/shop"],
            ["effect_unrecorded", "adopt", "slack#C0RATCHET"],
        ],
        "{planned}"
    );
    let applied = run_json(&world, &apply(&planned)).await?;
    assert_eq!(
        (applied["applied"].as_u64(), applied["failed"].as_u64()),
        (Some(1), Some(0))
    );
    let after = plan(&world).await?;
    assert_eq!(kinds(&after), ["entry_without_flag", "effect_missing"], "{after}");
    Ok(())
}

#[tokio::test]
async fn plan_for_people_names_itself_and_what_it_would_do() -> Result<()> {
    let world = untold().await?;
    let told = run(
        &world,
        &[&["reconcile", "plan", "--org", "acme"], &WINDOW[..]].concat(),
    )
    .await?;
    assert_eq!(told.exit, Exit::Done);
    for word in [
        "ticket_unknown",
        "enqueue",
        "ticket#acme#zendesk#5101",
        "ctl reconcile apply ",
    ] {
        assert!(told.stdout.contains(word), "{word}: {}", told.stdout);
    }
    Ok(())
}

#[tokio::test]
async fn plan_of_a_world_that_has_moved_or_of_another_org_is_refused_and_changes_nothing() -> Result<()> {
    let world = untold().await?;
    world.put_settings("other", json!({})).await?;
    let planned = plan(&world).await?;
    let before = world.rows().await?;
    let args = apply(&planned);
    let other = run(&world, &[&args[..], &["--org", "other"]].concat()).await?;
    assert_eq!(other.exit, Exit::Refused, "{other:?}");
    let absent = run(&world, &["reconcile", "apply", "0123", "--by", "ada"]).await?;
    assert_eq!(absent.exit, Exit::NotFound, "{absent:?}");
    assert_eq!(world.rows().await?, before);

    world.tell("acme", 5101).await?;
    world.drain().await?;
    let before = world.rows().await?;
    let moved = run(&world, &args).await?;
    assert_eq!(moved.exit, Exit::Refused, "{moved:?}");
    assert!(moved.stderr.contains("out of date"), "{moved:?}");
    assert_eq!(world.rows().await?, before);
    assert!(world.queued(Stage::Extract).is_empty());
    Ok(())
}

#[tokio::test]
async fn same_id_again_answers_with_what_was_done_and_does_nothing() -> Result<()> {
    let world = untold().await?;
    let planned = plan(&world).await?;
    let args = [&apply(&planned)[..], &["--id", "once"]].concat();
    assert_eq!(run_json(&world, &args).await?["done_before"], false);
    world.lose(Stage::Extract);
    let again = run_json(&world, &args).await?;
    assert_eq!(
        (again["done_before"].clone(), again["applied"].as_u64()),
        (json!(true), Some(1))
    );
    assert!(world.queued(Stage::Extract).is_empty());
    Ok(())
}

#[tokio::test]
async fn windows_that_make_no_sense_are_refused_and_nobody_is_asked() -> Result<()> {
    let world = untold().await?;
    let before = world.rows().await?;
    let windows = [
        ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z", "empty"),
        ("2026-10-01T00:00:00Z", "2026-11-20T09:00:00Z", "31 days"),
        ("2026-11-20T09:00:00Z", "2026-11-21T09:00:00Z", "is over"),
    ];
    for (since, until, says) in windows {
        let args = [
            "reconcile",
            "plan",
            "--org",
            "acme",
            "--since",
            since,
            "--until",
            until,
        ];
        let refused = run(&world, &args).await?;
        assert_eq!(refused.exit, Exit::Invalid, "{refused:?}");
        assert!(refused.stderr.contains(says), "{refused:?}");
    }
    assert_eq!(world.rows().await?, before);
    Ok(())
}

#[tokio::test]
async fn org_that_nobody_put_is_not_found_by_any_verb_that_looks_for_its_work() -> Result<()> {
    let world = untold().await?;
    let before = world.rows().await?;
    let plans = [&["reconcile", "plan", "--org", "acne"], &WINDOW[..]].concat();
    let replays = [&["replay", "plan", "--org", "acne"], &WINDOW[..]].concat();
    let listed = vec!["review", "list", "--org", "acne"];
    let planned = vec!["effects", "planned", "--org", "acne"];
    for args in [plans, replays, listed, planned] {
        let told = run(&world, &args).await?;
        assert_eq!(told.exit, Exit::NotFound, "{args:?}: {told:?}");
        assert!(told.stderr.contains("org has no settings org=`acne`"), "{told:?}");
    }
    assert_eq!(world.rows().await?, before);
    Ok(())
}

#[tokio::test]
async fn function_that_nobody_named_is_told_of() -> Result<()> {
    let bench = Bench::new().await?;
    let told = bench.run(&["reconcile", "plan", "--org", "acme"]).await?;
    assert_eq!(told.exit, Exit::Invalid);
    assert!(told.stderr.contains("RECONCILE_FUNCTION_ARN"), "{told:?}");
    Ok(())
}
