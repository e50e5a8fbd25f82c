//! The comparison: each check reads both sides and notes what does not agree.

pub(crate) mod effects;
mod tickets;
pub(crate) mod usage;

use std::collections::BTreeSet;

use ratchet_domain::ids::OrgId;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Ledger, Record, Sealed, StageError, Unfinished, WorkKey};
use ratchet_providers::error::ProviderError;

use crate::Reconcile;
use crate::ask::Ask;
use crate::plan::{ITEMS_MAX, Item, Kind, Repair, Unread};

/// Pages of one list that a survey follows. Reason: Zendesk allows ten such reads a minute.
const PAGES_MAX: usize = 10;

/// A comparison under way.
pub(crate) struct Survey<'r> {
    pub(crate) reconcile: &'r Reconcile,
    pub(crate) ledger: &'r Ledger,
    pub(crate) ask: &'r Ask,
    pub(crate) stop_at: Millis,
    pub(crate) items: BTreeSet<Item>,
    pub(crate) unread: BTreeSet<Unread>,
    pub(crate) more: bool,
}

impl Survey<'_> {
    /// Every check of one org. What cannot be read is noted, and the others go on.
    pub(crate) async fn org(&mut self, org: &OrgId) {
        let checked = self.usage(org).await;
        self.note(org, "usage", checked);
        let connection = match self.reconcile.connector.org(org, self.ledger).await {
            Ok(connection) => connection,
            Err(error) => return self.note(org, "providers", Err(error)),
        };
        let checked = self.effects(org, &connection).await;
        self.note(org, "effects", checked);
        let checked = self.tickets(org, &connection).await;
        self.note(org, "tickets", checked);
        let checked = self.deliveries(org, &connection).await;
        self.note(org, "deliveries", checked);
    }

    /// Late receipts of every org that is asked about: a second effect may be out there.
    pub(crate) async fn receipts(&mut self) -> Result<(), StageError> {
        for shard in Ledger::shards() {
            let mut start = None;
            loop {
                if self.is_late() {
                    return Ok(());
                }
                let page = self
                    .ledger
                    .unfinished(Unfinished::Receipt, shard, self.ask.until_ms, start)
                    .await?;
                for row in page.unreadable {
                    self.unread_row(&row.key);
                }
                for receipt in page.records {
                    let subject = receipt.key.subject();
                    let org = subject.split('#').nth(1).unwrap_or_default();
                    if self.ask.org.as_ref().is_some_and(|wanted| wanted.as_str() != org) {
                        continue;
                    }
                    self.receipt(org, &receipt).await?;
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One effect under two attempts is none too many: the later one found what the first had made.
    async fn receipt(&mut self, org: &str, receipt: &Record) -> Result<(), StageError> {
        let subject = receipt.key.subject();
        let step = receipt.key.step();
        let own = step.split("#receipt#").next().unwrap_or(step);
        let sealed = match self.ledger.sealed(&WorkKey::new(subject, own)).await {
            Err(StageError::Unreadable { key, .. }) => {
                self.unread_row(&key);
                return Ok(());
            }
            sealed => sealed?,
        };
        let on_record = sealed.as_ref().and_then(Sealed::external_id);
        let is_one = receipt.external_id.is_some() && receipt.external_id.as_deref() == on_record;
        let id = receipt.external_id.as_deref().unwrap_or("unknown");
        let (finding, repair) = if is_one {
            (
                format!("a result came late, and it is the one on record id=`{id}`"),
                Repair::Close,
            )
        } else {
            let on_record = on_record.unwrap_or("none");
            (
                format!(
                    "a result came late, and it is not the one on record id=`{id}` on_record=`{on_record}`"
                ),
                Repair::Look,
            )
        };
        self.items.insert(Item {
            kind: Kind::LateReceipt,
            org: org.to_owned(),
            subject: subject.to_owned(),
            step: step.to_owned(),
            at: receipt.fence.to_string(),
            finding,
            repair,
        });
        Ok(())
    }

    fn note(&mut self, org: &OrgId, what: &str, checked: Result<(), StageError>) {
        if let Err(error) = checked {
            tracing::warn!(stage = "reconcile", org = %org, what, "comparison is not made: {error}");
            self.unread.insert(Unread {
                org: org.to_string(),
                what: what.to_owned(),
                why: error.to_string(),
            });
        }
    }

    /// The life of a subject; nothing where a row of it does not read, which is noted.
    pub(crate) async fn life(&mut self, subject: &str) -> Result<Option<Vec<Record>>, StageError> {
        match self.ledger.life(subject).await {
            Ok(life) => Ok(Some(life)),
            Err(StageError::Unreadable { key, .. }) => {
                self.unread_row(&key);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn unread_row(&mut self, key: &WorkKey) {
        let org = key.subject().split('#').nth(1).unwrap_or_default();
        if self.ask.org.as_ref().is_none_or(|wanted| wanted.as_str() == org) {
            self.unreadable(org, &format!("row `{key}`"));
        }
    }

    /// A row that does not read: nothing is said about what it tells of.
    fn unreadable(&mut self, org: &str, what: &str) {
        tracing::error!(stage = "reconcile", org, what, "row does not read");
        self.unread.insert(Unread {
            org: org.to_owned(),
            what: what.to_owned(),
            why: "row does not read".to_owned(),
        });
    }

    /// Whether time is up or the plan is full; what is left then is found by a later run.
    pub(crate) fn is_late(&mut self) -> bool {
        let late = self.ledger.now_ms() >= self.stop_at || self.items.len() >= ITEMS_MAX;
        self.more |= late;
        late
    }
}

/// A provider that does not answer, as what ends one check.
#[expect(clippy::needless_pass_by_value, reason = "it is mapped over an error")]
pub(crate) fn unread(error: ProviderError) -> StageError {
    StageError::NotRead {
        why: ratchet_runtime::outcome::why(&error).to_string(),
        retry_after_ms: None,
    }
}
