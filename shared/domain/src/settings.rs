//! One JSON document per org: what it allows, where its providers are, and which secrets open them.
//!
//! [`Settings::parse`] reads a whole document and names *every* problem with its path, so that an operator mends
//! a file once and not once a field.

mod controls;
mod read;

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use crate::ids::{OrgId, RepoName};
use crate::period::Zone;
pub use controls::{Controls, Effects};
use read::Reader;

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
    /// Most tokens (input and output) that a period may spend on models; none is no cap.
    pub token_cap: Option<u64>,
    /// A time in which less is charged at most.
    pub trial: Option<Trial>,
    /// Partitions that a period's charges are spread over, less one: 0 keeps them in one, which takes about 50 charges
    /// a second. See [`Billing::spread`].
    pub more_partitions: u64,
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
mod tests {
    use super::*;
    use serde_json::json;

    fn full() -> Value {
        json!({ "org": "acme",
          "thresholds": { "ai_confidence": 0.7, "location_confidence": 0.7 },
          "billing": { "mapped_bug_cap": 500 },
          "zendesk": { "base_url": "https://acme.zendesk.com/", "signing_secret": "ssm:/z", "email": "bot@acme.test", "api_token": "ssm:/t", "integration_user_id": "8447" },
          "intercom": { "base_url": "https://api.intercom.io", "client_secret": "ssm:/a", "access_token": "ssm:/b", "admin_id": "3156780" },
          "github": { "api_url": "https://api.github.com", "app_id": "1234", "installation_id": "5678", "private_key": "ssm:/k", "webhook_secret": "ssm:/w", "repos": ["acme/shop"] },
          "model": { "provider": "anthropic", "base_url": "https://api.anthropic.com", "api_key": "ssm:/m", "name": "claude-sonnet-4-5" },
          "slack": { "api_url": "https://slack.com/api", "bot_token": "ssm:/s", "channel": "C0123" },
          "tracker": { "kind": "linear", "api_url": "https://api.linear.app/graphql", "api_key": "ssm:/l", "team_id": "t" },
          "rca": { "publish": "on_pr", "visibility": "internal" } })
    }

    #[test]
    fn the_full_document_is_read() {
        let settings = Settings::parse(&full()).unwrap();
        assert_eq!(settings.secrets().len(), 9);
        assert_eq!(settings.zendesk.unwrap().base_url, "https://acme.zendesk.com");
        assert_eq!(settings.billing.mapped_bug_cap, Some(500));
    }

    #[test]
    fn only_the_org_is_required() {
        let settings = Settings::parse(&json!({"org": "acme"})).unwrap();
        assert_eq!(settings.thresholds, Thresholds::default());
        assert_eq!(settings.rca.publish, RcaPublish::OnPr);
    }

    #[test]
    fn every_problem_is_named_with_its_path() {
        let mut document = full();
        document["thresholds"]["ai_confidence"] = json!(1.5);
        document["billing"]["mapped_bug_cap"] = json!(-1);
        document["billing"]["time_zone"] = json!("Mars/Olympus");
        document["billing"]["partitions"] = json!(65);
        document["billing"]["trial"] = json!({ "ends": "2026-13-01", "mapped_bug_cap": 0.5 });
        document["zendesk"]["api_token"] = json!("hunter2");
        document["github"]["repos"] = json!(["acme/shop", "nonsense"]);
        document["model"]["provider"] = json!("oracle");
        document["model"]["price"] = json!({ "input": -3, "output": 15.0000001 });
        document["rca"]["visibilty"] = json!("public");
        document["slack"]["api_url"] = json!("ftp://slack.com");
        let paths: Vec<String> = Settings::parse(&document)
            .unwrap_err()
            .into_iter()
            .map(|p| p.path)
            .collect();
        assert_eq!(
            paths,
            [
                "thresholds.ai_confidence",
                "billing.mapped_bug_cap",
                "billing.time_zone",
                "billing.partitions",
                "billing.trial.ends",
                "billing.trial.mapped_bug_cap",
                "zendesk.api_token",
                "github.repos[1]",
                "model.provider",
                "model.price.input",
                "model.price.output",
                "slack.api_url",
                "rca.visibilty"
            ]
        );
    }

    #[test]
    fn a_trial_lowers_the_cap_until_its_day_begins_in_the_orgs_zone() {
        let mut document = full();
        document["billing"] = json!({
            "mapped_bug_cap": 50, "time_zone": "Europe/Berlin",
            "trial": { "ends": "2026-11-01", "mapped_bug_cap": 5 },
        });
        let billing = Settings::parse(&document).unwrap().billing;
        let ends_at = 1_793_487_600_000;
        assert_eq!(billing.cap_at(ends_at - 1), Some(5));
        assert_eq!(billing.cap_at(ends_at), Some(50));
        assert!(billing.is_trial_at(ends_at - 1) && !billing.is_trial_at(ends_at));
        assert_eq!(billing.spread(), 1);
    }

    #[test]
    fn prices_are_exact_to_a_millionth_of_a_dollar() {
        let mut document = full();
        document["model"]["price"] = json!({ "input": 3, "output": 15.5, "cache_read": 0.30 });
        let price = Settings::parse(&document).unwrap().model.unwrap().price.unwrap();
        assert_eq!((price.input, price.output), (3_000_000, 15_500_000));
        assert_eq!((price.cache_read, price.cache_write), (300_000, 0));
    }

    #[test]
    fn a_problem_never_repeats_a_secret_put_in_by_mistake() {
        let mut document = full();
        document["model"]["api_key"] = json!("sk-live-verysecret");
        let problems = Settings::parse(&document).unwrap_err();
        assert!(!format!("{problems:?}").contains("verysecret"));
    }
}
