//! Ways to providers that are no desks: a client for each call.

use ratchet_domain::settings;
use ratchet_guard::clock::Millis;
use ratchet_providers::github::Github;
use ratchet_providers::jira::Jira;
use ratchet_providers::linear::Linear;
use ratchet_providers::secret::Secret;
use ratchet_providers::slack::Slack;

use super::Door;

/// A way to GitHub.
#[derive(Debug, Clone)]
pub struct GithubAccess {
    pub(super) door: Door,
    pub(super) settings: settings::Github,
    pub(super) token: Secret,
}

impl GithubAccess {
    /// A client for one call.
    #[must_use]
    pub fn client(&self) -> Github<'_> {
        Github::new(self.door.wire(), &self.settings.api_url, &self.token)
    }

    /// Where a search begins for what was sent at `at_ms` or later, by GitHub's clock; ms since 1970.
    #[must_use]
    pub fn since_ms(&self, at_ms: Millis) -> Millis {
        self.door.since_ms(at_ms)
    }

    /// The org's GitHub settings.
    #[must_use]
    pub fn settings(&self) -> &settings::Github {
        &self.settings
    }
}

/// A way to Slack.
#[derive(Debug, Clone)]
pub struct SlackAccess {
    pub(super) door: Door,
    pub(super) settings: settings::Slack,
    pub(super) token: Secret,
}

impl SlackAccess {
    /// A client for one call.
    #[must_use]
    pub fn client(&self) -> Slack<'_> {
        Slack::new(self.door.wire(), &self.settings.api_url, &self.token)
    }

    /// Where a search begins for what was sent at `at_ms` or later, by Slack's clock; ms since 1970.
    #[must_use]
    pub fn since_ms(&self, at_ms: Millis) -> Millis {
        self.door.since_ms(at_ms)
    }

    /// The channel that the org's messages go to.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.settings.channel
    }
}

/// A way to Linear.
#[derive(Debug, Clone)]
pub struct LinearAccess {
    pub(super) door: Door,
    pub(super) api_url: String,
    pub(super) key: Secret,
}

impl LinearAccess {
    /// A client for one call.
    #[must_use]
    pub fn client(&self) -> Linear<'_> {
        Linear::new(self.door.wire(), &self.api_url, &self.key)
    }
}

/// A way to Jira.
#[derive(Debug, Clone)]
pub struct JiraAccess {
    pub(super) door: Door,
    pub(super) site_url: String,
    pub(super) email: String,
    pub(super) token: Secret,
}

impl JiraAccess {
    /// A client for one call.
    #[must_use]
    pub fn client(&self) -> Jira<'_> {
        Jira::new(self.door.wire(), &self.site_url, &self.email, &self.token)
    }
}
