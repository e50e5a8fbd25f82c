//! Charges by the hundred, charges that are refused, and the month that a charge falls into.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt, TryStreamExt};
use ratchet_domain::bill;
use ratchet_domain::decision::{Decision, Gate};
use ratchet_domain::ids::ContentHash;
use ratchet_domain::step;
use ratchet_guard::{Record, State};
use ratchet_runtime::stage::key_of;
use ratchet_runtime::usage::sum;
use serde_json::{Value, json};

use crate::bench::{Bench, acme};
use crate::bills::{DAY_MS, month, org, seal, usage, verify_in};
use crate::life::Life;
use crate::line::Line;

/// Charges of one second, and how many are under way at once.
const CHARGES: usize = 1000;
const AT_ONCE: usize = 50;

#[tokio::test]
async fn a_thousand_charges_at_once_over_64_partitions_are_a_thousand() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["billing"] = json!({ "time_zone": "Europe/Berlin", "partitions": 64 });
    bench.put(&settings).await?;
    let charges = stream::iter(0..CHARGES).map(|number| {
        let bench = &bench;
        async move {
            let life = Life::of(bench, &number.to_string())?;
            life.scored(0.9).await?;
            life.qualified().await
        }
    });
    charges.buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
    let totals = usage(&bench).totals(&org()?, &month("2026-02")?).await?;
    assert_eq!(totals.len(), 64, "every partition has its share");
    assert_eq!(sum(&totals).mapped_bugs, CHARGES as u64);
    let busiest = totals.iter().map(|(_, total)| total.mapped_bugs).max();
    assert!(busiest < Some(40), "{busiest:?} of {CHARGES} in one partition");
    seal(&bench, true).await?;
    let batches = usage(&bench).batches(&org()?, &month("2026-02")?, 0, 10).await?;
    let batches: Vec<_> = batches
        .iter()
        .map(|batch| (batch.leaves.len(), batch.is_final))
        .collect();
    assert_eq!(batches, [(1000, false), (0, true)], "only the last one signs off");
    let told = verify_in(&bench, "400").await?;
    assert!(told.contains("1000 charges and 0 credits"), "{told}");
    assert!(told.contains("1000 bugs flagged as billed"), "{told}");
    Ok(())
}

/// The gate's row of a content.
async fn gate(life: &Life<'_>) -> Result<Record> {
    let key = key_of(&life.at.ticket, step::qualify(&life.at.content));
    life.ledger()?.read(&key).await?.context("the gate's row")
}

#[tokio::test]
async fn a_charge_that_is_refused_is_told_apart_by_what_refused_it() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["billing"] = json!({ "time_zone": "Europe/Berlin", "mapped_bug_cap": 1 });
    bench.put(&settings).await?;
    // The flag: the bug was billed for other words. That the cap is reached as well does not matter.
    Life::of(&bench, "1")?.billed().await?;
    let mut other = Life::of(&bench, "1")?;
    other.at.content = ContentHash::of(&["other words"]);
    other.billed().await?;
    let row = gate(&other).await?;
    assert_eq!(row.state, State::Sealed);
    assert_eq!(row.result::<Decision>()?.gate, Gate::BilledBefore);

    // The cap.
    let capped = Life::of(&bench, "2")?;
    capped.billed().await?;
    let row = gate(&capped).await?;
    assert_eq!(
        (row.state, row.reason.as_deref()),
        (State::Parked, Some("capped"))
    );
    assert_eq!(row.result::<Decision>()?.gate, Gate::Capped);

    // The entry: somebody wrote it by hand. It is neither taken over nor overwritten, and nothing else is written.
    settings["billing"]["mapped_bug_cap"] = json!(9);
    bench.put(&settings).await?;
    let forged = Life::of(&bench, "3")?;
    let key = bill::charge_key(&forged.at.ticket.bug());
    let dynamo = &bench.world.deployment.dynamo;
    let put = dynamo.put_item().table_name("usage");
    put.item("org_period", AttributeValue::S("acme#2026-02".to_owned()))
        .item("sk", AttributeValue::S(key.clone()))
        .send()
        .await?;
    forged.extracted(0.9).await?;
    forged.mapped().await?;
    forged.qualified().await?;
    let row = gate(&forged).await?;
    assert_eq!(
        (row.state, row.reason.as_deref()),
        (State::Parked, Some("entry_taken"))
    );
    let detail = row.detail.clone().unwrap_or_default();
    assert!(
        detail.contains("partition=`acme#2026-02`") && detail.contains(&key),
        "{detail}"
    );
    let flag = forged
        .ledger()?
        .read(&key_of(&forged.at.ticket, step::BILL))
        .await?;
    assert!(flag.is_none(), "{flag:?}");
    let totals = usage(&bench).totals(&org()?, &month("2026-02")?).await?;
    assert_eq!(sum(&totals).mapped_bugs, 1);

    // When it is gone, the bug is billed.
    let delete = dynamo.delete_item().table_name("usage");
    delete
        .key("org_period", AttributeValue::S("acme#2026-02".to_owned()))
        .key("sk", AttributeValue::S(key))
        .send()
        .await?;
    assert!(forged.ledger()?.resume(&row).await?);
    forged.qualified().await?;
    assert_eq!(gate(&forged).await?.result::<Decision>()?.gate, Gate::Billed);
    Ok(())
}

#[tokio::test]
async fn a_bug_that_waits_at_its_cap_is_charged_once_in_the_month_that_lets_it_through() -> Result<()> {
    let bench = Bench::new().await?;
    let mut settings = acme();
    settings["billing"] = json!({ "time_zone": "Europe/Berlin", "mapped_bug_cap": 1 });
    bench.put(&settings).await?;
    for number in ["1", "2"] {
        Life::of(&bench, number)?.billed().await?;
    }
    bench.clock.advance(27 * DAY_MS);
    Life::of(&bench, "2")?.qualified().await?;
    let shown = bench
        .json(&["usage", "show", "--org", "acme", "--period", "2026-02"])
        .await?;
    assert_eq!(
        shown["total"],
        json!({ "mapped_bugs": 1 }),
        "it is still February"
    );
    bench.clock.advance(2 * DAY_MS);
    for _ in 0..2 {
        Life::of(&bench, "2")?.qualified().await?;
    }
    let march = bench
        .json(&["usage", "show", "--org", "acme", "--period", "2026-03"])
        .await?;
    assert_eq!(march["total"], json!({ "mapped_bugs": 1 }));
    assert_eq!(march["entries"][0]["ticket"], "zendesk:2");
    assert_eq!(march["entries"][0]["period"], "2026-03");
    let february = bench
        .json(&["usage", "show", "--org", "acme", "--period", "2026-02"])
        .await?;
    assert_eq!(february["total"], json!({ "mapped_bugs": 1 }));
    Ok(())
}

/// A thousand charges a second would ask for 64,000 units otherwise.
#[tokio::test]
async fn a_cap_reads_each_part_once_a_charge_as_of_a_moment_ago() -> Result<()> {
    let mut bench = Bench::new().await?;
    let (store, seen) = (bench.store.clone(), Arc::new(Mutex::new(Vec::new())));
    let heard = Arc::clone(&seen);
    let line = Line::to(move |target, body| {
        if target.ends_with("BatchGetItem") {
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            heard
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(asked["RequestItems"]["usage"].clone());
        }
        Some(store.answer(target, body))
    });
    let config = bench.store.config().http_client(line.client()).build();
    bench.world.deployment.dynamo = aws_sdk_dynamodb::Client::from_conf(config);
    let mut settings = acme();
    settings["billing"] = json!({ "mapped_bug_cap": 5, "partitions": 64 });
    bench.put(&settings).await?;
    Life::of(&bench, "1")?.billed().await?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    let [asked] = seen.as_slice() else {
        anyhow::bail!("{seen:?}");
    };
    assert_eq!(asked["Keys"].as_array().map(Vec::len), Some(64));
    assert_eq!(asked["ConsistentRead"], false);
    Ok(())
}
