//! Bills: a period's total is the number of its entries, and each entry's bug has its flag.

use ratchet_domain::bill::{self, Recorded, Sum};
use ratchet_domain::ids::{OrgId, Provider, RepoName, TicketNumber, TicketRef};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::StageError;
use ratchet_guard::clock::Millis;
use ratchet_runtime::stage::key_of;
use ratchet_runtime::usage::Usage;
use ratchet_runtime::usage::slice::Slice;

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
    entries: Vec<Recorded>,
    total: Sum,
}

impl Survey<'_> {
    pub(super) async fn usage(&mut self, org: &OrgId) -> Result<(), StageError> {
        for period in self.periods(org).await? {
            let bill = self.bill(org, &period).await?;
            let count = bill.entries.len() as u64;
            let total = bill.total.entries();
            if total != count {
                self.items.insert(Item {
                    kind: Kind::TotalDiffers,
                    org: org.to_string(),
                    subject: format!("{org}#{period}"),
                    step: "total".to_owned(),
                    at: format!("{total}/{count}"),
                    finding: format!("total is `{total}` and there are `{count}` entries"),
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
        let usage = Usage::new(self.reconcile.dynamo.clone(), self.reconcile.usage_table.as_str());
        let mut bill = Bill::default();
        for (partition, total) in usage.totals(org, period).await? {
            bill.total = bill.total.and(total);
            let mut start = None;
            loop {
                let page = usage.page(&partition, &Slice::whole(), start).await?;
                bill.entries.extend(page.entries);
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(bill)
    }
}

/// A charge; a credit is none.
fn entry(org: &OrgId, row: &Recorded) -> Option<Entry> {
    if row.entry.get("kind") != Some(bill::Kind::MappedBug.as_str()) {
        return None;
    }
    let (provider, number_text) = row.entry.get("ticket")?.split_once(':')?;
    Some(Entry {
        key: row.key.clone(),
        ticket: TicketRef {
            org: org.clone(),
            provider: Provider::from_name(provider)?,
            number: TicketNumber::parse(number_text).ok()?,
        },
        content: row.entry.get("content")?.to_owned(),
        repos: row
            .entry
            .get("repos")?
            .split(',')
            .filter_map(|repo| RepoName::parse(repo).ok())
            .collect(),
        billed_at: row.entry.get("billed_at")?.parse().ok()?,
    })
}
