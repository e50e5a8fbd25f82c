//! Entries against the flags on the ledger, both ways: what nobody qualified or claimed was put in by hand, and a flag
//! without its entry is a bug that nobody pays for.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use futures::stream::{self, Stream, StreamExt, TryStreamExt};
use ratchet_domain::bill::{CreditFlag, Flag, Kind, Recorded, Sum};
use ratchet_domain::ids::TicketRef;
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::store::Item;

use super::super::books::{Books, bodies, rows};
use super::audit::differs;
use super::beside::beside;
use crate::failure::Failure;

/// Rows of one read of the ledger. Reason: what is asked for is what is in memory.
const ROWS_A_SCAN: i32 = 1000;

/// What a flag says of its entry, with the flag's own row.
#[derive(Debug)]
struct Flagged {
    subject: String,
    kind: Kind,
    entry: CreditFlag,
}

/// The step whose result flags an entry of that kind.
fn step_of(kind: Kind) -> &'static str {
    match kind {
        Kind::MappedBug => step::BILL,
        Kind::Credit => step::CREDIT,
    }
}

/// The entry that the flag of a kind names: its place and its hash; none where it names none, as that of a bug that is not
/// charged.
fn named(kind: Kind, body: &str) -> Result<Option<CreditFlag>, serde_json::Error> {
    match kind {
        Kind::Credit => serde_json::from_str(body).map(Some),
        Kind::MappedBug => {
            let flag: Flag = serde_json::from_str(body)?;
            let charge = flag.is_charge().then_some(CreditFlag {
                org_period: flag.org_period,
                entry: flag.entry,
                hash: flag.hash,
            });
            Ok(charge)
        }
    }
}

/// Each entry's flag is on the ledger and names it; a credit names the charge that its bug's flag names.
pub(super) async fn of_entries(books: &Books, entries: &[(Kind, Recorded)]) -> Result<(), Failure> {
    let mut steps = Vec::with_capacity(entries.len());
    for (kind, entry) in entries {
        let label = entry.entry.get("ticket");
        let ticket = label.and_then(|label| TicketRef::labelled(&books.org, label));
        let Some(subject) = ticket.map(|ticket| ticket.subject()) else {
            return Err(unflagged(entry, "it names no ticket"));
        };
        if *kind == Kind::Credit {
            steps.push((subject.clone(), step::BILL));
        }
        steps.push((subject, step_of(*kind)));
    }
    // Two entries about one ticket are a charge and its credit, or a forgery; the store refuses to be asked for a row twice.
    steps.sort_unstable();
    steps.dedup();
    let bodies = bodies(&books.world, &steps).await?;
    for (kind, entry) in entries {
        let label = entry.entry.get("ticket").unwrap_or_default();
        let subject = TicketRef::labelled(&books.org, label).map(|ticket| ticket.subject());
        let subject = subject.unwrap_or_default();
        let flag = |kind| {
            let body = bodies.get(&(subject.clone(), step_of(kind).to_owned()))?;
            named(kind, body).ok().flatten()
        };
        let own = CreditFlag {
            org_period: entry.partition.clone(),
            entry: entry.key.clone(),
            hash: entry.hash.clone(),
        };
        if flag(*kind) != Some(own) {
            let row = format!("subject=`{subject}` step=`{}`", step_of(*kind));
            return Err(unflagged(entry, &row));
        }
        if *kind == Kind::Credit && flag(Kind::MappedBug) != Some(charge_of(entry)) {
            return Err(differs(format!(
                "credit names another charge than its bug's flag partition=`{}` key=`{}` subject=`{subject}`",
                entry.partition, entry.key
            )));
        }
    }
    Ok(())
}

fn unflagged(entry: &Recorded, row: &str) -> Failure {
    differs(format!(
        "entry has no flag on the ledger that names it partition=`{}` key=`{}` {row}",
        entry.partition, entry.key
    ))
}

/// The charge that a credit gives back.
fn charge_of(credit: &Recorded) -> CreditFlag {
    let get = |name: &str| credit.entry.get(name).unwrap_or_default().to_owned();
    CreditFlag {
        org_period: get("charge_partition"),
        entry: get("charge"),
        hash: get("charge_hash"),
    }
}

/// How many flags the ledger has of entries in that period, by reading all of it.
pub(super) async fn count(books: &Books, period: &Period) -> Result<Sum, Failure> {
    let mut sum = Sum::default();
    let pages = pages(books, period)?;
    let mut pages = std::pin::pin!(pages);
    while let Some(flags) = pages.next().await {
        for flag in flags? {
            sum.add(flag.kind);
        }
    }
    Ok(sum)
}

/// Every flag of the period has the entry that it names; how many there are. It reads the whole ledger, page behind page,
/// while the entries of the pages before are asked for.
pub(super) async fn search(books: &Arc<Books>, period: &Period) -> Result<Sum, Failure> {
    let checks = pages(books, period)?.map(|flags: Result<Vec<Flagged>, Failure>| {
        let books = Arc::clone(books);
        async move { have_entries(&books, &flags?).await }
    });
    beside(checks)
        .try_fold(Sum::default(), async |sum, found| Ok(sum.and(found)))
        .await
}

/// The flags of the period's entries, a page of the ledger at a time.
fn pages(
    books: &Books,
    period: &Period,
) -> Result<impl Stream<Item = Result<Vec<Flagged>, Failure>>, Failure> {
    let table = books.world.table("LEDGER_TABLE")?;
    let place = format!("{}#{period}", books.org);
    Ok(stream::try_unfold(
        (table, place, Some(None)),
        async move |(table, place, at): (String, String, Option<Option<Item>>)| {
            let Some(start) = at else { return Ok(None) };
            let (flags, end) = page(books, &table, &place, start).await?;
            Ok(Some((flags, (table, place, end.map(Some)))))
        },
    ))
}

/// The flags of a page of the ledger, and where the next one begins.
async fn page(
    books: &Books,
    table: &str,
    place: &str,
    start: Option<Item>,
) -> Result<(Vec<Flagged>, Option<Item>), Failure> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let output = books
        .world
        .deployment
        .dynamo
        .scan()
        .table_name(table)
        .filter_expression("step IN (:bill, :credit) AND begins_with(subject, :subject)")
        .expression_attribute_values(":bill", text(step::BILL))
        .expression_attribute_values(":credit", text(step::CREDIT))
        .expression_attribute_values(":subject", text(&format!("ticket#{}#", books.org)))
        .projection_expression("subject, step, body")
        .consistent_read(true)
        .limit(ROWS_A_SCAN)
        .set_exclusive_start_key(start)
        .send()
        .await
        .map_err(|error| Failure::aws("Scan", &error))?;
    Ok((flags_of(output.items(), place)?, output.last_evaluated_key))
}

/// The flags of entries in that org and period.
fn flags_of(rows: &[Item], place: &str) -> Result<Vec<Flagged>, Failure> {
    let mut flags = Vec::new();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(|value| value.as_s().ok());
        let subject = text("subject").cloned().unwrap_or_default();
        let is_credit = text("step").is_some_and(|step| step == step::CREDIT);
        let kind = if is_credit { Kind::Credit } else { Kind::MappedBug };
        // A claim that was never sealed has no body: nothing is flagged yet.
        let Some(body) = text("body") else { continue };
        let entry = named(kind, body).map_err(|_| {
            differs(format!(
                "flag on the ledger does not read subject=`{subject}` step=`{}`",
                step_of(kind)
            ))
        })?;
        if let Some(entry) = entry.filter(|entry| entry.org_period.split('+').next() == Some(place)) {
            flags.push(Flagged { subject, kind, entry });
        }
    }
    Ok(flags)
}

/// Each flag has the entry that it names; how many flags these are.
async fn have_entries(books: &Books, flags: &[Flagged]) -> Result<Sum, Failure> {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut places: Vec<_> = flags
        .iter()
        .map(|flag| (flag.entry.org_period.as_str(), flag.entry.entry.as_str()))
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
    let mut sum = Sum::default();
    for Flagged { subject, kind, entry } in flags {
        let (partition, key) = (&entry.org_period, &entry.entry);
        let hash = hashes.get(&(Some(partition.clone()), Some(key.clone())));
        let what = match hash {
            Some(hash) if hash.as_deref() == Some(&entry.hash) => {
                sum.add(*kind);
                continue;
            }
            Some(_) => "names another hash than its entry has",
            None => "has no entry",
        };
        return Err(differs(format!(
            "flag on the ledger {what} subject=`{subject}` step=`{}` partition=`{partition}` key=`{key}`",
            step_of(*kind)
        )));
    }
    Ok(sum)
}
