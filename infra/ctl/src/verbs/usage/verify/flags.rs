//! Entries against the flags on the ledger, both ways: what nobody qualified or claimed was put in by hand, and a flag
//! without its entry is a bug that nobody pays for.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, StreamExt, TryStreamExt};
use ratchet_domain::bill::{Flag, Kind, Recorded};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::store::Item;

use super::super::books::{Books, bodies, rows, ticket_of};
use super::audit::differs;
use super::beside::beside;
use crate::failure::Failure;

/// Rows of one read of the ledger. Reason: what is asked for is what is in memory.
const ROWS_A_SCAN: i32 = 1000;

/// Flags with the subjects of their rows.
type Flags = Vec<(String, Flag)>;

/// Each entry's flag is on the ledger and names it.
pub(super) async fn of_entries(books: &Books, entries: &[Recorded]) -> Result<(), Failure> {
    let mut steps = Vec::with_capacity(entries.len());
    for entry in entries {
        let ticket = entry
            .entry
            .get("ticket")
            .and_then(|label| ticket_of(&books.org, label));
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
    let bodies = bodies(&books.world, &known).await?;
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

/// Every flag of the period has the entry that it names; how many there are. It reads the whole ledger, page behind page,
/// while the entries of the pages before are asked for.
pub(super) async fn search(books: &Arc<Books>, period: &Period) -> Result<u64, Failure> {
    let table = books.world.table("LEDGER_TABLE")?;
    let place = format!("{}#{period}", books.org);
    let pages = stream::try_unfold(Some(None), |at: Option<Option<Item>>| {
        let (table, place) = (&table, &place);
        async move {
            let Some(start) = at else { return Ok(None) };
            let (flags, end) = page(books, table, place, start).await?;
            Ok(Some((flags, end.map(Some))))
        }
    });
    let checks = pages.map(|flags: Result<Flags, Failure>| {
        let books = Arc::clone(books);
        async move { have_entries(&books, &flags?).await }
    });
    beside(checks)
        .try_fold(0, async |sum, found| Ok(sum + found))
        .await
}

/// The flags of a page of the ledger, and where the next one begins.
async fn page(
    books: &Books,
    table: &str,
    place: &str,
    start: Option<Item>,
) -> Result<(Flags, Option<Item>), Failure> {
    let output = books
        .world
        .deployment
        .dynamo
        .scan()
        .table_name(table)
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
    Ok((flags_of(output.items(), place)?, output.last_evaluated_key))
}

/// The flags of charges in that org and period, with their subjects.
fn flags_of(rows: &[Item], place: &str) -> Result<Flags, Failure> {
    let mut flags = Vec::new();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
        let subject = text("subject").cloned().unwrap_or_default();
        // A claim that was never sealed has no body: nothing is flagged yet.
        let Some(body) = text("body") else { continue };
        let flag: Flag = serde_json::from_str(body).map_err(|_| {
            differs(format!(
                "flag on the ledger does not read subject=`{subject}` step=`{}`",
                step::BILL
            ))
        })?;
        if flag.org_period.split('+').next() == Some(place) {
            flags.push((subject, flag));
        }
    }
    Ok(flags)
}

/// Each flag has the entry that it names; how many flags these are.
async fn have_entries(books: &Books, flags: &[(String, Flag)]) -> Result<u64, Failure> {
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
    for row in rows(&books.world, &table, &keys, &["org_period", "sk", "hash"]).await? {
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
    Ok(flags.len() as u64)
}
