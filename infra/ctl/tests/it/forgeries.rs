//! Entries and seals that somebody changed: each is named.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::bill;
use ratchet_guard::store::Item;
use serde_json::json;

use crate::bench::Bench;
use crate::bills::{billed, month, org, seal, usage, verify, verify_with};
use crate::entries::row_of;
use crate::life::Life;

pub(crate) fn row_key(partition: &str, sort: &str) -> Item {
    Item::from([
        ("org_period".to_owned(), AttributeValue::S(partition.to_owned())),
        ("sk".to_owned(), AttributeValue::S(sort.to_owned())),
    ])
}

pub(crate) async fn set(bench: &Bench, sort: &str, name: &str, value: AttributeValue) -> Result<()> {
    let partition = if sort.starts_with("batch#") {
        "seals#acme#2026-02"
    } else {
        "acme#2026-02"
    };
    bench
        .world
        .deployment
        .dynamo
        .update_item()
        .table_name("usage")
        .set_key(Some(row_key(partition, sort)))
        .update_expression("SET #name = :value")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":value", value)
        .send()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_changed_entry_is_named() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    let good = bench.store.snapshot()?;
    let life = Life::of(&bench, "5158")?;
    let key = bill::charge_key(&life.at.ticket.bug());

    set(
        &bench,
        &key,
        "ai_confidence",
        AttributeValue::N("0.99".to_owned()),
    )
    .await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("its hash is not that of its fields") && said.contains(&key),
        "{said}"
    );
    let sealing = seal(&bench, false).await?;
    assert_eq!(sealing.added, 0);
    bench.store.restore(&good)?;

    // A field that nobody writes is as good as a changed one.
    set(&bench, &key, "discount", AttributeValue::Bool(true)).await?;
    let said = verify(&bench).await?;
    assert!(said.contains(&key), "{said}");
    bench.store.restore(&good)?;

    // The forger makes the hash anew, and the flag with it: the seal still knows.
    set(&bench, &key, "plan", AttributeValue::S("trial".to_owned())).await?;
    let forged = usage(&bench)
        .entry("acme#2026-02", &key)
        .await?
        .context("entry")?;
    set(&bench, &key, "hash", AttributeValue::S(forged.entry.hash())).await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("changed after it was sealed") && said.contains(&key),
        "{said}"
    );
    bench.store.restore(&good)?;
    Ok(())
}

#[tokio::test]
async fn a_missing_entry_or_a_wrong_total_is_named() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    let good = bench.store.snapshot()?;
    let life = Life::of(&bench, "5158")?;
    let key = bill::charge_key(&life.at.ticket.bug());
    let dynamo = &bench.world.deployment.dynamo;
    let delete = dynamo.delete_item().table_name("usage");
    delete.set_key(Some(row_key("acme#2026-02", &key))).send().await?;
    // Whether or not the total was lowered with it.
    for mapped_bugs in ["3", "2"] {
        set(
            &bench,
            "total",
            "mapped_bugs",
            AttributeValue::N(mapped_bugs.to_owned()),
        )
        .await?;
        let said = verify(&bench).await?;
        assert!(
            said.contains("sealed entry is missing") && said.contains(&key),
            "{said}"
        );
    }
    bench.store.restore(&good)?;

    for mapped_bugs in ["2", "4"] {
        set(
            &bench,
            "total",
            "mapped_bugs",
            AttributeValue::N(mapped_bugs.to_owned()),
        )
        .await?;
        let said = verify(&bench).await?;
        assert!(said.contains("total is not the fold of its entries"), "{said}");
    }
    Ok(())
}

#[tokio::test]
async fn an_added_entry_is_named() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    let key = bill::charge_key(&Life::of(&bench, "5158")?.at.ticket.bug());
    let dynamo = &bench.world.deployment.dynamo;
    // An entry that nobody qualified, with a good hash and a total that counts it.
    let bug = Life::of(&bench, "9999")?.at.ticket.bug();
    let taken = usage(&bench)
        .entry("acme#2026-02", &key)
        .await?
        .context("entry")?;
    let mut fields = taken.entry.fields().clone();
    for (name, value) in [
        ("key", bill::charge_key(&bug)),
        ("bug", bug.to_string()),
        ("ticket", "zendesk:9999".to_owned()),
    ] {
        fields.insert(name.to_owned(), bill::Field::text(value));
    }
    let entry = bill::Entry::new(fields);
    let row = row_of("acme#2026-02", &bill::charge_key(&bug), &entry);
    dynamo
        .put_item()
        .table_name("usage")
        .set_item(Some(row))
        .send()
        .await?;
    set(&bench, "total", "mapped_bugs", AttributeValue::N("4".to_owned())).await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("no flag on the ledger") && said.contains(bug.as_str()),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_seal_that_was_rewritten_is_named() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    seal(&bench, false).await?;
    let good = bench.store.snapshot()?;
    // A seal that was rewritten.
    let last = usage(&bench)
        .last_batch(&org()?, &month("2026-02")?)
        .await?
        .context("seal")?;
    let mut rewritten = serde_json::to_value(&last)?;
    rewritten["leaves"][0]["hash"] = json!("0".repeat(64));
    set(
        &bench,
        "batch#000000",
        "body",
        AttributeValue::S(rewritten.to_string()),
    )
    .await?;
    let said = verify(&bench).await?;
    assert!(said.contains("does not have the root of its leaves"), "{said}");
    bench.store.restore(&good)?;
    assert!(verify(&bench).await?.contains("verified"));

    // One leaf twice, under a root that fits.
    let mut twice = last.clone();
    let leaf = twice.leaves.first().cloned().context("a leaf")?;
    twice.tree.push(leaf.hash());
    twice.leaves.push(leaf.clone());
    twice.root = twice.tree.root();
    let body = serde_json::to_string(&twice)?;
    set(&bench, "batch#000000", "body", AttributeValue::S(body)).await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("entry is sealed twice") && said.contains(&leaf.key),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn entries_in_a_partition_without_a_total_are_named() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let dynamo = &bench.world.deployment.dynamo;
    let key = bill::charge_key(&Life::of(&bench, "5158")?.at.ticket.bug());
    let put = dynamo.put_item().table_name("usage");
    let row = row_key("acme#2026-02+9", &key);
    put.set_item(Some(row)).send().await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("partition has entries and no total partition=`acme#2026-02+9`"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn seals_that_were_cut_off_are_found_by_a_root_that_was_kept() -> Result<()> {
    let bench = Bench::new().await?;
    billed(&bench).await?;
    let mut roots = Vec::new();
    for number in ["1", "2"] {
        Life::of(&bench, number)?.billed().await?;
        seal(&bench, false).await?;
        let last = usage(&bench).last_batch(&org()?, &month("2026-02")?).await?;
        roots.push(last.context("a seal")?.root.to_string());
    }
    for root in &roots {
        assert!(verify_with(&bench, &["--root", root]).await?.contains("verified"));
    }
    let delete = bench.world.deployment.dynamo.delete_item().table_name("usage");
    let row = row_key("seals#acme#2026-02", "batch#000001");
    delete.set_key(Some(row)).send().await?;
    assert!(
        verify(&bench).await?.contains("verified"),
        "nothing within the table tells"
    );
    assert!(
        verify_with(&bench, &["--root", &roots[0]])
            .await?
            .contains("verified")
    );
    let said = verify_with(&bench, &["--root", &roots[1]]).await?;
    assert!(
        said.contains("cut off or written anew") && said.contains(&roots[1]),
        "{said}"
    );
    Ok(())
}
