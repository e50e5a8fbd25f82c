//! A ticket is forgotten: the customer's words are gone, and the bill and the dedup stand.

use anyhow::Result;
use ctl::failure::Exit;
use local::stand::Stand;
use ratchet_domain::bug::{Bug, Extraction, Mapping};
use ratchet_domain::ids::RepoName;
use ratchet_domain::patch::Patch;
use ratchet_domain::step;
use ratchet_guard::store::Item;
use ratchet_guard::{Decision, OnRecord as _, Work};
use ratchet_runtime::model::answer_of;
use serde_json::json;

use crate::bench::{Bench, acme};
use crate::desk::{json as run_json, run};
use crate::life::{Life, WORDS};

const FORGET: [&str; 4] = ["forget", "acme", "zendesk", "5158"];

async fn told(bench: &Bench) -> Result<(String, String)> {
    let tables = bench.world.deployment.dynamo.clone();
    let ledger = tables.scan().table_name("ledger").send().await?;
    let usage = tables.scan().table_name("usage").send().await?;
    let sorted = |mut rows: Vec<String>| {
        rows.sort();
        rows.concat()
    };
    let print = |items: &[Item]| {
        let row = |item: &Item| {
            let fields: std::collections::BTreeMap<_, _> = item.iter().collect();
            format!("{fields:?}")
        };
        sorted(items.iter().map(row).collect())
    };
    Ok((print(ledger.items()), print(usage.items())))
}

#[tokio::test]
async fn what_a_customer_wrote_is_gone_and_the_bill_and_the_dedup_stand() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    let life = Life::of(&bench, "5158")?;
    life.billed().await?;
    life.patched().await?;
    life.pulled().await?;
    let before = told(&bench).await?;
    assert!(before.0.contains(WORDS), "the test's life holds no words");
    assert!(!before.1.contains(WORDS), "an entry holds a customer's words");

    let dry = bench.json(&FORGET).await?;
    assert_eq!(dry["stored"], json!(false));
    assert_eq!(told(&bench).await?, before, "a dry run wrote");

    let done = bench.json(&[&FORGET[..], &["--apply"]].concat()).await?;
    assert_eq!(done["stored"], json!(true));
    let after = told(&bench).await?;
    assert!(!after.0.contains(WORDS), "{}", after.0);
    assert_eq!(after.1, before.1, "bills and their hashes stand");

    // A redelivery finds its work done, and every stage reads what it needs.
    let ledger = life.ledger()?;
    let shop = RepoName::parse("acme/shop")?;
    for step in [
        step::extract(&life.at.content),
        step::map(&life.at.content),
        step::patch(&shop),
    ] {
        let key = ratchet_guard::WorkKey::new(life.at.ticket.subject(), step);
        let work = Work::new(key.clone(), life.at.content.as_str());
        let Decision::Replay(sealed) = ledger.claim(&work).await? else {
            panic!("the work would be done again: {key}");
        };
        match sealed.key().step().split('#').next() {
            Some("extract") => {
                let Extraction::Bug(Bug {
                    title, ai_confidence, ..
                }) = answer_of::<Extraction>(&sealed)?.answer
                else {
                    panic!("the outcome changed");
                };
                assert!(title == "[forgotten]" && ai_confidence > 0.0);
            }
            Some("map") => drop(answer_of::<Mapping>(&sealed)?),
            _ => drop(answer_of::<Patch>(&sealed)?),
        }
    }
    Ok(())
}

/// What a period's bills are verified to.
async fn verified(world: &Stand) -> Result<(Exit, String)> {
    let verify = ["usage", "verify", "--org", "acme", "--period", "2026-11"];
    let told = run(world, &verify).await?;
    Ok((told.exit, format!("{}{}", told.stdout, told.stderr)))
}

#[tokio::test]
async fn bill_and_credit_of_a_forgotten_ticket_are_verified_and_explained_as_before() -> Result<()> {
    let world = Stand::new().await?;
    world.open("acme", 0, 5101).await?;
    world.drain().await?;
    let claim = "usage credit --org acme zendesk:5101 --reason wrong-file --by ada --apply";
    let claim: Vec<&str> = claim.split(' ').collect();
    assert_eq!(run(&world, &claim).await?.exit, Exit::Done);
    world.drain().await?;
    let explain = ["usage", "explain", "--org", "acme", "zendesk:5101"];
    let before = (verified(&world).await?, run_json(&world, &explain).await?);
    assert_eq!(before.0.0, Exit::Done, "{before:?}");
    assert!(before.1["why"].to_string().contains("credit"), "{before:?}");

    let forget = ["forget", "acme", "zendesk", "5101", "--apply"];
    let done = run_json(&world, &forget).await?;
    assert!(
        done["forgotten"].as_array().is_some_and(|steps| steps.len() > 3),
        "{done}"
    );
    let after = (verified(&world).await?, run_json(&world, &explain).await?);
    assert_eq!(after, before);
    Ok(())
}

#[tokio::test]
async fn a_ticket_under_way_or_unknown_is_not_forgotten() -> Result<()> {
    let bench = Bench::new().await?;
    bench.put(&acme()).await?;
    assert_eq!(bench.run(&FORGET).await?.exit, Exit::NotFound);
    let life = Life::of(&bench, "5158")?;
    life.extracted(0.9).await?;
    drop(life.claim(step::map(&life.at.content)).await?);
    assert_eq!(bench.run(&FORGET).await?.exit, Exit::Refused);
    Ok(())
}
