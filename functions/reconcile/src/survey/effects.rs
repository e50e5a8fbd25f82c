//! Effects of billed bugs: what the ledger says is out is out, and what is out is on the ledger.

use ratchet_domain::ids::{OrgId, Provider, RepoName};
use ratchet_domain::step;
use ratchet_guard::{Record, StageError, State};
use ratchet_runtime::connect::{Connection, Desk};

use super::usage::Entry;
use super::{Survey, unread};
use crate::plan::{Item, Kind, Repair};

impl Survey<'_> {
    pub(super) async fn effects(&mut self, org: &OrgId, connection: &Connection) -> Result<(), StageError> {
        for entry in self.entries(org).await? {
            if self.is_late() {
                return Ok(());
            }
            self.flag(&entry).await?;
            let subject = entry.ticket.subject();
            for record in self.ledger.life(&subject).await? {
                // What somebody works on is neither done nor undone.
                if !matches!(record.state, State::Sealed | State::Parked) {
                    continue;
                }
                if let Some(found) = self.at_provider(&entry, &record, connection).await? {
                    self.compare(org, &record, found);
                }
            }
        }
        Ok(())
    }

    /// Whether the provider has the step's effect; nothing for a step without one that can be looked up here.
    async fn at_provider(
        &self,
        entry: &Entry,
        record: &Record,
        connection: &Connection,
    ) -> Result<Option<bool>, StageError> {
        let name = record.key.step();
        if let Some(repo) = name
            .strip_prefix("pr#")
            .and_then(|repo| RepoName::parse(repo).ok())
        {
            let github = connection.github().await?;
            let branch = entry.ticket.bug().branch();
            let pulls = github.client().find_pulls(&repo, &branch).await.map_err(unread)?;
            return Ok(Some(!pulls.is_empty()));
        }
        let effect = record.key.effect();
        if name == step::RCA_COMMENT && entry.ticket.provider == Provider::Zendesk {
            let Desk::Zendesk(zendesk) = connection.desk(Provider::Zendesk).await? else {
                return Ok(None);
            };
            let found = zendesk
                .client()
                .find_effect(&entry.ticket.number, effect.as_str())
                .await;
            return Ok(Some(found.map_err(unread)?.is_some()));
        }
        if let Some(channel) = name.strip_prefix("slack#")
            && let Some(slack) = connection.slack().await?
        {
            // A day before the first claim is before any attempt, whatever the clocks.
            let oldest = format!(
                "{}.000000",
                (record.first_claimed_at / 1000).saturating_sub(86_400)
            );
            let found = slack.client().find(channel, effect.as_str(), &oldest).await;
            return Ok(Some(found.map_err(unread)?.is_some()));
        }
        Ok(None)
    }

    fn compare(&mut self, org: &OrgId, record: &Record, found: bool) {
        let (kind, finding, repair) = match (record.state, found) {
            (State::Sealed, false) => (
                Kind::EffectMissing,
                "the ledger says done, and the provider does not have it",
                Repair::Look,
            ),
            (State::Parked, true) => (
                Kind::EffectUnrecorded,
                "the provider has it, and the ledger holds it as parked",
                Repair::Resume,
            ),
            _ => return,
        };
        self.items.insert(Item {
            kind,
            org: org.to_string(),
            subject: record.key.subject().to_owned(),
            step: record.key.step().to_owned(),
            at: record.fence.to_string(),
            finding: finding.to_owned(),
            repair,
        });
    }
}
