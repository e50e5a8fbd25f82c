//! What webhooks did not bring: tickets that changed, and deliveries of GitHub's that failed.

use std::collections::BTreeSet;

use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef};
use ratchet_guard::StageError;
use ratchet_providers::zendesk::Since;
use ratchet_runtime::connect::{Connection, Desk};

use super::{PAGES_MAX, Survey, unread};
use crate::ask::millis;
use crate::plan::{Item, Kind, Repair};

impl Survey<'_> {
    /// Tickets that changed in the window and that the ledger has never heard of.
    pub(super) async fn tickets(&mut self, org: &OrgId, connection: &Connection) -> Result<(), StageError> {
        if connection.settings().zendesk.is_some() {
            self.of_zendesk(org, connection).await?;
        }
        if connection.settings().intercom.is_some() {
            self.of_intercom(org, connection).await?;
        }
        Ok(())
    }

    /// By Zendesk's incremental cursor.
    async fn of_zendesk(&mut self, org: &OrgId, connection: &Connection) -> Result<(), StageError> {
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
                let at_ms = millis(&ticket.updated_at).unwrap_or(0);
                self.ticket(org, Provider::Zendesk, &ticket.id, at_ms, &ticket.updated_at)
                    .await?;
            }
            match page.cursor {
                Some(cursor) if !page.end => since = Since::Cursor(cursor),
                _ => return Ok(()),
            }
        }
        self.more = true;
        Ok(())
    }

    /// By Intercom's search, which is in order of change.
    async fn of_intercom(&mut self, org: &OrgId, connection: &Connection) -> Result<(), StageError> {
        let Desk::Intercom(intercom) = connection.desk(Provider::Intercom).await? else {
            return Ok(());
        };
        // The search takes what is later than a second, and the window begins with it.
        let since_s = (self.ask.since_ms / 1000).saturating_sub(1);
        let mut cursor: Option<String> = None;
        for _ in 0..PAGES_MAX {
            if self.is_late() {
                return Ok(());
            }
            let page = intercom
                .client()
                .changed_conversations(since_s, cursor.as_deref())
                .await
                .map_err(unread)?;
            for found in &page.conversations {
                let at_ms = found.updated_at_s.saturating_mul(1000);
                let at = found.updated_at_s.to_string();
                self.ticket(org, Provider::Intercom, &found.id, at_ms, &at)
                    .await?;
            }
            cursor = page.cursor;
            if cursor.is_none() {
                return Ok(());
            }
        }
        self.more = true;
        Ok(())
    }

    async fn ticket(
        &mut self,
        org: &OrgId,
        provider: Provider,
        id: &str,
        at_ms: u64,
        at: &str,
    ) -> Result<(), StageError> {
        let Some(number) = TicketNumber::parse(id).ok().filter(|_| self.ask.has(at_ms)) else {
            return Ok(());
        };
        let ticket = TicketRef {
            org: org.clone(),
            provider,
            number,
        };
        let subject = ticket.subject();
        if self.life(&subject).await?.is_some_and(|life| life.is_empty()) {
            self.items.insert(Item {
                kind: Kind::TicketUnknown,
                org: org.to_string(),
                subject,
                step: "extract".to_owned(),
                at: at.to_owned(),
                finding: "ticket changed and no webhook told of it".to_owned(),
                repair: Repair::Enqueue,
            });
        }
        Ok(())
    }

    /// Deliveries of the org's GitHub App that failed in the window, and were not taken later.
    pub(super) async fn deliveries(
        &mut self,
        org: &OrgId,
        connection: &Connection,
    ) -> Result<(), StageError> {
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
}
