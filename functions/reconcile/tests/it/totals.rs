//! Totals that are not the number of their entries: found part by part and kind by kind, and left to a person.

use anyhow::{Context, Result};
use reconcile::{Kind, Plan, Repair};
use serde_json::json;

use crate::world::{World, settings};

/// What a plan says of totals: partition, what it was seen at, and the sentence.
fn totals(plan: &Plan) -> Vec<(&str, &str, &str)> {
    let items = plan
        .items
        .iter()
        .filter(|item| item.kind == Kind::TotalDiffers && item.repair == Repair::Look);
    items
        .map(|item| (item.subject.as_str(), item.at.as_str(), item.finding.as_str()))
        .collect()
}

async fn set(world: &World, partition: &str, mapped_bugs: u64, credits: u64) -> Result<()> {
    let key = [("org_period", partition), ("sk", "total")];
    let values = json!({ ":bugs": mapped_bugs, ":credits": credits });
    let update = "SET mapped_bugs = :bugs, credits = :credits";
    world.set("UsageTable", key, update, values).await
}

#[tokio::test]
async fn total_that_is_not_the_number_of_its_entries_is_found_and_left_to_a_person() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    set(&world, "acme#2026-11", 7, 0).await?;
    let plan = world.plan("a").await?;
    let says = "attribute of the total is not the number of the partition's entries of that kind \
                partition=`acme#2026-11` attribute=`mapped_bugs` total=`7` entries=`1`";
    assert_eq!(totals(&plan), [("acme#2026-11", "mapped_bugs 7/1", says)]);
    assert_eq!(plan.items.len(), 1);
    let applied = world.apply("b", &plan).await?;
    assert_eq!(
        (applied.applied, applied.failed),
        (0, 0),
        "bills are not written here"
    );
    set(&world, "acme#2026-11", 1, 0).await?;
    assert_eq!(totals(&world.plan("c").await?), []);
    Ok(())
}

#[tokio::test]
async fn charge_that_the_total_counts_as_a_credit_is_found() -> Result<()> {
    let world = World::new().await?;
    world.done(5101).await?;
    set(&world, "acme#2026-11", 0, 1).await?;
    let plan = world.plan("a").await?;
    let seen: Vec<&str> = totals(&plan).into_iter().map(|(_, at, _)| at).collect();
    assert_eq!(seen, ["credits 1/0", "mapped_bugs 0/1"]);
    Ok(())
}

#[tokio::test]
async fn charge_that_is_counted_in_another_part_of_the_period_is_found_in_both() -> Result<()> {
    let world = World::new().await?;
    let mut document = settings();
    document["billing"] = json!({ "partitions": 64 });
    world.put(&document).await?;
    world.done(5101).await?;
    let entries = world.entries("acme").await?;
    let (_, entry) = entries.first().context("it is billed")?;
    let part = entry.partition.as_str();
    assert!(part.starts_with("acme#2026-11+"), "{part}");
    set(&world, part, 0, 0).await?;
    set(&world, "acme#2026-11", 1, 0).await?;
    let plan = world.plan("a").await?;
    let found: Vec<(&str, &str)> = totals(&plan)
        .into_iter()
        .map(|(part, at, _)| (part, at))
        .collect();
    assert_eq!(
        found,
        [("acme#2026-11", "mapped_bugs 1/0"), (part, "mapped_bugs 0/1")]
    );
    Ok(())
}
