//! The comparison: each check reads both sides and notes what does not agree.

mod effects;
mod usage;

use std::collections::BTreeSet;

use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_guard::clock::Millis;
use ratchet_guard::{Ledger, StageError, Unfinished};
use ratchet_providers::error::ProviderError;
use ratchet_providers::zendesk::Since;
use ratchet_runtime::connect::{Connection, Desk};

use crate::Reconcile;
use crate::ask::{Ask, millis};
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
                for receipt in page.records {
                    let subject = receipt.key.subject();
                    let org = subject.split('#').nth(1).unwrap_or_default();
                    if self.ask.org.as_ref().is_some_and(|wanted| wanted.as_str() != org) {
                        continue;
                    }
                    let id = receipt.external_id.as_deref().unwrap_or("unknown");
                    self.items.insert(Item {
                        kind: Kind::LateReceipt,
                        org: org.to_owned(),
                        subject: subject.to_owned(),
                        step: receipt.key.step().to_owned(),
                        at: receipt.fence.to_string(),
                        finding: format!("a result came after another attempt had taken over id=`{id}`"),
                        repair: Repair::Look,
                    });
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Tickets that changed in the window and that the ledger has never heard of.
    async fn tickets(&mut self, org: &OrgId, connection: &Connection) -> Result<(), StageError> {
        if connection.settings().zendesk.is_none() {
            return Ok(());
        }
        let Desk::Zendesk(zendesk) = connection.desk(Provider::Zendesk).await? else {
            return Ok(());
        };
        let mut since = Since::Time(self.ask.since_ms / 1000);
        for _ in 0..PAGES_MAX {
            if self.is_late() {
                return Ok(());
            }
            let page = zendesk.client().changed_tickets(&since).await.map_err(unread)?;
            for ticket in &page.tickets {
                let in_window = millis(&ticket.updated_at).is_some_and(|at| self.ask.has(at));
                let Some(number) = TicketNumber::parse(ticket.id.as_str()).ok().filter(|_| in_window) else {
                    continue;
                };
                let ticket_ref = TicketRef {
                    org: org.clone(),
                    provider: Provider::Zendesk,
                    number,
                };
                let subject = ticket_ref.subject();
                if self.ledger.life(&subject).await?.is_empty() {
                    self.items.insert(Item {
                        kind: Kind::TicketUnknown,
                        org: org.to_string(),
                        subject,
                        step: "extract".to_owned(),
                        at: ticket.updated_at.clone(),
                        finding: "ticket changed and no webhook told of it".to_owned(),
                        repair: Repair::Enqueue,
                    });
                }
            }
            match page.cursor {
                Some(cursor) if !page.end => since = Since::Cursor(cursor),
                _ => return Ok(()),
            }
        }
        self.more = true;
        Ok(())
    }

    /// Deliveries of the org's GitHub App that failed in the window, and were not taken later.
    async fn deliveries(&mut self, org: &OrgId, connection: &Connection) -> Result<(), StageError> {
        let Some(app) = connection.github_app().await? else {
            return Ok(());
        };
        let mut cursor = None;
        // The list is newest first: a success that is met before a failure is a later attempt at the same event.
        let mut taken = BTreeSet::new();
        for _ in 0..PAGES_MAX {
            if self.is_late() {
                return Ok(());
            }
            let page = app.client().deliveries(cursor.as_deref()).await.map_err(unread)?;
            for delivery in page.deliveries {
                let at_ms = millis(&delivery.delivered_at).unwrap_or(0);
                if at_ms < self.ask.since_ms {
                    return Ok(());
                }
                if (200..300).contains(&delivery.status_code) {
                    taken.insert(delivery.guid);
                } else if self.ask.has(at_ms) && taken.insert(delivery.guid.clone()) {
                    self.items.insert(Item {
                        kind: Kind::DeliveryFailed,
                        org: org.to_string(),
                        subject: format!("github#{}", delivery.guid),
                        step: delivery.event,
                        at: delivery.id.to_string(),
                        finding: format!("delivery was not taken status=`{}`", delivery.status_code),
                        repair: Repair::Redeliver,
                    });
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
        self.more = true;
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
