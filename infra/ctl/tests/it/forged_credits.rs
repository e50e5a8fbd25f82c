//! Credits that somebody changed, copied or took away: each is named.

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::bill::{self, CreditFlag, Entry, Field, Recorded};
use ratchet_domain::credit::Verdict;
use ratchet_domain::step;
use ratchet_guard::store::Item;
use ratchet_runtime::stage::key_of;

use crate::bench::Bench;
use crate::bills::{DAY_MS, billed, claimed, usage, verify, verify_with};
use crate::life::Life;

const PARTITION: &str = "acme#2026-02";

/// Three bugs, billed, and the first one's credit.
async fn credited(bench: &Bench) -> Result<Recorded> {
    billed(bench).await?;
    let life = Life::of(bench, "5158")?;
    assert_eq!(claimed(&life, "wrong file").await?, Verdict::Credited);
    assert!(verify(bench).await?.contains("3 charges and 1 credits"));
    let key = bill::credit_key(&life.at.ticket.bug());
    usage(bench).entry(PARTITION, &key).await?.context("the credit")
}

/// The credit with these fields instead, and a hash that fits.
fn forged(credit: &Recorded, partition: &str, changes: &[(&str, Field)]) -> Recorded {
    let mut fields = credit.entry.fields().clone();
    fields.extend(
        changes
            .iter()
            .map(|(name, field)| ((*name).to_owned(), field.clone())),
    );
    let entry = Entry::new(fields);
    Recorded {
        partition: partition.to_owned(),
        key: credit.key.clone(),
        hash: entry.hash(),
        entry,
    }
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn put(bench: &Bench, entry: &Recorded) -> Result<()> {
    let fields = entry.entry.fields().iter().map(|(name, field)| {
        let value = match field {
            Field::Text(value) => text(value),
            Field::Number(digits) => AttributeValue::N(digits.clone()),
        };
        (name.clone(), value)
    });
    let mut row: Item = fields.collect();
    row.insert("org_period".to_owned(), text(&entry.partition));
    row.insert("sk".to_owned(), text(&entry.key));
    row.insert("hash".to_owned(), text(&entry.hash));
    let dynamo = &bench.world.deployment.dynamo;
    dynamo
        .put_item()
        .table_name("usage")
        .set_item(Some(row))
        .send()
        .await?;
    Ok(())
}

/// Says that the partition has so many credits.
async fn count(bench: &Bench, partition: &str, credits: u64) -> Result<()> {
    let dynamo = &bench.world.deployment.dynamo;
    let update = dynamo.update_item().table_name("usage");
    update
        .key("org_period", text(partition))
        .key("sk", text(bill::TOTAL))
        .update_expression("SET credits = :credits")
        .expression_attribute_values(":credits", AttributeValue::N(credits.to_string()))
        .send()
        .await?;
    Ok(())
}

#[tokio::test]
async fn a_credit_with_other_words_or_in_another_place_is_not_the_one_that_its_flag_names() -> Result<()> {
    let bench = Bench::new().await?;
    let credit = credited(&bench).await?;
    let good = bench.store.snapshot()?;
    put(&bench, &forged(&credit, PARTITION, &[("by", Field::text("eve"))])).await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("no flag on the ledger") && said.contains(&credit.key),
        "{said}"
    );
    bench.store.restore(&good)?;

    // A copy in another part of the month, or in the month before, counted there.
    put(&bench, &forged(&credit, "acme#2026-02+3", &[])).await?;
    count(&bench, "acme#2026-02+3", 1).await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("no flag on the ledger") && said.contains("+3"),
        "{said}"
    );
    bench.store.restore(&good)?;

    let january = [
        ("period", Field::text("2026-01")),
        ("credited_at", Field::number(bench.world.now_ms() - DAY_MS)),
    ];
    count(&bench, "acme#2026-01", 1).await?;
    put(&bench, &forged(&credit, "acme#2026-01", &january[..1])).await?;
    let said = verify_with(&bench, &["--period", "2026-01"]).await?;
    assert!(said.contains("not the month of its time"), "{said}");
    put(&bench, &forged(&credit, "acme#2026-01", &january)).await?;
    let said = verify_with(&bench, &["--period", "2026-01"]).await?;
    assert!(said.contains("no flag on the ledger"), "{said}");
    Ok(())
}

#[tokio::test]
async fn a_credit_that_gives_another_charge_back_is_named_though_its_flag_was_changed_with_it() -> Result<()>
{
    let bench = Bench::new().await?;
    let credit = credited(&bench).await?;
    let forged = forged(
        &credit,
        PARTITION,
        &[("charge_hash", Field::text("0".repeat(64)))],
    );
    put(&bench, &forged).await?;
    let flag = CreditFlag {
        org_period: PARTITION.to_owned(),
        entry: forged.key.clone(),
        hash: forged.hash.clone(),
    };
    let life = Life::of(&bench, "5158")?;
    let key = key_of(&life.at.ticket, step::CREDIT);
    let dynamo = &bench.world.deployment.dynamo;
    dynamo
        .update_item()
        .table_name("ledger")
        .key("subject", text(key.subject()))
        .key("step", text(key.step()))
        .update_expression("SET body = :body")
        .expression_attribute_values(":body", text(&serde_json::to_string(&flag)?))
        .send()
        .await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("credit names another charge than its bug's flag"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn a_credit_that_was_taken_away_with_its_count_is_missed_by_its_flag() -> Result<()> {
    let bench = Bench::new().await?;
    let credit = credited(&bench).await?;
    let dynamo = &bench.world.deployment.dynamo;
    dynamo
        .delete_item()
        .table_name("usage")
        .key("org_period", text(PARTITION))
        .key("sk", text(&credit.key))
        .send()
        .await?;
    count(&bench, PARTITION, 0).await?;
    let said = verify(&bench).await?;
    assert!(
        said.contains("flag on the ledger has no entry") && said.contains("step=`credit`"),
        "{said}"
    );
    Ok(())
}
