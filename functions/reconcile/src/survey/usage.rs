//! Bills: a period's total is the number of its entries, and each entry's bug has its flag.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::{OrgId, Provider, RepoName, TicketNumber, TicketRef};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::StageError;
use ratchet_guard::clock::Millis;
use ratchet_guard::store::Item as Row;
use ratchet_runtime::stage::key_of;

use super::Survey;
use crate::plan::{Item, Kind, Repair};

/// One charge, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) ticket: TicketRef,
    pub(super) content: String,
    /// Repositories that get a pull request.
    pub(super) repos: Vec<RepoName>,
    pub(super) billed_at: Millis,
}

/// One period's partition.
#[derive(Debug, Default)]
struct Bill {
    entries: Vec<Row>,
    total: u64,
}

impl Survey<'_> {
    pub(super) async fn usage(&mut self, org: &OrgId) -> Result<(), StageError> {
        for period in self.periods(org).await? {
            let bill = self.bill(org, &period).await?;
            let count = bill.entries.len() as u64;
            if bill.total != count {
                self.items.insert(Item {
                    kind: Kind::TotalDiffers,
                    org: org.to_string(),
                    subject: format!("{org}#{period}"),
                    step: "total".to_owned(),
                    at: format!("{}/{count}", bill.total),
                    finding: format!("total is `{}` and there are `{count}` entries", bill.total),
                    // Only `qualify` may write bills, so a person does this one, with rights of their own.
                    repair: Repair::Look,
                });
            }
        }
        Ok(())
    }

    /// The charges of the window.
    pub(super) async fn entries(&self, org: &OrgId) -> Result<Vec<Entry>, StageError> {
        let mut found = Vec::new();
        for period in self.periods(org).await? {
            let bill = self.bill(org, &period).await?;
            let entries = bill.entries.iter().filter_map(|row| entry(org, row));
            found.extend(entries.filter(|entry| self.ask.has(entry.billed_at)));
        }
        Ok(found)
    }

    pub(super) async fn flag(&mut self, entry: &Entry) -> Result<(), StageError> {
        let key = key_of(&entry.ticket, step::BILL);
        if self.ledger.sealed(&key).await?.is_none() {
            self.items.insert(Item {
                kind: Kind::EntryWithoutFlag,
                org: entry.ticket.org.to_string(),
                subject: key.subject().to_owned(),
                step: entry.key.clone(),
                at: entry.billed_at.to_string(),
                finding: "usage entry has no billable flag on the ledger".to_owned(),
                repair: Repair::Look,
            });
        }
        Ok(())
    }

    async fn periods(&self, org: &OrgId) -> Result<Vec<Period>, StageError> {
        let settings = self.reconcile.connector.orgs().settings(org).await?;
        let zone = &settings.billing.time_zone;
        let mut period = Period::of(self.ask.since_ms, zone);
        let last = Period::of(self.ask.until_ms, zone);
        let mut periods = vec![period.clone()];
        while period < last {
            period = period.next();
            periods.push(period.clone());
        }
        Ok(periods)
    }

    async fn bill(&self, org: &OrgId, period: &Period) -> Result<Bill, StageError> {
        let mut bill = Bill::default();
        let mut start = None;
        loop {
            let page = self
                .reconcile
                .dynamo
                .query()
                .table_name(&self.reconcile.usage_table)
                .key_condition_expression("org_period = :partition")
                .expression_attribute_values(":partition", AttributeValue::S(format!("{org}#{period}")))
                .consistent_read(true)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StageError::NotRead {
                    why: format!("usage: {}", error.code().unwrap_or("NoAnswer")),
                    retry_after_ms: None,
                })?;
            for row in page.items.unwrap_or_default() {
                match text(&row, "sk") {
                    Some("total") => bill.total = number(&row, "mapped_bugs").unwrap_or(0),
                    Some(key) if key.starts_with("entry#") => bill.entries.push(row),
                    _ => {}
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(bill);
            }
        }
    }
}

fn entry(org: &OrgId, row: &Row) -> Option<Entry> {
    let (provider, number_text) = text(row, "ticket")?.split_once(':')?;
    Some(Entry {
        key: text(row, "sk")?.to_owned(),
        ticket: TicketRef {
            org: org.clone(),
            provider: Provider::from_name(provider)?,
            number: TicketNumber::parse(number_text).ok()?,
        },
        content: text(row, "content")?.to_owned(),
        repos: text(row, "repos")?
            .split(',')
            .filter_map(|repo| RepoName::parse(repo).ok())
            .collect(),
        billed_at: number(row, "billed_at")?,
    })
}

fn text<'r>(row: &'r Row, name: &str) -> Option<&'r str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}

fn number(row: &Row, name: &str) -> Option<u64> {
    row.get(name)?.as_n().ok()?.parse().ok()
}
