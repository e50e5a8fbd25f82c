//! Plans: what they say, that they do what they say and no more, and when they are refused.

use anyhow::Result;
use ctl::failure::Exit;
use local::sandbox::Provider;
use ratchet_domain::stage::Stage;
use ratchet_guard::State;
use serde_json::{Value, json};

use crate::bench::json_of;
use crate::desk::{HOUR, apply, json as run_json, plan, run};
use local::stand::{MINUTE_MS, Stand};

/// What a refused command leaves alone: rows and queues.
async fn everything(world: &Stand) -> Result<(Vec<String>, Vec<Vec<String>>)> {
    let queues = Stage::ALL.map(|stage| world.queued(stage)).to_vec();
    Ok((world.rows().await?, queues))
}

fn verdicts(plan: &Value, verdict: &str) -> u64 {
    plan["steps"][verdict].as_u64().unwrap_or(0)
}

#[tokio::test]
async fn replaying_finished_work_writes_to_no_provider_and_charges_nothing() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    let (outside, asked) = (world.sandbox.fingerprint(), model_calls(&world));
    let before = world.rows().await?;

    let planned = plan(&world, &[]).await?;
    assert_eq!(
        (planned["runs"].clone(), planned["charge_max"].clone()),
        (json!(1), json!(0))
    );
    let steps = verdicts(&planned, "reuse");
    assert!(steps >= 8, "{planned}");
    assert_eq!(
        planned["steps"].as_object().map(serde_json::Map::len),
        Some(1),
        "{planned}"
    );
    let applied = json_of(&apply(&world, &planned).await?)?;
    assert_eq!(applied["messages"], 1);
    world.drain().await?;
    assert_eq!(world.sandbox.fingerprint(), outside, "no provider was written to");
    assert_eq!(model_calls(&world), asked, "no model was asked");
    let after = world.rows().await?;
    assert_eq!(after.len(), before.len() + 2, "the plan's own two rows");
    assert!(
        before.iter().all(|row| after.contains(row)),
        "no record was touched"
    );
    Ok(())
}

#[tokio::test]
async fn ticket_of_which_a_row_does_not_read_is_held_and_the_others_go_on() -> Result<()> {
    let world = Stand::new().await?;
    for (sample, id) in [(0, 5101), (0, 5102)] {
        world.open("acme", sample, id).await?;
    }
    world.drain().await?;
    let subject = "ticket#acme#zendesk#5101";
    world.damage(subject, "rca-comment").await?;
    let planned = plan(&world, &[]).await?;
    assert_eq!(
        (
            planned["runs"].clone(),
            verdicts(&planned, "hold"),
            planned["messages"].clone()
        ),
        (json!(2), 1, json!(1)),
        "{planned}"
    );
    let held = planned["lines"].as_array().into_iter().flatten();
    let held: Vec<&Value> = held.filter(|line| line["state"] == "unreadable").collect();
    assert_eq!(
        (held[0]["subject"].as_str(), held[0]["step"].as_str()),
        (Some(subject), Some("rca-comment"))
    );
    let applied = json_of(&apply(&world, &planned).await?)?;
    assert_eq!(applied["messages"], 1);

    let name = format!("{subject}/rca-comment");
    let shown = run_json(&world, &["ticket", "show", "acme", "zendesk", "5101"]).await?;
    assert_eq!(shown["unreadable"], json!([name]));
    let told = run(&world, &["ticket", "show", "acme", "zendesk", "5101"]).await?;
    assert!(told.stderr.contains(&name), "{told:?}");
    let forget = run(&world, &["forget", "acme", "zendesk", "5101", "--apply"]).await?;
    assert_eq!(forget.exit, Exit::Failed);
    assert!(forget.stderr.contains(&name), "{forget:?}");
    Ok(())
}

fn model_calls(world: &Stand) -> u64 {
    let calls = world.sandbox.calls();
    let of_model = calls.iter().filter(|(name, _)| name.starts_with("anthropic"));
    let sum = of_model.map(|(_, count)| count).sum();
    assert!(sum > 0, "{calls:?}");
    sum
}

#[tokio::test]
async fn work_that_an_outage_stopped_is_planned_as_what_it_needs_and_done_once() -> Result<()> {
    let world = Stand::new().await?;
    world
        .sandbox
        .edit(|outside, _| outside.faults.outage(Provider::Slack, true));
    world.open("acme", 0, 5101).await?;
    for _ in 0..40 {
        world.drain().await?;
        world.clock.advance(20 * MINUTE_MS);
    }
    let slack = world.life("acme", 5101).await?.remove("slack#C0RATCHET");
    assert_eq!(slack.map(|record| record.state), Some(State::Parked));
    world.sandbox.edit(|outside, _| outside.faults.heal());
    let until = [
        "--since",
        "2026-11-20T08:30:00Z",
        "--until",
        "2026-11-22T00:00:00Z",
    ];
    let args = [
        &[
            "replay",
            "plan",
            "--org",
            "acme",
            "--reason",
            "attempts_exhausted",
        ],
        &until[..],
    ]
    .concat();
    let planned = run_json(&world, &args).await?;
    assert_eq!(planned["lines"].as_array().map(Vec::len), Some(1), "{planned}");
    let line = &planned["lines"][0];
    assert_eq!(
        (line["verdict"].as_str(), line["charge"].as_u64()),
        (Some("probe"), Some(0)),
        "{line}"
    );
    let applied = json_of(&apply(&world, &planned).await?)?;
    assert_eq!(
        (applied["messages"].as_u64(), applied["resumed"].as_u64()),
        (Some(1), Some(1))
    );
    world.drain().await?;
    let messages = world
        .sandbox
        .read(|outside| outside.slack.messages("C0RATCHET").len());
    assert_eq!(messages, 1);
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn message_that_was_lost_between_two_stages_is_an_act_that_may_charge_once() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.turn(Stage::Extract).await?;
    world.lose(Stage::Map);
    let planned = plan(&world, &[]).await?;
    assert_eq!(
        (verdicts(&planned, "act"), planned["charge_max"].as_u64()),
        (1, Some(1)),
        "{planned}"
    );
    assert_eq!(planned["lines"][1]["state"], "missing");
    apply(&world, &planned).await?;
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn plan_of_a_world_that_has_moved_is_refused_and_changes_nothing() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.turn(Stage::Extract).await?;
    let planned = plan(&world, &[]).await?;
    world.turn(Stage::Map).await?;
    let before = everything(&world).await?;
    let refused = apply(&world, &planned).await?;
    assert_eq!(refused.exit, Exit::Refused, "{refused:?}");
    assert!(refused.stdout.contains("has moved"), "{refused:?}");
    assert_eq!(everything(&world).await?, before);
    Ok(())
}

#[tokio::test]
async fn plan_is_applied_once_and_one_that_overlaps_it_is_refused() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    let first = plan(&world, &[]).await?;
    let second = plan(&world, &["--stage", "notify"]).await?;
    assert_eq!(apply(&world, &first).await?.exit, Exit::Done);
    let before = everything(&world).await?;
    for (planned, says) in [(&first, "applied before"), (&second, "over the same work")] {
        let refused = apply(&world, planned).await?;
        assert_eq!(refused.exit, Exit::Refused);
        assert!(refused.stdout.contains(says), "{refused:?}");
    }
    assert_eq!(everything(&world).await?, before);
    world.clock.advance(1);
    let third = plan(&world, &["--stage", "notify"]).await?;
    assert_eq!(
        apply(&world, &third).await?.exit,
        Exit::Done,
        "made since, it knows of the first"
    );
    Ok(())
}

#[tokio::test]
async fn selections_that_make_no_sense_are_refused_with_what_is_wrong() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    let before = everything(&world).await?;
    let cases: [(&[&str], &str); 7] = [
        (
            &[
                "--since",
                "2026-11-20T08:00:00Z",
                "--until",
                "2026-11-20T08:00:00Z",
            ],
            "empty",
        ),
        (
            &[
                "--since",
                "2026-10-01T00:00:00Z",
                "--until",
                "2026-11-20T08:00:00Z",
            ],
            "31 days",
        ),
        (&["--since", "2026-11-20T08:00:00Z"], "both ends"),
        (&[], "both ends"),
        (&["--subject", "ticket#other#zendesk#5101"], "another org"),
        (&["--subject", "5101"], "zendesk:5158"),
        (&["--subject", "zendesk:1"], "nothing is on record"),
    ];
    for (more, says) in cases {
        let args = [&["replay", "plan", "--org", "acme"], more].concat();
        let answer = run(&world, &[&args[..], &["--json"]].concat()).await?;
        assert!(
            matches!(answer.exit, Exit::Invalid | Exit::NotFound),
            "{answer:?}"
        );
        assert!(answer.stdout.contains(says), "{more:?}: {answer:?}");
    }
    let none = run(&world, &["replay", "apply", "0123", "--by", "ada"]).await?;
    assert_eq!(none.exit, Exit::NotFound);
    assert_eq!(everything(&world).await?, before);
    Ok(())
}

#[tokio::test]
async fn plan_for_another_org_is_refused_and_another_orgs_work_is_in_no_plan() -> Result<()> {
    let world = Stand::new().await?;
    world.put_settings("other", json!({})).await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    let args = [&["replay", "plan", "--org", "other"], &HOUR[..]].concat();
    assert_eq!(run_json(&world, &args).await?["plan"], Value::Null);
    let planned = plan(&world, &[]).await?;
    let hash = planned["plan"].as_str().unwrap_or_default();
    let before = everything(&world).await?;
    let refused = run(
        &world,
        &["replay", "apply", hash, "--by", "ada", "--org", "other"],
    )
    .await?;
    assert_eq!(refused.exit, Exit::Refused);
    assert!(refused.stderr.contains("another org"), "{refused:?}");
    assert_eq!(everything(&world).await?, before);
    Ok(())
}

#[tokio::test]
async fn refired_pull_request_is_adopted_where_it_is_and_made_where_it_is_gone() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    let refire = ["--subject", "zendesk:5101", "--refire", "pr#acme/shop"];
    let args = [&["replay", "plan", "--org", "acme"], &refire[..]].concat();
    let landed = world.sandbox.effects().len();
    let planned = run_json(&world, &args).await?;
    assert_eq!(
        (verdicts(&planned, "refire"), planned["charge_max"].as_u64()),
        (1, Some(0))
    );
    assert_eq!(json_of(&apply(&world, &planned).await?)?["refired"], 1);
    world.drain().await?;
    assert_eq!(world.sandbox.effects().len(), landed, "it is there, and adopted");

    let shop = local::sandbox::source::read_dir(std::path::Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../infra/local/sample/shop"
    )))?;
    world.sandbox.edit(|outside, _| {
        outside.github.remove_repo("acme/shop");
        outside.github.add_repo(1_795_165_200_000, "acme/shop", &shop);
    });
    world.clock.advance(MINUTE_MS);
    let planned = run_json(&world, &args).await?;
    assert_eq!(apply(&world, &planned).await?.exit, Exit::Done);
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    Ok(())
}

#[tokio::test]
async fn step_that_bills_or_that_a_later_step_was_made_from_is_not_refired() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    let life = world.life("acme", 5101).await?;
    let kinds = ["bill", "qualify", "extract", "map", "patch", "rca"];
    for kind in kinds {
        let step = life.keys().find(|step| step.split('#').next() == Some(kind));
        let step = step.map(String::as_str).unwrap_or_default();
        let args = [
            "replay",
            "plan",
            "--org",
            "acme",
            "--subject",
            "zendesk:5101",
            "--refire",
            step,
        ];
        assert_eq!(run(&world, &args).await?.exit, Exit::Refused, "{kind}");
    }
    Ok(())
}
