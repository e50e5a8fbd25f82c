//! One JSON document per org: what it allows, where its providers are, and which secrets open them.
//!
//! [`Settings::parse`] reads a whole document and names *every* problem with its path, so that an operator mends
//! a file once and not once a field.

mod billing;
mod controls;
mod providers;
mod read;
mod reader;

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::ids::{OrgId, RepoName};
use crate::period::Zone;
pub use controls::{Controls, Effects};
use reader::Reader;

/// One thing wrong with a settings document.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize)]
#[error("{path}: {problem}")]
pub struct Problem {
    /// Where, as `github.repos[1]`.
    pub path: String,
    /// What is wrong and what would be right.
    pub problem: String,
}

/// A reference to a secret. Settings never hold a secret itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecretRef {
    /// `env:NAME`: an environment variable of the function.
    Env(String),
    /// `ssm:/name`: a parameter of Systems Manager, decrypted.
    Ssm(String),
    /// `secretsmanager:id`: a secret of Secrets Manager.
    SecretsManager(String),
}

impl SecretRef {
    /// Reads `env:`, `ssm:` or `secretsmanager:`; anything else is no reference.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some((_, "")) | None => None,
            Some(("env", name)) => Some(Self::Env(name.to_owned())),
            Some(("ssm", name)) => Some(Self::Ssm(name.to_owned())),
            Some(("secretsmanager", id)) => Some(Self::SecretsManager(id.to_owned())),
            Some(_) => None,
        }
    }
}

/// Scores at or above which a bug goes ahead. Both 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// For the extraction.
    pub ai_confidence: f64,
    /// For the best code location.
    pub location_confidence: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            ai_confidence: 0.7,
            location_confidence: 0.7,
        }
    }
}

/// What may be charged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Billing {
    /// Most mapped bugs that a period may charge; none is no cap.
    pub mapped_bug_cap: Option<u64>,
    /// Mapped bugs of a period that the plan includes; those above are overage.
    pub included: u64,
    /// IANA name of the zone whose calendar months are the periods; UTC unless said.
    pub time_zone: Zone,
    /// Most tokens that a period may spend on models, every one that a vendor bills at whatever rate: input, output (reasoning
    /// is part of it), and what is read from and written to its prompt cache; none is no cap.
    pub token_cap: Option<u64>,
    /// A time in which less is charged at most.
    pub trial: Option<Trial>,
    /// Partitions that a period's charges are spread over, less one: 0 keeps them in one, which takes about 50 charges
    /// a second. See [`Billing::spread`].
    pub more_partitions: u64,
    /// Whether a bug below a threshold that a person approves is charged as one at it. Unless said it is not: a bill
    /// follows the scores on record, and an approval is no score.
    pub approved_by_person: bool,
}

/// A trial: until it ends, a period charges no more than its own limit, and its charges say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// When it ends: the beginning of a day in the org's time zone, in ms.
    pub ends_at: u64,
    /// Most mapped bugs that a period of the trial may charge.
    pub mapped_bug_cap: u64,
}

impl Billing {
    /// Over how many partitions a period's charges are spread: 1 to [`crate::bill::SPREAD_MAX`].
    #[must_use]
    pub fn spread(&self) -> u64 {
        self.more_partitions.saturating_add(1)
    }

    /// Whether that time belongs to the trial.
    #[must_use]
    pub fn is_trial_at(&self, at_ms: u64) -> bool {
        self.trial.is_some_and(|trial| at_ms < trial.ends_at)
    }

    /// The hard cap that is in force at that time, the trial's included.
    #[must_use]
    pub fn cap_at(&self, at_ms: u64) -> Option<u64> {
        let trial = self.trial.filter(|trial| at_ms < trial.ends_at);
        let caps = [self.mapped_bug_cap, trial.map(|trial| trial.mapped_bug_cap)];
        caps.into_iter().flatten().min()
    }
}

/// What a million tokens cost, in millionths of a dollar: one token then costs as many millionths of a millionth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Price {
    /// Tokens read.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    pub cache_write: u64,
}

/// How to reach Zendesk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zendesk {
    /// `https://acme.zendesk.com`, without a trailing slash.
    pub base_url: String,
    /// Signing secret of the webhook.
    pub signing_secret: SecretRef,
    /// The user that the API token belongs to.
    pub email: String,
    /// API token.
    pub api_token: SecretRef,
    /// Zendesk's id of that user; its own events are dropped.
    pub integration_user_id: String,
}

/// How to reach Intercom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intercom {
    /// `https://api.intercom.io`, or the EU or AU host.
    pub base_url: String,
    /// Signs the webhooks.
    pub client_secret: SecretRef,
    /// Bearer token.
    pub access_token: SecretRef,
    /// The admin that we write as; its own parts are dropped.
    pub admin_id: String,
}

/// Who we are at GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GithubAuth {
    /// A personal or fine-grained token.
    Token(SecretRef),
    /// A GitHub App.
    App {
        /// App id.
        app_id: String,
        /// Installation id.
        installation_id: String,
        /// PEM of the app's RSA key.
        private_key: SecretRef,
    },
}

/// How to reach GitHub, and which repositories are the org's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Github {
    /// `https://api.github.com`, or an Enterprise host's API.
    pub api_url: String,
    /// Who we are.
    pub auth: GithubAuth,
    /// Signs GitHub's webhooks; none refuses them all.
    pub webhook_secret: Option<SecretRef>,
    /// Where bugs may be.
    pub repos: Vec<RepoName>,
}

/// Which wire format the model speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's chat completions, which compatible servers speak too.
    OpenAi,
    /// Amazon Bedrock's Converse.
    Bedrock,
}

/// The model that reads tickets and writes patches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// Its wire format.
    pub kind: ModelKind,
    /// `https://api.anthropic.com`; of an `openai` model with `/v1`.
    pub base_url: String,
    /// API key; Bedrock needs none.
    pub api_key: Option<SecretRef>,
    /// The model's name or id.
    pub name: String,
    /// What its tokens cost; none leaves its usage without a price.
    pub price: Option<Price>,
}

/// Where to say it in Slack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slack {
    /// `https://slack.com/api`.
    pub api_url: String,
    /// Bot token.
    pub bot_token: SecretRef,
    /// Channel id.
    pub channel: String,
}

/// Which tracker an issue goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tracker {
    /// Linear.
    Linear {
        /// GraphQL address.
        api_url: String,
        /// API key.
        api_key: SecretRef,
        /// Team id.
        team_id: String,
    },
    /// Jira Cloud.
    Jira {
        /// `https://site.atlassian.net`.
        api_url: String,
        /// The user of the token.
        email: String,
        /// API token.
        api_token: SecretRef,
        /// Project key.
        project: String,
        /// Issue type's name.
        issue_type: String,
    },
    /// Issues of a GitHub repository, reached with the org's GitHub settings.
    Github {
        /// The repository.
        repo: RepoName,
    },
}

/// When the root cause goes to the ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RcaPublish {
    /// When all pull requests are settled.
    #[default]
    OnPr,
    /// When one is merged.
    OnMerge,
    /// When it is deployed.
    OnDeploy,
    /// When a person says so.
    Manual,
}

/// The root cause's policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rca {
    /// When.
    pub publish: RcaPublish,
    /// The customer sees it; internal unless said.
    pub public: bool,
}

/// Everything that an org decides.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Whose they are.
    pub org: OrgId,
    /// The gate.
    pub thresholds: Thresholds,
    /// The meter.
    pub billing: Billing,
    /// Tickets from Zendesk.
    pub zendesk: Option<Zendesk>,
    /// Tickets from Intercom.
    pub intercom: Option<Intercom>,
    /// Code and pull requests.
    pub github: Option<Github>,
    /// The model.
    pub model: Option<Model>,
    /// The chat.
    pub slack: Option<Slack>,
    /// The tracker.
    pub tracker: Option<Tracker>,
    /// The root cause.
    pub rca: Rca,
    /// What an operator holds back.
    pub controls: Controls,
}

impl Settings {
    /// Reads and checks a whole document.
    ///
    /// # Errors
    /// Every [`Problem`] at once; the list is never empty.
    pub fn parse(document: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let settings = read::settings(&mut Reader::root(document, &mut problems));
        match settings {
            Some(settings) if problems.is_empty() => Ok(settings),
            _ => Err(problems),
        }
    }

    /// Every secret that the document names.
    #[must_use]
    pub fn secrets(&self) -> Vec<&SecretRef> {
        let mut refs = Vec::new();
        if let Some(zendesk) = &self.zendesk {
            refs.extend([&zendesk.signing_secret, &zendesk.api_token]);
        }
        if let Some(intercom) = &self.intercom {
            refs.extend([&intercom.client_secret, &intercom.access_token]);
        }
        if let Some(github) = &self.github {
            match &github.auth {
                GithubAuth::Token(token) => refs.push(token),
                GithubAuth::App { private_key, .. } => refs.push(private_key),
            }
            refs.extend(&github.webhook_secret);
        }
        refs.extend(self.model.as_ref().and_then(|model| model.api_key.as_ref()));
        refs.extend(self.slack.as_ref().map(|slack| &slack.bot_token));
        match &self.tracker {
            Some(Tracker::Linear { api_key, .. }) => refs.push(api_key),
            Some(Tracker::Jira { api_token, .. }) => refs.push(api_token),
            Some(Tracker::Github { .. }) | None => {}
        }
        refs
    }
}

#[cfg(test)]
mod tests;
