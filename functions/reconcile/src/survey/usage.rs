//! Bills: each partition's total is the number of its entries, charges and credits apart, and the bug of each entry, and of
//! each approval without one, has its flag.

use ratchet_domain::bill::{self, Recorded, Sum};
use ratchet_domain::decision::Approval;
use ratchet_domain::ids::{OrgId, RepoName, TicketRef};
use ratchet_domain::period::Period;
use ratchet_domain::step;
use ratchet_guard::StageError;
use ratchet_guard::clock::Millis;
use ratchet_runtime::stage::key_of;
use ratchet_runtime::usage::Usage;
use ratchet_runtime::usage::slice::Slice;

use super::Survey;
use crate::plan::{Item, Kind, Repair};

/// A bug that the gate let through, as far as it is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Passed {
    /// What tells of it: the usage entry's key, or the subject of the org's approvals.
    pub(super) told_by: String,
    pub(super) ticket: TicketRef,
    pub(super) content: String,
    /// Repositories that get a pull request.
    pub(super) repos: Vec<RepoName>,
    pub(super) at: Millis,
}

/// One partition of a period.
#[derive(Debug)]
struct Part {
    partition: String,
    /// As it was before the entries were read.
    total: Sum,
    entries: Vec<Recorded>,
}

impl Part {
    /// What its entries come to. One of no known kind counts as nothing: `ctl usage verify` names it.
    fn sum(&self) -> Sum {
        let kinds = [bill::Kind::MappedBug, bill::Kind::Credit];
        let mut sum = Sum::default();
        for row in &self.entries {
            let word = row.entry.get("kind");
            if let Some(kind) = kinds.into_iter().find(|kind| word == Some(kind.as_str())) {
                sum.add(kind);
            }
        }
        sum
    }
}

impl Survey<'_> {
    pub(super) async fn usage(&mut self, org: &OrgId) -> Result<(), StageError> {
        for period in self.periods(org).await? {
            let parts = self.parts(org, &period).await?;
            // A total counts each entry in the transaction that writes it: what was read lies between the total before and
            // the total after it.
            let after = self.bills().totals(org, &period).await?;
            for part in &parts {
                let after = after.iter().find(|(partition, _)| *partition == part.partition);
                self.total(org, part, after.map_or(part.total, |(_, after)| *after));
            }
        }
        Ok(())
    }

    /// Compares the attributes of one partition's total with its entries.
    fn total(&mut self, org: &OrgId, part: &Part, after: Sum) {
        let sum = part.sum();
        for (attribute, total, count, after) in [
            (
                "mapped_bugs",
                part.total.mapped_bugs,
                sum.mapped_bugs,
                after.mapped_bugs,
            ),
            ("credits", part.total.credits, sum.credits, after.credits),
        ] {
            if (total..=after).contains(&count) {
                continue;
            }
            let partition = &part.partition;
            self.items.insert(Item {
                kind: Kind::TotalDiffers,
                org: org.to_string(),
                subject: partition.clone(),
                step: bill::TOTAL.to_owned(),
                at: format!("{attribute} {total}/{count}"),
                finding: format!(
                    "attribute of the total is not the number of the partition's entries of that kind \
                     partition=`{partition}` attribute=`{attribute}` total=`{total}` entries=`{count}`"
                ),
                // Only `qualify` may write bills, so a person does this one, with rights of their own.
                repair: Repair::Look,
            });
        }
    }

    /// What was let through in the window: what was charged, and what a person approved without a charge.
    pub(super) async fn passed(&mut self, org: &OrgId) -> Result<Vec<Passed>, StageError> {
        let mut found = self.charged(org).await?;
        found.extend(self.approved(org).await?);
        found.retain(|passed| self.ask.has(passed.at));
        Ok(found)
    }

    async fn charged(&mut self, org: &OrgId) -> Result<Vec<Passed>, StageError> {
        let mut found = Vec::new();
        for period in self.periods(org).await? {
            let parts = self.parts(org, &period).await?;
            for row in parts.into_iter().flat_map(|part| part.entries) {
                // A credit is no charge.
                if row.entry.get("kind") != Some(bill::Kind::MappedBug.as_str()) {
                    continue;
                }
                match charge(org, &row) {
                    Some(passed) => found.push(passed),
                    None => self.unreadable(org.as_str(), &format!("usage entry `{}`", row.key)),
                }
            }
        }
        Ok(found)
    }

    async fn approved(&mut self, org: &OrgId) -> Result<Vec<Passed>, StageError> {
        let mut found = Vec::new();
        let mut month = Approval::month(self.ask.since_ms);
        let last = Approval::month(self.ask.until_ms);
        while month <= last {
            let subject = Approval::subject(org, &month);
            for record in self.life(&subject).await?.unwrap_or_default() {
                match record.result::<Approval>() {
                    Ok(approval) => found.push(Passed {
                        told_by: subject.clone(),
                        ticket: approval.ticket,
                        content: approval.content.as_str().to_owned(),
                        repos: approval.repos,
                        at: approval.at_ms,
                    }),
                    Err(_) => self.unreadable(org.as_str(), &format!("approval `{}`", record.key)),
                }
            }
            month = month.next();
        }
        Ok(found)
    }

    pub(super) async fn flag(&mut self, passed: &Passed) -> Result<(), StageError> {
        let key = key_of(&passed.ticket, step::BILL);
        if self.ledger.sealed(&key).await?.is_none() {
            let what = if passed.told_by.starts_with(bill::ENTRY) {
                "usage entry has no billable flag on the ledger"
            } else {
                "approval has no flag on the ledger"
            };
            self.items.insert(Item {
                kind: Kind::EntryWithoutFlag,
                org: passed.ticket.org.to_string(),
                subject: key.subject().to_owned(),
                step: passed.told_by.clone(),
                at: passed.at.to_string(),
                finding: what.to_owned(),
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

    fn bills(&self) -> Usage {
        Usage::new(self.reconcile.dynamo.clone(), self.reconcile.usage_table.as_str())
    }

    async fn parts(&self, org: &OrgId, period: &Period) -> Result<Vec<Part>, StageError> {
        let usage = self.bills();
        let mut parts = Vec::new();
        for (partition, total) in usage.totals(org, period).await? {
            let (mut entries, mut start) = (Vec::new(), None);
            loop {
                let page = usage.page(&partition, &Slice::whole(), start).await?;
                entries.extend(page.entries);
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
            parts.push(Part {
                partition,
                total,
                entries,
            });
        }
        Ok(parts)
    }
}

/// What a charge's entry tells; nothing where it does not read.
fn charge(org: &OrgId, row: &Recorded) -> Option<Passed> {
    Some(Passed {
        told_by: row.key.clone(),
        ticket: TicketRef::labelled(org, row.entry.get("ticket")?)?,
        content: row.entry.get("content")?.to_owned(),
        repos: row
            .entry
            .get("repos")?
            .split(',')
            .filter_map(|repo| RepoName::parse(repo).ok())
            .collect(),
        at: row.entry.get("billed_at")?.parse().ok()?,
    })
}
