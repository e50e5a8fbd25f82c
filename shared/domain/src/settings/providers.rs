//! How to reach each provider.

use std::collections::BTreeMap;

use serde_json::Value;

use super::billing::price;
use super::reader::Reader;
use super::{Github, GithubAuth, Intercom, Model, ModelKind, Slack, Tracker, Zendesk};
use crate::ids::RepoName;

pub(super) fn zendesk(reader: &mut Reader<'_>) -> Option<Zendesk> {
    reader.only(&[
        "base_url",
        "signing_secret",
        "email",
        "api_token",
        "integration_user_id",
    ]);
    let base_url = reader.url("base_url");
    let signing_secret = reader.secret("signing_secret");
    let email = reader.text("email");
    let api_token = reader.secret("api_token");
    let integration_user_id = reader.text("integration_user_id");
    Some(Zendesk {
        base_url: base_url?,
        signing_secret: signing_secret?,
        email: email?,
        api_token: api_token?,
        integration_user_id: integration_user_id?,
    })
}

pub(super) fn intercom(reader: &mut Reader<'_>) -> Option<Intercom> {
    reader.only(&["base_url", "client_secret", "access_token", "admin_id"]);
    let base_url = reader.url("base_url");
    let client_secret = reader.secret("client_secret");
    let access_token = reader.secret("access_token");
    let admin_id = reader.text("admin_id");
    Some(Intercom {
        base_url: base_url?,
        client_secret: client_secret?,
        access_token: access_token?,
        admin_id: admin_id?,
    })
}

pub(super) fn github(reader: &mut Reader<'_>) -> Option<Github> {
    reader.only(&[
        "api_url",
        "token",
        "app_id",
        "installation_id",
        "private_key",
        "webhook_secret",
        "repos",
    ]);
    let api_url = reader.url("api_url");
    let auth = github_auth(reader);
    let webhook_secret = reader
        .value("webhook_secret")
        .and_then(|_| reader.secret("webhook_secret"));
    let repos = repos(reader);
    Some(Github {
        api_url: api_url?,
        auth: auth?,
        webhook_secret,
        repos: repos?,
    })
}

fn github_auth(reader: &mut Reader<'_>) -> Option<GithubAuth> {
    if reader.value("token").is_some() {
        let token = reader.secret("token");
        for name in ["app_id", "installation_id", "private_key"] {
            if reader.value(name).is_some() {
                reader.problem(
                    name,
                    "stands beside token; give the token, or the app's three fields",
                );
            }
        }
        return token.map(GithubAuth::Token);
    }
    let app_id = reader.text("app_id");
    let installation_id = reader.text("installation_id");
    let private_key = reader.secret("private_key");
    Some(GithubAuth::App {
        app_id: app_id?,
        installation_id: installation_id?,
        private_key: private_key?,
    })
}

fn repos(reader: &mut Reader<'_>) -> Option<Vec<RepoName>> {
    let Some(list) = reader
        .value("repos")
        .and_then(Value::as_array)
        .filter(|list| !list.is_empty())
    else {
        reader.problem("repos", "must be a list of owner/name with at least one");
        return None;
    };
    let repos: Vec<Option<RepoName>> = list
        .iter()
        .enumerate()
        .map(|(index, value)| reader.repo_value(&format!("repos[{index}]"), value))
        .collect();
    // A file of a repository that is there twice would stand in two of them, and so in none for sure.
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (index, repo) in repos.iter().enumerate() {
        let Some(repo) = repo else { continue };
        // GitHub tells no case apart.
        let first = *seen.entry(repo.as_str().to_ascii_lowercase()).or_insert(index);
        if first != index {
            reader.problem(
                &format!("repos[{index}]"),
                &format!("is the repository of repos[{first}]; name each once"),
            );
        }
    }
    repos.into_iter().collect()
}

pub(super) fn model(reader: &mut Reader<'_>) -> Option<Model> {
    reader.only(&["provider", "base_url", "api_key", "name", "price"]);
    let kinds = [
        ("anthropic", ModelKind::Anthropic),
        ("openai", ModelKind::OpenAi),
        ("bedrock", ModelKind::Bedrock),
    ];
    let kind = reader.word("provider", &kinds);
    // Bedrock is reached with the function's own role, at an address that follows from its region.
    let is_bedrock = kind == Some(ModelKind::Bedrock);
    let base_url = if is_bedrock && reader.value("base_url").is_none() {
        Some(String::new())
    } else {
        reader.url("base_url")
    };
    let is_keyless = is_bedrock && reader.value("api_key").is_none();
    let api_key = if is_keyless {
        None
    } else {
        reader.secret("api_key")
    };
    let name = reader.text("name");
    let price = reader.object("price", price);
    if api_key.is_none() && !is_keyless {
        return None;
    }
    Some(Model {
        kind: kind?,
        base_url: base_url?,
        api_key,
        name: name?,
        price,
    })
}

pub(super) fn slack(reader: &mut Reader<'_>) -> Option<Slack> {
    reader.only(&["api_url", "bot_token", "channel"]);
    let api_url = reader.url("api_url");
    let bot_token = reader.secret("bot_token");
    let channel = reader.text("channel");
    Some(Slack {
        api_url: api_url?,
        bot_token: bot_token?,
        channel: channel?,
    })
}

#[derive(Clone, Copy)]
enum TrackerKind {
    Linear,
    Jira,
    Github,
}

pub(super) fn tracker(reader: &mut Reader<'_>) -> Option<Tracker> {
    let kinds = [
        ("linear", TrackerKind::Linear),
        ("jira", TrackerKind::Jira),
        ("github", TrackerKind::Github),
    ];
    match reader.word("kind", &kinds)? {
        TrackerKind::Linear => {
            reader.only(&["kind", "api_url", "api_key", "team_id"]);
            let api_url = reader.url("api_url");
            let api_key = reader.secret("api_key");
            let team_id = reader.text("team_id");
            Some(Tracker::Linear {
                api_url: api_url?,
                api_key: api_key?,
                team_id: team_id?,
            })
        }
        TrackerKind::Jira => {
            reader.only(&["kind", "api_url", "email", "api_token", "project", "issue_type"]);
            let api_url = reader.url("api_url");
            let email = reader.text("email");
            let api_token = reader.secret("api_token");
            let project = reader.text("project");
            let issue_type = match reader.value("issue_type") {
                None => Some("Bug".to_owned()),
                Some(_) => reader.text("issue_type"),
            };
            Some(Tracker::Jira {
                api_url: api_url?,
                email: email?,
                api_token: api_token?,
                project: project?,
                issue_type: issue_type?,
            })
        }
        TrackerKind::Github => {
            reader.only(&["kind", "repo"]);
            let value = reader.value("repo").cloned().unwrap_or_default();
            let repo = reader.repo_value("repo", &value)?;
            Some(Tracker::Github { repo })
        }
    }
}
