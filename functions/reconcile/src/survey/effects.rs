//! Effects of bugs that were let through: what the ledger says is out is out, once, and what is out is on the ledger.

use std::collections::BTreeSet;

use ratchet_domain::ids::{OrgId, Provider, RepoName, TicketRef};
use ratchet_domain::patch::PullRequest;
use ratchet_domain::settings::Tracker;
use ratchet_domain::step;
use ratchet_guard::clock::Millis;
use ratchet_guard::{Record, StageError, State, WorkKey};
use ratchet_providers::tracker::Issue;
use ratchet_runtime::connect::{Connection, Desk};
use serde_json::{Value, json};

use super::usage::Passed;
use super::{Survey, unread};
use crate::ask::printed;
use crate::plan::{Item, Kind, Repair};

/// The trackers whose issues are looked up, as their steps name them.
pub(crate) const JIRA: &str = "jira";
const GITHUB: &str = "github";
const LINEAR: &str = "linear";

/// One effect at its provider, in the shape of its step's result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) result: Value,
}

impl Found {
    fn of_issue(issue: Issue) -> Self {
        Self {
            id: issue.url.clone(),
            result: json!(issue),
        }
    }
}

impl Survey<'_> {
    pub(super) async fn effects(&mut self, org: &OrgId, connection: &Connection) -> Result<(), StageError> {
        for passed in self.passed(org).await? {
            if self.is_late() {
                return Ok(());
            }
            let subject = passed.ticket.subject();
            let Some(life) = self.life(&subject).await? else {
                continue;
            };
            self.flag(&passed).await?;
            // What somebody works on is neither done nor undone.
            for record in life
                .iter()
                .filter(|record| matches!(record.state, State::Sealed | State::Parked))
            {
                // An effect follows the gate's word. A row may be younger than both: one that was adopted after a restore.
                let since_ms = record.first_claimed_at.min(passed.at);
                if let Some(found) = at_provider(&passed.ticket, &record.key, since_ms, connection).await? {
                    self.compare(org, record, &found);
                }
            }
            let known: BTreeSet<&str> = life.iter().map(|record| record.key.step()).collect();
            for step in expected(&passed, connection) {
                if known.contains(step.as_str()) {
                    continue;
                }
                let key = WorkKey::new(&subject, &step);
                let found = at_provider(&passed.ticket, &key, passed.at, connection).await?;
                if let Some([first, ..]) = found.as_deref() {
                    self.unknown(org, &passed, &key, first);
                }
            }
        }
        Ok(())
    }

    fn compare(&mut self, org: &OrgId, record: &Record, found: &[Found]) {
        let (kind, finding, repair) = match (record.state, found) {
            (State::Sealed, []) => (
                Kind::EffectMissing,
                "the ledger says done, and the provider does not have it",
                Repair::Look,
            ),
            (State::Parked, [_, ..]) if record.due_at.is_some() => (
                Kind::EffectUnrecorded,
                "the provider has it, and the ledger holds it as parked",
                Repair::Resume,
            ),
            (State::Sealed, [_, _, ..]) => (
                Kind::EffectDoubled,
                "the provider has our marker more than once, the first one stays",
                Repair::DeleteOurs,
            ),
            _ => return,
        };
        let ids: Vec<&str> = found.iter().map(|found| found.id.as_str()).collect();
        let at = if kind == Kind::EffectDoubled {
            ids.join(",")
        } else {
            record.fence.to_string()
        };
        self.items.insert(Item {
            kind,
            org: org.to_string(),
            subject: record.key.subject().to_owned(),
            step: record.key.step().to_owned(),
            at,
            finding: finding.to_owned(),
            repair,
        });
    }

    fn unknown(&mut self, org: &OrgId, passed: &Passed, key: &WorkKey, found: &Found) {
        self.items.insert(Item {
            kind: Kind::EffectUnrecorded,
            org: org.to_string(),
            subject: key.subject().to_owned(),
            step: key.step().to_owned(),
            // What the record is bound to, so that the step itself finds it.
            at: passed.content.clone(),
            finding: format!(
                "the provider has it, and the ledger has never heard of it id=`{}`",
                found.id
            ),
            repair: Repair::Adopt,
        });
    }
}

/// The steps of a bug that can be looked up at their providers.
fn expected(passed: &Passed, connection: &Connection) -> Vec<String> {
    let mut steps: Vec<String> = passed.repos.iter().map(step::pr).collect();
    if passed.ticket.provider == Provider::Zendesk {
        steps.push(step::RCA_COMMENT.to_owned());
    }
    if let Some(slack) = &connection.settings().slack {
        steps.push(step::slack(&slack.channel));
    }
    match &connection.settings().tracker {
        Some(Tracker::Jira { .. }) => steps.push(step::tracker(JIRA)),
        Some(Tracker::Github { .. }) => steps.push(step::tracker(GITHUB)),
        Some(Tracker::Linear { .. }) => steps.push(step::tracker(LINEAR)),
        None => {}
    }
    steps
}

/// The effects of a step that carry our marker, first made first; nothing for a step that cannot be looked up here.
pub(crate) async fn at_provider(
    ticket: &TicketRef,
    key: &WorkKey,
    since_ms: Millis,
    connection: &Connection,
) -> Result<Option<Vec<Found>>, StageError> {
    let name = key.step();
    if let Some(repo) = name
        .strip_prefix("pr#")
        .and_then(|repo| RepoName::parse(repo).ok())
    {
        let github = connection.github().await?;
        let branch = ticket.bug().branch();
        let pulls = github.client().find_pulls(&repo, &branch).await.map_err(unread)?;
        // GitHub itself refuses a second open one of a branch; one that was closed and opened anew is no double.
        let pull = pulls.into_iter().min_by_key(|pull| pull.number);
        return Ok(Some(
            pull.map(|pull| Found {
                id: pull.url.clone(),
                result: json!(PullRequest {
                    repo,
                    number: pull.number,
                    url: pull.url,
                    head: pull.head_sha,
                }),
            })
            .into_iter()
            .collect(),
        ));
    }
    let effect = key.effect();
    if name == step::RCA_COMMENT && ticket.provider == Provider::Zendesk {
        let Desk::Zendesk(zendesk) = connection.desk(Provider::Zendesk).await? else {
            return Ok(None);
        };
        let found = zendesk
            .client()
            .find_effect(&ticket.number, effect.as_str())
            .await
            .map_err(unread)?;
        let found = found.map(|comment| Found {
            result: json!({ "id": comment.comment_id }),
            id: comment.comment_id,
        });
        return Ok(Some(found.into_iter().collect()));
    }
    if let Some(channel) = name.strip_prefix("slack#")
        && let Some(slack) = connection.slack().await?
    {
        let oldest = format!("{}.000000", slack.since_ms(since_ms) / 1000);
        let found = slack.client().find_all(channel, effect.as_str(), &oldest).await;
        let found = found.map_err(unread)?.into_iter().map(|message| Found {
            id: message.ts.clone(),
            result: json!(message),
        });
        return Ok(Some(found.collect()));
    }
    if let Some(kind) = name.strip_prefix("tracker#") {
        let issues = issues(kind, effect.as_str(), since_ms, connection).await?;
        return Ok(issues.map(|issues| issues.into_iter().map(Found::of_issue).collect()));
    }
    Ok(None)
}

/// The issues that carry the effect's marker, the lowest id first; nothing for a tracker that the org has no more. Linear's
/// has the effect's own id, so there is one at most.
async fn issues(
    kind: &str,
    effect: &str,
    since_ms: Millis,
    connection: &Connection,
) -> Result<Option<Vec<Issue>>, StageError> {
    match &connection.settings().tracker {
        Some(Tracker::Jira {
            api_url,
            email,
            api_token,
            project,
            ..
        }) if kind == JIRA => {
            let jira = connection.jira(api_url, email, api_token).await?;
            let found = jira.client().find_issues(project, effect).await;
            found.map(Some).map_err(unread)
        }
        Some(Tracker::Github { repo }) if kind == GITHUB => {
            let github = connection.github().await?;
            let since = printed(github.since_ms(since_ms));
            let found = github.client().find_issue(repo, effect, &since).await;
            Ok(Some(found.map_err(unread)?.into_iter().collect()))
        }
        Some(Tracker::Linear { api_url, api_key, .. }) if kind == LINEAR => {
            let linear = connection.linear(api_url, api_key).await?;
            let found = linear.client().find_issue(effect).await;
            Ok(Some(found.map_err(unread)?.into_iter().collect()))
        }
        Some(_) | None => Ok(None),
    }
}
