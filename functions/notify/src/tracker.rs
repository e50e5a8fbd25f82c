//! The tracker's issue, by the provider that the org has.

use chrono::{DateTime, SecondsFormat, Utc};
use ratchet_domain::ids::RepoName;
use ratchet_domain::settings::Tracker;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::effect::{Act, Effect, Guarded, PermanentKey, Probe, accept_duplicates, keyed, probed};
use ratchet_guard::{Decision, Finding, Outcome, StageError, Why, Work};
use ratchet_providers::error::ProviderError;
use ratchet_providers::text::{Markdown, Medium, Plain, Text};
use ratchet_providers::tracker::Issue;
use ratchet_providers::{github, jira, linear};
use ratchet_runtime::batch::Invocation;
use ratchet_runtime::connect::{GithubAccess, JiraAccess, LinearAccess};
use ratchet_runtime::outcome::{failed, failed_probe, failed_read};
use ratchet_runtime::stage::key_of;

use serde::{Deserialize, Serialize};

use crate::{Asked, text};

/// Opens the issue, unless the org has no tracker.
pub(crate) async fn track(invocation: &Invocation, asked: &Asked) -> Result<(), StageError> {
    let connection = &asked.connection;
    match &connection.settings().tracker {
        None => Ok(()),
        Some(Tracker::Github { repo }) => {
            let github = connection.github().await?;
            open::<Markdown, _>(
                invocation,
                asked,
                "github",
                probed(InGithub {
                    github: &github,
                    repo,
                }),
            )
            .await
        }
        Some(Tracker::Linear {
            api_url,
            api_key,
            team_id,
        }) => {
            let linear = connection.linear(api_url, api_key).await?;
            // Linear keeps the id that we choose for ever, and answers a second creation with the first issue.
            open::<Markdown, _>(
                invocation,
                asked,
                "linear",
                keyed(InLinear {
                    linear: &linear,
                    team_id,
                }),
            )
            .await
        }
        Some(Tracker::Jira {
            api_url,
            email,
            api_token,
            project,
            issue_type,
        }) => {
            let jira = connection.jira(api_url, email, api_token).await?;
            let why = "Jira has no key, and its search lags: a crash between the issue and its record may open a second";
            open::<Plain, _>(
                invocation,
                asked,
                "jira",
                accept_duplicates(
                    InJira {
                        jira: &jira,
                        project,
                        issue_type,
                    },
                    why,
                ),
            )
            .await
        }
    }
}

/// The five moves of one issue, whatever tracker it goes to; `M` is the markup of its body.
async fn open<M: Medium, G: Guarded<Receipt = Issue>>(
    invocation: &Invocation,
    asked: &Asked,
    kind: &str,
    effect: G,
) -> Result<(), StageError> {
    let text = IssueText::<M> {
        title: text::issue_title(asked),
        body: text::issue_body(asked),
    };
    let work = Work::new(
        key_of(&asked.at.ticket, step::tracker(kind)),
        asked.at.content.as_str(),
    )
    .intending(serde_json::to_string(&text).unwrap_or_default())
    .driven_by(Stage::Notify.as_str(), &invocation.message);
    let Decision::Run(claim) = invocation.ledger.claim(&work).await? else {
        return Ok(());
    };
    let claim = asked.connection.acting(claim).await?;
    let acted = claim.act(effect).await?;
    let link = acted.receipt().url.clone();
    acted.known_as(link).seal().await.map(|_| ())
}

/// What the issue says: the intent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "")]
struct IssueText<M> {
    title: Text<Plain>,
    body: Text<M>,
}

/// The intent on record is the first attempt's; it is what every attempt sends.
fn text_of<M>(act: &Act) -> Result<IssueText<M>, Outcome<Issue>> {
    serde_json::from_str(act.intent())
        .map_err(|_| Outcome::Refused(Why::new("unreadable_record", "the intent holds no issue")))
}

fn sent(answer: Result<Issue, ProviderError>) -> Outcome<Issue> {
    match answer {
        Ok(issue) => Outcome::Done(issue),
        Err(error) => failed(&error),
    }
}

struct InGithub<'a> {
    github: &'a GithubAccess,
    repo: &'a RepoName,
}

impl Effect for InGithub<'_> {
    type Receipt = Issue;

    async fn send(&self, act: &Act) -> Outcome<Issue> {
        let text = match text_of(act) {
            Ok(text) => text,
            Err(outcome) => return outcome,
        };
        let issue = github::NewIssue {
            title: text.title,
            body: text.body,
            effect: act.effect().to_string(),
        };
        sent(self.github.client().create_issue(self.repo, &issue).await)
    }
}

impl Probe for InGithub<'_> {
    async fn probe(&self, act: &Act) -> Finding<Issue> {
        let since = i64::try_from(self.github.since_ms(act.first_claimed_at()))
            .ok()
            .and_then(DateTime::<Utc>::from_timestamp_millis);
        let since = since
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Secs, true);
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

struct InLinear<'a> {
    linear: &'a LinearAccess,
    team_id: &'a str,
}

impl Effect for InLinear<'_> {
    type Receipt = Issue;

    async fn send(&self, act: &Act) -> Outcome<Issue> {
        let text = match text_of(act) {
            Ok(text) => text,
            Err(outcome) => return outcome,
        };
        let issue = linear::NewIssue {
            team_id: self.team_id.to_owned(),
            title: text.title,
            description: text.body,
            effect: act.effect().to_string(),
        };
        sent(self.linear.client().create_issue(&issue).await)
    }
}

impl PermanentKey for InLinear<'_> {}

struct InJira<'a> {
    jira: &'a JiraAccess,
    project: &'a str,
    issue_type: &'a str,
}

impl Effect for InJira<'_> {
    type Receipt = Issue;

    async fn send(&self, act: &Act) -> Outcome<Issue> {
        let text = match text_of(act) {
            Ok(text) => text,
            Err(outcome) => return outcome,
        };
        let effect = act.effect().as_str();
        // The label is looked for all the same: what the index has caught up with is not opened again.
        match self.jira.client().find_issue(self.project, effect).await {
            Ok(Some(issue)) => return Outcome::Done(issue),
            Ok(None) => {}
            Err(error) => return failed_read(&error),
        }
        let issue = jira::NewIssue {
            project: self.project.to_owned(),
            issue_type: self.issue_type.to_owned(),
            summary: text.title,
            description: text.body,
            effect: effect.to_owned(),
        };
        sent(self.jira.client().create_issue(&issue).await)
    }
}
