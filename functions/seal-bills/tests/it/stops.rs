//! At an entry that does not verify, sealing stops; at a crash or beside another sealer, nothing is sealed twice.

use anyhow::{Context as _, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use local::stand::{MINUTE_MS, Stand};
use ratchet_domain::bill::Recorded;
use ratchet_domain::ids::OrgId;
use ratchet_runtime::usage::seal::Batch;
use serde_json::json;

const DAY_MS: u64 = 24 * 60 * MINUTE_MS;

/// Three bugs, billed; their entries in the order of their keys.
async fn billed() -> Result<(Stand, Vec<Recorded>)> {
    crate::anchors::start();
    let stand = Stand::new().await?;
    for (sample, id) in [(0, 5101), (1, 5102), (2, 5103)] {
        stand.open("acme", sample, id).await?;
    }
    stand.drain().await?;
    let entries = stand.entries("acme").await?;
    let entries: Vec<Recorded> = entries.into_iter().map(|(_, entry)| entry).collect();
    assert_eq!(entries.len(), 3);
    Ok((stand, entries))
}

/// Writes a field by hand.
async fn set(stand: &Stand, entry: &Recorded, plan: &str) -> Result<()> {
    let dynamo = stand.cloud.aws.link().dynamo();
    let update = dynamo.update_item().table_name("UsageTable");
    update
        .key("org_period", AttributeValue::S(entry.partition.clone()))
        .key("sk", AttributeValue::S(entry.key.clone()))
        .update_expression("SET #plan = :plan")
        .expression_attribute_names("#plan", "plan")
        .expression_attribute_values(":plan", AttributeValue::S(plan.to_owned()))
        .send()
        .await?;
    Ok(())
}

async fn batches(stand: &Stand, org: &str) -> Result<Vec<Batch>> {
    let month = stand.month();
    Ok(stand.usage().batches(&OrgId::parse(org)?, &month, 0, 10).await?)
}

fn keys(batches: &[Batch]) -> Vec<&str> {
    let leaves = batches.iter().flat_map(|batch| &batch.leaves);
    leaves.map(|leaf| leaf.key.as_str()).collect()
}

#[tokio::test]
async fn entry_that_does_not_verify_stops_its_period_is_named_and_nothing_beyond_it_is_sealed() -> Result<()>
{
    let (stand, entries) = billed().await?;
    let [first, bad, last] = entries.as_slice() else {
        anyhow::bail!("three entries")
    };
    stand.put_settings("globex", json!({})).await?;
    stand.open("globex", 4, 5105).await?;
    stand.drain().await?;
    set(&stand, bad, "trial").await?;

    for _ in 0..2 {
        let said = stand.seal().await.err().context("it says so")?.to_string();
        assert!(said.contains(&bad.key) && !said.contains(&last.key), "{said}");
        let sealed = batches(&stand, "acme").await?;
        assert_eq!(keys(&sealed), [first.key.as_str()], "nothing beyond it");
        assert_eq!(
            batches(&stand, "globex").await?.len(),
            1,
            "another org's bills are sealed"
        );
    }
    let stop = stand
        .usage()
        .stop(&OrgId::parse("acme")?, &stand.month(), 1)
        .await?;
    assert_eq!(stop.map(|stop| stop.key).as_deref(), Some(bad.key.as_str()));

    // Mended, it is sealed with what stands behind it, and the stop says nothing any more.
    set(&stand, bad, "paid").await?;
    let stop = stand
        .usage()
        .stop(&OrgId::parse("acme")?, &stand.month(), 1)
        .await?;
    assert_eq!(stop, None);
    stand.seal().await?;
    let sealed = batches(&stand, "acme").await?;
    assert_eq!(
        keys(&sealed),
        [first.key.as_str(), bad.key.as_str(), last.key.as_str()]
    );
    Ok(())
}

#[tokio::test]
async fn period_with_an_entry_that_does_not_verify_is_not_signed_off() -> Result<()> {
    let (stand, entries) = billed().await?;
    let month = stand.month();
    let bad = entries.first().context("an entry")?;
    set(&stand, bad, "trial").await?;
    stand.clock.advance(20 * DAY_MS);
    assert!(stand.seal().await.is_err());
    let acme = OrgId::parse("acme")?;
    assert!(stand.usage().batches(&acme, &month, 0, 10).await?.is_empty());

    set(&stand, bad, "paid").await?;
    stand.seal().await?;
    let last = stand.usage().last_batch(&acme, &month).await?.context("seals")?;
    assert!(last.is_final);
    assert_eq!(last.tree.size(), 3);
    Ok(())
}

#[tokio::test]
async fn sealer_that_crashes_or_meets_another_seals_each_entry_once() -> Result<()> {
    let (stand, entries) = billed().await?;
    stand.tap.crash_before(|call| call.operation == "PutItem");
    assert!(stand.seal().await.is_err(), "it crashes");
    assert!(batches(&stand, "acme").await?.is_empty());
    let (one, other) = tokio::join!(stand.seal(), stand.seal());
    one?;
    other?;
    let sealed = batches(&stand, "acme").await?;
    let mut sealed = keys(&sealed);
    sealed.sort_unstable();
    assert_eq!(
        sealed,
        entries.iter().map(|entry| entry.key.as_str()).collect::<Vec<_>>()
    );
    Ok(())
}
