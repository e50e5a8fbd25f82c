//! A store with a period's entries, totals and flags, as the meter writes them.

use std::path::Path;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::{AttributeValue, KeyType, PutRequest, WriteRequest};
use ratchet_domain::bill::{self, Entry, Field, Flag};
use ratchet_domain::ids::{ContentHash, OrgId, Provider, TicketNumber, TicketRef, digest_of};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::embedded::EmbeddedDynamo;
use ratchet_guard::schema;
use ratchet_guard::store::Item;

use super::{ORG, PERIOD};

/// Partitions that the charges are spread over.
pub(super) const SPREAD: u64 = 8;

/// 2026-02-14T00:00:00Z, in ms.
const BILLED_AT: u64 = 1_771_027_200_000;

/// Rows of one write. Source: DynamoDB's limit.
const ROWS_A_WRITE: usize = 25;

/// Makes a store with so many charges as `qualify` leaves them, not sealed.
pub(super) async fn fill(store: &Path, entries: u64) -> Result<()> {
    let tables = EmbeddedDynamo::open(store)?.client();
    schema::create_ledger_table(&tables, "ledger").await?;
    let keys = [("org_period", KeyType::Hash), ("sk", KeyType::Range)];
    schema::create(&tables, "usage", &keys, false).await?;
    let (org, period) = (OrgId::parse(ORG)?, Period::parse(PERIOD).context("a month")?);
    let (mut usage, mut ledger) = (Vec::new(), Vec::new());
    let mut totals = vec![0_u64; usize::try_from(SPREAD)?];
    for number in 0..entries {
        let (part, row, flag) = charge(&org, &period, number)?;
        if let Some(total) = totals.get_mut(usize::try_from(part)?) {
            *total += 1;
        }
        usage.push(row);
        ledger.push(flag);
        if usage.len() == ROWS_A_WRITE {
            write(&tables, "usage", std::mem::take(&mut usage)).await?;
            write(&tables, "ledger", std::mem::take(&mut ledger)).await?;
        }
    }
    for (part, total) in (0..).zip(&totals) {
        let partition = bill::partition(&org, &period, part);
        usage.push(Item::from([
            text("org_period", &partition),
            text("sk", bill::TOTAL),
            ("mapped_bugs".to_owned(), AttributeValue::N(total.to_string())),
        ]));
    }
    for (table, rows) in [("usage", usage), ("ledger", ledger)] {
        for rows in rows.chunks(ROWS_A_WRITE) {
            write(&tables, table, rows.to_vec()).await?;
        }
    }
    Ok(())
}

/// One charge: its part, its entry's row and its flag's.
fn charge(org: &OrgId, period: &Period, number: u64) -> Result<(u64, Item, Item)> {
    let ticket = TicketRef {
        org: org.clone(),
        provider: Provider::Zendesk,
        number: TicketNumber::parse(number.to_string())?,
    };
    let content = ContentHash::of(&["words", &number.to_string()]);
    let (bug, billed_at) = (ticket.bug(), BILLED_AT + number);
    let (part, key) = (bill::home_part(&bug, SPREAD), bill::charge_key(&bug));
    let entry = Entry::new([
        ("kind", Field::text("mapped_bug")),
        ("key", Field::text(&key)),
        ("org", Field::text(org.as_str())),
        ("period", Field::text(period.as_str())),
        ("bug", Field::text(bug.as_str())),
        ("ticket", Field::text(ticket.label())),
        ("content", Field::text(content.as_str())),
        ("extract_model", Field::text("claude-sonnet-4-5")),
        ("extract_prompt", Field::text("extract/1")),
        ("map_model", Field::text("claude-sonnet-4-5")),
        ("map_prompt", Field::text("map/1")),
        ("ai_confidence", Field::number(0.91)),
        ("location_confidence", Field::number(0.83)),
        ("ai_threshold", Field::number(0.7)),
        ("location_threshold", Field::number(0.7)),
        ("candidates_hash", Field::text(digest_of(&["candidates", &key]))),
        ("repos", Field::text("acme/shop")),
        ("decision", Field::text("billed")),
        ("plan", Field::text("paid")),
        ("time_zone", Field::text("Europe/Berlin")),
        ("billed_at", Field::number(billed_at)),
    ]);
    let flag = Flag {
        org_period: bill::partition(org, period, part),
        entry: key.clone(),
        hash: entry.hash(),
        billed_at,
        content,
    };
    let fields = entry.fields().iter().map(|(name, field)| match field {
        Field::Text(value) => text(name, value),
        Field::Number(digits) => (name.clone(), AttributeValue::N(digits.clone())),
    });
    let mut row: Item = fields.collect();
    row.extend([
        text("org_period", &flag.org_period),
        text("sk", &key),
        text("hash", &flag.hash),
    ]);
    let flag = Item::from([
        text("subject", &ticket.subject()),
        text("step", step::BILL),
        text("state", "sealed"),
        text("body", &serde_json::to_string(&flag)?),
    ]);
    Ok((part, row, flag))
}

fn text(name: &str, value: &str) -> (String, AttributeValue) {
    (name.to_owned(), AttributeValue::S(value.to_owned()))
}

async fn write(tables: &aws_sdk_dynamodb::Client, table: &str, rows: Vec<Item>) -> Result<()> {
    let put = |row| -> Result<WriteRequest> {
        let put = PutRequest::builder().set_item(Some(row)).build()?;
        Ok(WriteRequest::builder().put_request(put).build())
    };
    let rows: Vec<WriteRequest> = rows.into_iter().map(put).collect::<Result<_>>()?;
    if !rows.is_empty() {
        tables
            .batch_write_item()
            .request_items(table, rows)
            .send()
            .await?;
    }
    Ok(())
}
