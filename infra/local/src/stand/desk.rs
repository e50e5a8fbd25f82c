//! The desk of a stand: tickets that customers open, and what came of them.

use anyhow::{Context, Result, ensure};
use ratchet_guard::clock::Clock;

use super::Stand;
use crate::demo::tickets;
use crate::sandbox::zendesk::NewTicket;

impl Stand {
    /// A customer opens the sample's ticket, and the provider tells of it.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn open(&self, org: &str, sample: usize, id: u64) -> Result<()> {
        self.write(sample, id)?;
        Box::pin(self.tell(org, id)).await
    }

    /// A customer opens the sample's ticket; nobody tells of it.
    ///
    /// # Errors
    /// When the sample has no such ticket.
    pub fn write(&self, sample: usize, id: u64) -> Result<()> {
        let tickets = tickets()?;
        let ticket = tickets.get(sample).context("the sample has too few tickets")?;
        let text = ticket.comments.first().map(|comment| comment.text.as_str());
        self.sandbox.edit(|outside, now_ms| {
            let new = NewTicket {
                id: Some(id),
                subject: &ticket.subject,
                text: text.unwrap_or_default(),
                ..NewTicket::default()
            };
            outside.zendesk.add_ticket(now_ms, &new);
        });
        Ok(())
    }

    /// The desk tells of the ticket's first event.
    ///
    /// # Errors
    /// When there is none, or the answer is not 200.
    pub async fn tell(&self, org: &str, id: u64) -> Result<()> {
        let delivery = self.sandbox.read(|outside| {
            let now_ms = self.clock.now_ms();
            let event = outside.zendesk.events_of(id).next().cloned();
            event.map(|event| outside.zendesk.delivery(&event, now_ms, 1))
        });
        let delivery = delivery.context("the ticket has no event")?;
        let (status, body) = self.post(&format!("/hooks/{org}/zendesk"), &delivery).await?;
        ensure!(status == 200, "status {status}: {body}");
        Ok(())
    }

    /// The one bill, pull request and comment of a ticket: how many there are of each.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn effects(&self, org: &str, id: u64) -> Result<[usize; 3]> {
        let bills = self.life(org, id).await?;
        let bills = bills.keys().filter(|step| step.as_str() == "bill").count();
        Ok(self.sandbox.read(|outside| {
            let comments = outside.zendesk.marked_comments(id, "ratchet_effect");
            [
                bills,
                outside.github.pulls("acme/shop").len(),
                comments.values().map(|count| *count as usize).sum(),
            ]
        }))
    }
}
