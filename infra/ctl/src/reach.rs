//! What valid settings ask for and this build does not do, so that nobody waits for it.
//!
//! Each entry stands for a place in the code that says no; a test names that place and fails when it says yes.

use ratchet_domain::settings::{ModelKind, RcaPublish, Settings, Tracker};
use serde::Serialize;

/// Something that validates and will surprise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// Where, as `tracker.kind`.
    pub path: String,
    /// What happens.
    pub warning: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path, self.warning)
    }
}

/// Everything to know before relying on these settings.
#[must_use]
pub fn warnings(settings: &Settings) -> Vec<Warning> {
    let mut found = Vec::new();
    let mut warn = |path: &str, warning: &str| {
        found.push(Warning {
            path: path.to_owned(),
            warning: warning.to_owned(),
        });
    };
    absent(settings, &mut warn);
    unreached(settings, &mut warn);
    surprising(settings, &mut warn);
    found
}

fn absent(settings: &Settings, warn: &mut impl FnMut(&str, &str)) {
    if settings.zendesk.is_none() && settings.intercom.is_none() {
        warn("zendesk", "is absent, and intercom too: no ticket ever comes in");
    }
    if settings.model.is_none() {
        warn("model", "is absent: every ticket waits in extract");
    }
    match &settings.github {
        None => warn("github", "is absent: every bug waits in map"),
        Some(github) if github.webhook_secret.is_none() => {
            warn(
                "github.webhook_secret",
                "is absent: GitHub's webhooks are all refused",
            );
        }
        Some(_) => {}
    }
}

fn unreached(settings: &Settings, warn: &mut impl FnMut(&str, &str)) {
    match settings.model.as_ref().map(|model| model.kind) {
        Some(ModelKind::Bedrock) => {
            warn(
                "model.provider",
                "this build does not ask bedrock: tickets are parked",
            );
        }
        Some(ModelKind::Anthropic | ModelKind::OpenAi) | None => {}
    }
    match settings.rca.publish {
        RcaPublish::OnDeploy => warn(
            "rca.publish",
            "this build does not see deploys: root causes wait for a person",
        ),
        RcaPublish::OnPr | RcaPublish::OnMerge | RcaPublish::Manual => {}
    }
}

fn surprising(settings: &Settings, warn: &mut impl FnMut(&str, &str)) {
    if settings.billing.mapped_bug_cap == Some(0) {
        warn("billing.mapped_bug_cap", "is 0: every mapped bug waits as capped");
    }
    let addresses = [
        (
            "zendesk.base_url",
            settings.zendesk.as_ref().map(|zendesk| &zendesk.base_url),
        ),
        (
            "intercom.base_url",
            settings.intercom.as_ref().map(|intercom| &intercom.base_url),
        ),
        (
            "github.api_url",
            settings.github.as_ref().map(|github| &github.api_url),
        ),
        (
            "model.base_url",
            settings.model.as_ref().map(|model| &model.base_url),
        ),
        (
            "slack.api_url",
            settings.slack.as_ref().map(|slack| &slack.api_url),
        ),
        ("tracker.api_url", tracker_url(settings.tracker.as_ref())),
    ];
    for (path, url) in addresses {
        if url.is_some_and(|url| is_in_the_clear(url)) {
            warn(
                path,
                "is http to another machine: tokens and tickets travel in the clear",
            );
        }
    }
}

fn tracker_url(tracker: Option<&Tracker>) -> Option<&String> {
    match tracker? {
        Tracker::Linear { api_url, .. } | Tracker::Jira { api_url, .. } => Some(api_url),
        Tracker::Github { .. } => None,
    }
}

fn is_in_the_clear(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let here = ["127.0.0.1", "localhost", "[::1]"];
    !here
        .iter()
        .any(|name| host == *name || host.strip_prefix(name).is_some_and(|port| port.starts_with(':')))
}
