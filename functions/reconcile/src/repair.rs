//! Repairs that are safe whoever asks: each goes through the same door as the work itself.

use ratchet_domain::ids::{ContentHash, OrgId, Provider, RepoName, TicketNumber, TicketRef, digest_of};
use ratchet_domain::message::{Body, BugAt, BugInRepo, Envelope, TicketTouched};
use ratchet_domain::settings::Tracker;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::intake::{Admission, Event};
use ratchet_guard::{Ledger, Outbox, StageError, State, Work, WorkKey};
use ratchet_providers::error::ProviderError;
use ratchet_providers::slack::MessagePosted;
use serde_json::Value;

use crate::Reconcile;
use crate::ask::WINDOW_MS_MAX;
use crate::plan::{Item, Repair};
use crate::survey::effects::{JIRA, at_provider};
use crate::survey::unread;

impl Reconcile {
    /// Carries out one item; false where it asks for a person, or the world has moved meanwhile.
    pub(crate) async fn repair(&self, ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
        match item.repair {
            Repair::Look => Ok(false),
            Repair::Enqueue => self.enqueue(item).await,
            Repair::Redeliver => self.redeliver(ledger, item).await,
            Repair::Resume => resume(ledger, item).await,
            Repair::Adopt => self.adopt(ledger, item).await,
            Repair::DeleteOurs => self.delete_ours(ledger, item).await,
            Repair::Close => close(ledger, item).await,
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

impl Reconcile {
    /// What the provider has becomes the step's result, under a claim like any other: whoever works on the step meanwhile
    /// wins, and nothing is sent here.
    async fn adopt(&self, ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
        let (Some(ticket), Ok(org)) = (ticket_of(item), OrgId::parse(item.org.as_str())) else {
            return Ok(false);
        };
        let Some((stage, message)) = message_of(&ticket, item) else {
            return Ok(false);
        };
        let key = WorkKey::new(&item.subject, &item.step);
        let connection = self.connector.org(&org, ledger).await?;
        let since_ms = ledger.now_ms().saturating_sub(WINDOW_MS_MAX);
        let found = at_provider(&ticket, &key, since_ms, &connection).await?;
        let Some(first) = found.and_then(|found| found.into_iter().next()) else {
            return Ok(false);
        };
        let work = Work::new(key, &item.at).driven_by(stage.as_str(), message);
        ledger.adopt(&work, first.result, Some(first.id)).await?;
        Ok(true)
    }

    /// Deletes all that carries our marker but the first: messages in Slack, issues in Jira. One that is gone already is
    /// deleted.
    async fn delete_ours(&self, ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
        if item.step == step::tracker(JIRA) {
            return self.delete_issues(ledger, item).await;
        }
        let (Some(channel), Ok(org)) = (item.step.strip_prefix("slack#"), OrgId::parse(item.org.as_str()))
        else {
            return Ok(false);
        };
        let connection = self.connector.org(&org, ledger).await?;
        let Some(slack) = connection.slack().await? else {
            return Ok(false);
        };
        for ts in item.at.split(',').skip(1) {
            let message = MessagePosted {
                channel: channel.to_owned(),
                ts: ts.to_owned(),
            };
            match slack.client().delete(&message).await {
                Err(ProviderError::Rejected { code, .. }) if code == "message_not_found" => {}
                deleted => deleted.map_err(unread)?,
            }
        }
        Ok(true)
    }
}

impl Reconcile {
    async fn delete_issues(&self, ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
        let Ok(org) = OrgId::parse(item.org.as_str()) else {
            return Ok(false);
        };
        let connection = self.connector.org(&org, ledger).await?;
        let Some(Tracker::Jira {
            api_url,
            email,
            api_token,
            ..
        }) = &connection.settings().tracker
        else {
            return Ok(false);
        };
        let jira = connection.jira(api_url, email, api_token).await?;
        for url in item.at.split(',').skip(1) {
            let key = url.rsplit('/').next().unwrap_or(url);
            match jira.client().delete_issue(key).await {
                Err(ProviderError::NotFound { .. }) => {}
                deleted => deleted.map_err(unread)?,
            }
        }
        Ok(true)
    }
}

/// The message that drives a step, so that a replay can send it.
fn message_of(ticket: &TicketRef, item: &Item) -> Option<(Stage, String)> {
    let content: ContentHash = serde_json::from_value(Value::from(item.at.as_str())).ok()?;
    let at = BugAt {
        ticket: ticket.clone(),
        content,
    };
    let body = if let Some(repo) = item.step.strip_prefix("pr#") {
        Body::OpenPr(BugInRepo {
            ticket: at.ticket,
            content: at.content,
            repo: RepoName::parse(repo).ok()?,
        })
    } else if item.step == step::RCA_COMMENT {
        Body::PublishRca(at)
    } else if item.step.starts_with("slack#") || item.step.starts_with("tracker#") {
        Body::Notify(at)
    } else {
        return None;
    };
    Some((body.stage(), Envelope::new(None, body).to_json()))
}

/// Takes a late receipt out of the index.
async fn close(ledger: &Ledger, item: &Item) -> Result<bool, StageError> {
    let record = ledger.read(&WorkKey::new(&item.subject, &item.step)).await?;
    match record {
        Some(record) if record.fence.to_string() == item.at => ledger.close(&record).await,
        _ => Ok(false),
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
