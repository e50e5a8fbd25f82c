//! Repairs that are safe whoever asks: each goes through the same door as the work itself.

use ratchet_domain::ids::{OrgId, Provider, TicketNumber, TicketRef, digest_of};
use ratchet_domain::message::{Body, Envelope, TicketTouched};
use ratchet_domain::stage::Stage;
use ratchet_guard::intake::{Admission, Event};
use ratchet_guard::{Ledger, Outbox, StageError, State, WorkKey};

use crate::Reconcile;
use crate::plan::{Item, Repair};
use crate::survey::unread;

impl Reconcile {
    /// Carries out one item; false where it asks for a person, or the world has moved meanwhile.
    pub(crate) async fn repair(&self, ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
        match item.repair {
            Repair::Look => Ok(false),
            Repair::Enqueue => self.enqueue(item).await,
            Repair::Redeliver => self.redeliver(ledger, item).await,
            Repair::Resume => resume(ledger, item).await,
        }
    }

    /// The ticket as an event of ours: recorded first, handed over then, consumed by `extract` like any other.
    async fn enqueue(&self, item: &Item) -> Result<bool, StageError> {
        let Some(ticket) = ticket_of(item) else {
            return Ok(false);
        };
        let key = format!(
            "{}#{}#reconcile#{}@{}",
            item.org, ticket.provider, ticket.number, item.at
        );
        let touched = TicketTouched {
            ticket,
            event: Some(key.clone()),
        };
        let event = Event {
            key,
            body_hash: digest_of(&[&item.subject, &item.at]),
            subject: item.subject.clone(),
            stage: Stage::Extract.as_str().to_owned(),
            message: Envelope::new(None, Body::Extract(touched)).to_json(),
        };
        match self.intake.admit(&event).await? {
            Admission::HandOver(duty) => {
                let sent = self.queues.put(&[(&event.stage, event.message)]).await;
                if let Err(error) = sent {
                    self.intake.give_back(duty).await?;
                    return Err(error.into());
                }
                Ok(true)
            }
            // It is on its way already.
            Admission::Duplicate => Ok(true),
            Admission::Reused => Ok(false),
        }
    }

    async fn redeliver(&self, ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
        let (Ok(org), Ok(delivery)) = (OrgId::parse(item.org.as_str()), item.at.parse()) else {
            return Ok(false);
        };
        let connection = self.connector.org(&org, ledger).await?;
        let Some(app) = connection.github_app().await? else {
            return Ok(false);
        };
        app.client().redeliver(delivery).await.map_err(unread)?;
        Ok(true)
    }
}

/// Lets the parked step be claimed again; the next sweep sends its message, and its probe adopts what is there.
async fn resume(ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
    let record = ledger.read(&WorkKey::new(&item.subject, &item.step)).await?;
    match record {
        Some(record) if record.state == State::Parked && record.fence.to_string() == item.at => {
            ledger.resume(&record).await
        }
        _ => Ok(false),
    }
}

fn ticket_of(item: &Item) -> Option<TicketRef> {
    let mut parts = item.subject.strip_prefix("ticket#")?.splitn(3, '#');
    Some(TicketRef {
        org: OrgId::parse(parts.next()?).ok()?,
        provider: Provider::from_name(parts.next()?)?,
        number: TicketNumber::parse(parts.next()?).ok()?,
    })
}
