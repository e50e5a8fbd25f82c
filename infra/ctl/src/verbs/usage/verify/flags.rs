//! Entries against the flags on the ledger, both ways: what nobody qualified or claimed was put in by hand, and a flag
//! without its entry is a bug that nobody pays for.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::bill::{Flag, Kind, Recorded};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::store::Item;

use super::super::books::{Books, bodies, rows, ticket_of};
use super::audit::differs;
use crate::failure::Failure;

/// Rows of one read of the ledger. Reason: what is asked for is what is in memory.
const ROWS_A_SCAN: i32 = 1000;

/// Each entry's flag is on the ledger and names it.
pub(super) async fn of_entries(books: &Books<'_>, entries: &[Recorded]) -> Result<(), Failure> {
    let mut steps = Vec::with_capacity(entries.len());
    for entry in entries {
        let ticket = entry
            .entry
            .get("ticket")
            .and_then(|label| ticket_of(books.org, label));
        let is_credit = entry.entry.get("kind") == Some(Kind::Credit.as_str());
        let step = if is_credit { step::CREDIT } else { step::BILL };
        steps.push((ticket.map(|ticket| ticket.subject()).unwrap_or_default(), step));
    }
    let mut known: Vec<_> = steps
        .iter()
        .filter(|(subject, _)| !subject.is_empty())
        .cloned()
        .collect();
    // Two entries about one ticket are a forgery, and the store refuses to be asked for one row twice.
    known.sort_unstable();
    known.dedup();
    let bodies = bodies(books.world, &known).await?;
    for (entry, (subject, step)) in entries.iter().zip(&steps) {
        let body = bodies.get(&(subject.clone(), (*step).to_owned()));
        let names_it = body.is_some_and(|body| names(step, body, entry));
        if !names_it {
            return Err(differs(format!(
                "entry has no flag on the ledger that names it partition=`{}` key=`{}` subject=`{subject}` step=`{step}`",
                entry.partition, entry.key
            )));
        }
    }
    Ok(())
}

fn names(step: &str, body: &str, entry: &Recorded) -> bool {
    if step == step::CREDIT {
        return serde_json::from_str::<String>(body).is_ok_and(|key| key == entry.key);
    }
    serde_json::from_str::<Flag>(body).is_ok_and(|flag| {
        flag.entry == entry.key && flag.hash == entry.hash && flag.org_period == entry.partition
    })
}

/// Every flag of the period has the entry that it names; how many there are. It reads the whole ledger.
pub(super) async fn search(books: &Books<'_>, period: &Period) -> Result<u64, Failure> {
    let table = books.world.table("LEDGER_TABLE")?;
    let place = format!("{}#{period}", books.org);
    let (mut found, mut start) = (0, None);
    loop {
        let output = books
            .world
            .deployment
            .dynamo
            .scan()
            .table_name(&table)
            .filter_expression("step = :bill AND begins_with(subject, :subject)")
            .expression_attribute_values(":bill", AttributeValue::S(step::BILL.to_owned()))
            .expression_attribute_values(":subject", AttributeValue::S(format!("ticket#{}#", books.org)))
            .projection_expression("subject, body")
            .consistent_read(true)
            .limit(ROWS_A_SCAN)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| Failure::aws("Scan", &error))?;
        let flags = output.items().iter().filter_map(|row| {
            let text = |name: &str| row.get(name)?.as_s().ok();
            let flag: Flag = serde_json::from_str(text("body")?).ok()?;
            let is_ours = flag.org_period.split('+').next() == Some(place.as_str());
            is_ours.then(|| (text("subject").cloned().unwrap_or_default(), flag))
        });
        let flags: Vec<(String, Flag)> = flags.collect();
        have_entries(books, &flags).await?;
        found += flags.len() as u64;
        start = output.last_evaluated_key;
        if start.is_none() {
            return Ok(found);
        }
    }
}

async fn have_entries(books: &Books<'_>, flags: &[(String, Flag)]) -> Result<(), Failure> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut places: Vec<_> = flags
        .iter()
        .map(|(_, flag)| (flag.org_period.as_str(), flag.entry.as_str()))
        .collect();
    places.sort_unstable();
    places.dedup();
    let keys: Vec<Item> = places
        .iter()
        .map(|(partition, key)| {
            Item::from([
                ("org_period".to_owned(), text(partition)),
                ("sk".to_owned(), text(key)),
            ])
        })
        .collect();
    let mut hashes = BTreeMap::new();
    let table = books.world.table("USAGE_TABLE")?;
    for row in rows(books.world, &table, &keys, &["org_period", "sk", "hash"]).await? {
        let word = |name: &str| row.get(name)?.as_s().ok().cloned();
        hashes.insert((word("org_period"), word("sk")), word("hash"));
    }
    for (subject, flag) in flags {
        let (partition, key) = (&flag.org_period, &flag.entry);
        let hash = hashes.get(&(Some(partition.clone()), Some(key.clone())));
        let what = match hash {
            Some(hash) if hash.as_deref() == Some(&flag.hash) => continue,
            Some(_) => "names another hash than its entry has",
            None => "has no entry",
        };
        return Err(differs(format!(
            "flag on the ledger {what} subject=`{subject}` partition=`{partition}` key=`{key}`"
        )));
    }
    Ok(())
}
