//! The tracker's issue, by the provider that the org has.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use ratchet_domain::ids::RepoName;
use ratchet_domain::settings::Tracker;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::effect::{Act, Effect, Probe, probed};
use ratchet_guard::{Decision, Finding, Outcome, StageError, Work};
use ratchet_providers::github::NewIssue;
use ratchet_providers::tracker::Issue;
use ratchet_runtime::batch::Invocation;
use ratchet_runtime::connect::GithubAccess;
use ratchet_runtime::outcome::{failed, failed_probe};
use ratchet_runtime::stage::key_of;

use crate::{Asked, text};

/// How far before the first claim the list is read. Reason: GitHub's clock is not ours.
const CLOCK_MARGIN: TimeDelta = TimeDelta::minutes(1);

/// Opens the issue, unless the org has no tracker.
pub(crate) async fn track(invocation: &Invocation, asked: &Asked) -> Result<(), StageError> {
    match &asked.connection.settings().tracker {
        None => Ok(()),
        Some(Tracker::Github { repo }) => github(invocation, asked, repo).await,
        Some(Tracker::Linear { .. } | Tracker::Jira { .. }) => {
            tracing::warn!(org = %asked.at.ticket.org, "this build does not reach the org's tracker, no issue is opened");
            Ok(())
        }
    }
}

async fn github(invocation: &Invocation, asked: &Asked, repo: &RepoName) -> Result<(), StageError> {
    let github = asked.connection.github().await?;
    let key = key_of(&asked.at.ticket, step::tracker("github"));
    let issue = NewIssue {
        title: text::title(asked),
        body: format!(
            "Ticket: {}\n\n{}",
            text::ticket_link(asked),
            text::pull_lines(asked)
        ),
        effect: key.effect().to_string(),
    };
    let work = Work::new(key, asked.at.content.as_str())
        .intending(serde_json::to_string(&(&issue.title, &issue.body)).unwrap_or_default())
        .driven_by(Stage::Notify.as_str(), &invocation.message);
    let Decision::Run(claim) = invocation.ledger.claim(&work).await? else {
        return Ok(());
    };
    let acted = claim
        .act(probed(OpenIssue {
            github: &github,
            repo,
            issue,
        }))
        .await?;
    let link = acted.receipt().url.clone();
    acted.known_as(link).seal().await.map(|_| ())
}

struct OpenIssue<'a> {
    github: &'a GithubAccess,
    repo: &'a RepoName,
    issue: NewIssue,
}

impl Effect for OpenIssue<'_> {
    type Receipt = Issue;

    async fn send(&self, act: &Act) -> Outcome<Issue> {
        // The intent on record is the first attempt's; it is what every attempt sends.
        let (title, body) = serde_json::from_str(act.intent())
            .unwrap_or_else(|_| (self.issue.title.clone(), self.issue.body.clone()));
        let issue = NewIssue {
            title,
            body,
            effect: self.issue.effect.clone(),
        };
        match self.github.client().create_issue(self.repo, &issue).await {
            Ok(issue) => Outcome::Done(issue),
            Err(error) => failed(&error),
        }
    }
}

impl Probe for OpenIssue<'_> {
    async fn probe(&self, act: &Act) -> Finding<Issue> {
        let first = i64::try_from(act.first_claimed_at())
            .ok()
            .and_then(DateTime::<Utc>::from_timestamp_millis);
        let since = (first.unwrap_or_default() - CLOCK_MARGIN).to_rfc3339_opts(SecondsFormat::Secs, true);
        match self
            .github
            .client()
            .find_issue(self.repo, act.effect().as_str(), &since)
            .await
        {
            Ok(Some(issue)) => Finding::Found(issue),
            Ok(None) => Finding::Absent,
            Err(error) => failed_probe(&error),
        }
    }
}
