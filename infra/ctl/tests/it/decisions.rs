//! A person's decisions: what is shown for them, that each is made once, and what comes of it.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use ctl::failure::Exit;
use ratchet_domain::park::{Mend, Reason};
use ratchet_domain::stage::Stage;
use ratchet_guard::{Park, Work, WorkKey};
use serde_json::{Value, json};

use crate::bench::json_of;
use crate::desk::{json as run_json, run};
use local::stand::{MINUTE_MS, Stand};

pub(crate) const SUBJECT: &str = "ticket#acme#zendesk#5101";

/// A ticket that the gate holds, since the org asks for more than the model is sure of; the step that waits.
async fn held() -> Result<(Stand, String)> {
    held_in(json!({})).await
}

/// The same in an org with this `billing`.
pub(crate) async fn held_in(billing: Value) -> Result<(Stand, String)> {
    let world = Stand::new().await?;
    let dynamo = world.cloud.aws.link().dynamo();
    let key = AttributeValue::S("acme".to_owned());
    let row = dynamo
        .get_item()
        .table_name("SettingsTable")
        .key("org", key)
        .send()
        .await?;
    let mut item = row.item.context("acme has settings")?;
    let document = item["document"].as_s().ok().context("a document")?;
    let mut document: Value = serde_json::from_str(document)?;
    document["billing"] = billing;
    document["thresholds"] = json!({ "ai_confidence": 0.99, "location_confidence": 0.7 });
    item.insert("document".to_owned(), AttributeValue::S(document.to_string()));
    dynamo
        .put_item()
        .table_name("SettingsTable")
        .set_item(Some(item))
        .send()
        .await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    let life = world.life("acme", 5101).await?;
    let step = life.keys().find(|step| step.starts_with("qualify#"));
    let step = step.context("it is decided")?.clone();
    Ok((world, step))
}

pub(crate) async fn decide(
    world: &Stand,
    verb: &str,
    step: &str,
    more: &[&str],
) -> Result<ctl::report::Answer> {
    let args = [&["review", verb, SUBJECT, step, "--json"], more].concat();
    run(world, &args).await
}

#[tokio::test]
async fn held_bug_is_listed_and_shown_with_all_that_is_needed() -> Result<()> {
    let (world, step) = held().await?;
    let listed = run_json(&world, &["review", "list", "--org", "acme"]).await?;
    assert_eq!(listed["found"], 1);
    let item = &listed["items"][0];
    assert_eq!(
        (item["subject"].as_str(), item["step"].as_str()),
        (Some(SUBJECT), Some(step.as_str()))
    );
    assert_eq!(item["verbs"], json!(["approve", "edit", "retry", "reject"]));
    world.put_settings("other", json!({})).await?;
    for other in [["--org", "other"], ["--reason", "rejected"], ["--stage", "map"]] {
        let args = [&["review", "list"], &other[..]].concat();
        assert_eq!(run_json(&world, &args).await?["found"], 0, "{other:?}");
    }
    let shown = run_json(&world, &["review", "show", SUBJECT, &step]).await?;
    assert_eq!(shown["reason"], "below_threshold");
    assert!(
        shown["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("of `0.99`")),
        "{shown}"
    );
    assert!(shown["bug"]["answered"]["answer"]["title"].is_string(), "{shown}");
    assert!(shown["mapping"]["answered"]["answer"]["locations"][0]["file"].is_string());
    assert_eq!(shown["decision"]["ai_threshold"], 0.99);
    assert_eq!(
        (shown["billed"].clone(), shown["decisions"].clone()),
        (json!(false), json!([]))
    );
    Ok(())
}

#[tokio::test]
async fn decision_without_yes_says_what_it_would_do_and_does_nothing() -> Result<()> {
    let (world, step) = held().await?;
    let before = world.rows().await?;
    for (verb, more) in [
        ("approve", &[][..]),
        ("reject", &[]),
        ("retry", &[]),
        ("edit", &["--set", "severity=low"]),
    ] {
        let answer = decide(&world, verb, &step, &[&["--by", "ada"], more].concat()).await?;
        let told = json_of(&answer)?;
        assert_eq!(
            (answer.exit, told["done"].clone()),
            (Exit::Done, json!(false)),
            "{verb}"
        );
    }
    assert_eq!(world.rows().await?, before);
    assert!(Stage::ALL.iter().all(|stage| world.queued(*stage).is_empty()));
    Ok(())
}

#[tokio::test]
async fn edited_bug_runs_again_from_the_mapping_and_the_models_record_stays() -> Result<()> {
    let (world, step) = held().await?;
    let before = world.life("acme", 5101).await?;
    let sets = [
        "--set",
        "title=Basket loses items",
        "--set",
        "ai_confidence=0.995",
        "--by",
        "ada",
        "--yes",
    ];
    assert_eq!(decide(&world, "edit", &step, &sets).await?.exit, Exit::Done);
    assert_eq!(world.queued(Stage::Map).len(), 1);
    world.drain().await?;
    assert_eq!(world.effects("acme", 5101).await?, [1, 1, 1]);
    let after = world.life("acme", 5101).await?;
    let extracted = before.iter().find(|(step, _)| step.starts_with("extract#"));
    let (step, record) = extracted.context("it is extracted")?;
    assert_eq!(after.get(step), Some(record));
    let title = world.sandbox.read(|outside| {
        let pulls = outside.github.pulls("acme/shop");
        pulls.first().map(|pull| pull.title.clone())
    });
    assert!(title.is_some_and(|title| title.contains("Basket loses items")));
    Ok(())
}

#[tokio::test]
async fn rejected_bug_is_closed_and_nobody_works_on_it_again() -> Result<()> {
    let (world, step) = held().await?;
    let answer = decide(
        &world,
        "reject",
        &step,
        &["--by", "ada", "--note", "no bug", "--yes"],
    )
    .await?;
    assert_eq!(answer.exit, Exit::Done);
    assert_eq!(run_json(&world, &["review", "list"]).await?["found"], 0);
    world.clock.advance(60 * MINUTE_MS);
    let operator = json!({ "source": "operator", "id": "a" });
    assert_eq!(world.replay(operator).await?.resumed, 0);
    let shown = run_json(&world, &["ticket", "show", "acme", "zendesk", "5101"]).await?;
    assert_eq!(shown["outcome"], "closed");
    let life = world.life("acme", 5101).await?;
    let decision = life.iter().find(|(step, _)| step.starts_with("review#"));
    let (_, decision) = decision.context("a decision is a row")?;
    let decision: Value = decision.result()?;
    assert_eq!(
        (decision["by"].as_str(), decision["note"].as_str()),
        (Some("ada"), Some("no bug"))
    );
    assert!(decision["at_ms"].as_u64().is_some());
    Ok(())
}

#[tokio::test]
async fn words_that_do_not_fit_are_refused_and_change_nothing() -> Result<()> {
    let (world, step) = held().await?;
    let before = world.rows().await?;
    for (set, says) in [
        ("severity=awful", "critical, high"),
        ("ai_confidence=2", "0 to 1"),
        ("title=", "1 to 200"),
        ("colour=red", "no field"),
    ] {
        let answer = decide(&world, "edit", &step, &["--set", set, "--by", "ada", "--yes"]).await?;
        assert_eq!(answer.exit, Exit::Invalid, "{set}");
        assert!(answer.stdout.contains(says), "{answer:?}");
    }
    let none = decide(&world, "approve", "qualify#none", &["--by", "ada", "--yes"]).await?;
    assert_eq!(none.exit, Exit::NotFound);
    let sealed = world.life("acme", 5101).await?;
    let sealed = sealed
        .keys()
        .find(|step| step.starts_with("map#"))
        .context("mapped")?;
    let answer = decide(&world, "reject", sealed, &["--by", "ada", "--yes"]).await?;
    assert_eq!(answer.exit, Exit::Refused);
    assert_eq!(world.rows().await?, before);
    Ok(())
}

#[tokio::test]
async fn every_reason_takes_a_retry_or_says_why_not_and_every_other_decision_is_refused() -> Result<()> {
    let world = Stand::new().await?;
    for reason in Reason::ALL {
        let subject = format!("ticket#acme#zendesk#{}", *reason as u32 + 1);
        let work =
            Work::new(WorkKey::new(&subject, "pr#acme/shop"), "c").driven_by("open-pr", reason.as_str());
        world
            .parked(&work, Park::for_a_person(reason.as_str(), ""))
            .await?;
        let verb = |verb: &'static str| {
            let (world, subject) = (&world, subject.clone());
            async move {
                run(
                    world,
                    &["review", verb, &subject, "pr#acme/shop", "--by", "ada", "--yes"],
                )
                .await
            }
        };
        let approvable = matches!(reason, Reason::BelowThreshold | Reason::AwaitingPublication);
        if !approvable {
            assert_eq!(verb("approve").await?.exit, Exit::Refused, "{reason}");
        }
        let retried = verb("retry").await?;
        let expected = if reason.mend() == Mend::Nothing {
            Exit::Refused
        } else {
            Exit::Done
        };
        assert_eq!(retried.exit, expected, "{reason}: {retried:?}");
        let sent = world.queued(Stage::OpenPr).contains(&reason.as_str().to_owned());
        assert_eq!(sent, expected == Exit::Done, "{reason}");
    }
    Ok(())
}

#[tokio::test]
async fn message_that_nobody_could_read_is_tried_again_on_a_persons_word_alone() -> Result<()> {
    let world = Stand::new().await?;
    let ledger = world.ledger()?;
    let key = ledger
        .park_message("map", "{}", "unreadable_message", "no envelope")
        .await?;
    let args = [
        "review",
        "retry",
        key.subject(),
        key.step(),
        "--by",
        "ada",
        "--yes",
    ];
    assert_eq!(run(&world, &args).await?.exit, Exit::Refused);
    let anyway = [&args[..], &["--anyway"]].concat();
    assert_eq!(run(&world, &anyway).await?.exit, Exit::Done);
    assert_eq!(world.queued(Stage::Map), ["{}"]);
    assert_eq!(run_json(&world, &["review", "list"]).await?["found"], 0);
    Ok(())
}

#[tokio::test]
async fn late_receipt_is_closed_by_a_person_and_takes_no_other_decision() -> Result<()> {
    let world = Stand::new().await?;
    let step = "rca-comment#receipt#1";
    let put = world
        .cloud
        .aws
        .link()
        .dynamo()
        .put_item()
        .table_name("LedgerTable");
    let text = |text: &str| AttributeValue::S(text.to_owned());
    put.item("subject", text(SUBJECT))
        .item("step", text(step))
        .item("state", text("receipt"))
        .item("fence", AttributeValue::N("1".to_owned()))
        .item("due_at", AttributeValue::N("1".to_owned()))
        .item("unfinished", text("receipt#3"))
        .send()
        .await?;
    for verb in ["approve", "retry"] {
        let answer = decide(&world, verb, step, &["--by", "ada", "--yes"]).await?;
        assert_eq!(answer.exit, Exit::Refused, "{verb}");
    }
    let answer = decide(&world, "reject", step, &["--by", "ada", "--yes"]).await?;
    assert_eq!(answer.exit, Exit::Done, "{answer:?}");
    let shown = run_json(&world, &["ticket", "show", "acme", "zendesk", "5101"]).await?;
    assert_eq!(shown["next"], "done");
    Ok(())
}
