//! Reads a settings document field by field, so that one wrong field does not hide the next.

use serde_json::{Map, Value};

use super::controls::controls;
use super::{
    Billing, Github, GithubAuth, Intercom, Model, ModelKind, Price, Problem, Rca, RcaPublish, SecretRef,
    Settings, Slack, Thresholds, Tracker, Trial, Zendesk,
};
use crate::ids::{OrgId, RepoName};
use crate::period::Zone;

/// An object of the document, its path, and the list that problems go to.
pub(super) struct Reader<'a> {
    fields: Option<&'a Map<String, Value>>,
    path: String,
    problems: &'a mut Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn root(document: &'a Value, problems: &'a mut Vec<Problem>) -> Self {
        let mut reader = Self {
            fields: document.as_object(),
            path: String::new(),
            problems,
        };
        if reader.fields.is_none() {
            reader.problem("", "must be a JSON object");
        }
        reader
    }

    fn at(&self, name: &str) -> String {
        match (self.path.as_str(), name) {
            ("", "") => "$".to_owned(),
            ("", name) => name.to_owned(),
            (path, "") => path.to_owned(),
            (path, name) => format!("{path}.{name}"),
        }
    }

    pub(super) fn problem(&mut self, name: &str, problem: &str) {
        let path = self.at(name);
        self.problems.push(Problem {
            path,
            problem: problem.to_owned(),
        });
    }

    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.fields
            .and_then(|fields| fields.get(name))
            .filter(|value| !value.is_null())
    }

    fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader<'_>) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        let path = self.at(name);
        let Some(fields) = value.as_object() else {
            self.problem(name, "must be an object");
            return None;
        };
        read(&mut Reader {
            fields: Some(fields),
            path,
            problems: self.problems,
        })
    }

    pub(super) fn only(&mut self, known: &[&str]) {
        let unknown: Vec<String> = self
            .fields
            .into_iter()
            .flat_map(Map::keys)
            .filter(|name| !known.contains(&name.as_str()))
            .cloned()
            .collect();
        for name in unknown {
            self.problem(
                &name,
                &format!("is not a setting; expected one of {}", known.join(", ")),
            );
        }
    }

    fn text(&mut self, name: &str) -> Option<String> {
        match self.value(name) {
            None => {
                self.problem(name, "is missing");
                None
            }
            Some(Value::String(text)) if !text.trim().is_empty() => Some(text.clone()),
            // Ids are numbers at some vendors' consoles; people paste them as such.
            Some(Value::Number(number)) if number.is_u64() => Some(number.to_string()),
            Some(_) => {
                self.problem(name, "must be a text that is not empty");
                None
            }
        }
    }

    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        if found.is_none() {
            let expected: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.problem(name, &format!("must be one of {}", expected.join(", ")));
        }
        found
    }

    fn url(&mut self, name: &str) -> Option<String> {
        let text = self.text(name)?;
        let is_http = url::Url::parse(&text)
            .is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !is_http {
            self.problem(name, "must be an http or https address");
            return None;
        }
        Some(text.trim_end_matches('/').to_owned())
    }

    fn secret(&mut self, name: &str) -> Option<SecretRef> {
        let text = self.text(name)?;
        let reference = SecretRef::parse(&text);
        if reference.is_none() {
            self.problem(
                name,
                "must be a reference: env:NAME, ssm:/name or secretsmanager:id",
            );
        }
        reference
    }

    fn share(&mut self, name: &str, default: f64) -> Option<f64> {
        let Some(value) = self.value(name) else {
            return Some(default);
        };
        let share = value.as_f64().filter(|share| (0.0..=1.0).contains(share));
        if share.is_none() {
            self.problem(name, "must be a number from 0 to 1");
        }
        share
    }

    fn count(&mut self, name: &str) -> Option<u64> {
        let value = self.value(name)?;
        let count = value.as_u64();
        if count.is_none() {
            self.problem(name, "must be a whole number, 0 or more");
        }
        count
    }

    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let Some(value) = self.value(name) else {
            return Some(false);
        };
        let flag = value.as_bool();
        if flag.is_none() {
            self.problem(name, "must be true or false");
        }
        flag
    }

    pub(super) fn count_of(&mut self, name: &str, least: u64, most: u64) -> Option<u64> {
        let value = self.value(name)?;
        let count = value.as_u64().filter(|count| (least..=most).contains(count));
        if count.is_none() {
            self.problem(name, &format!("must be a whole number from {least} to {most}"));
        }
        count
    }

    fn repo_value(&mut self, name: &str, value: &Value) -> Option<RepoName> {
        let repo = value
            .as_str()
            .and_then(|text| RepoName::parse(text).ok())
            .filter(|repo| repo.as_str().split('/').filter(|part| !part.is_empty()).count() == 2)
            .filter(|repo| repo.as_str().matches('/').count() == 1);
        if repo.is_none() {
            self.problem(name, "must be owner/name");
        }
        repo
    }
}

pub(super) fn settings(reader: &mut Reader<'_>) -> Option<Settings> {
    reader.only(&[
        "org",
        "thresholds",
        "billing",
        "zendesk",
        "intercom",
        "github",
        "model",
        "slack",
        "tracker",
        "rca",
        "controls",
    ]);
    let org = org(reader);
    let thresholds = reader.object("thresholds", thresholds).unwrap_or_default();
    let billing = reader.object("billing", billing).unwrap_or_default();
    let zendesk = reader.object("zendesk", zendesk);
    let intercom = reader.object("intercom", intercom);
    let github = reader.object("github", github);
    let model = reader.object("model", model);
    let slack = reader.object("slack", slack);
    let tracker = reader.object("tracker", tracker);
    let rca = reader.object("rca", rca).unwrap_or_default();
    let controls = reader.object("controls", controls).unwrap_or_default();
    Some(Settings {
        org: org?,
        thresholds,
        billing,
        zendesk,
        intercom,
        github,
        model,
        slack,
        tracker,
        rca,
        controls,
    })
}

fn org(reader: &mut Reader<'_>) -> Option<OrgId> {
    let text = reader.text("org")?;
    match OrgId::parse(text) {
        Ok(org) => Some(org),
        Err(error) => {
            reader.problem("org", &error.to_string());
            None
        }
    }
}

fn thresholds(reader: &mut Reader<'_>) -> Option<Thresholds> {
    reader.only(&["ai_confidence", "location_confidence"]);
    let default = Thresholds::default();
    let ai_confidence = reader.share("ai_confidence", default.ai_confidence);
    let location_confidence = reader.share("location_confidence", default.location_confidence);
    Some(Thresholds {
        ai_confidence: ai_confidence?,
        location_confidence: location_confidence?,
    })
}

fn billing(reader: &mut Reader<'_>) -> Option<Billing> {
    reader.only(&[
        "mapped_bug_cap",
        "included",
        "time_zone",
        "token_cap",
        "partitions",
        "trial",
    ]);
    let mapped_bug_cap = reader.count("mapped_bug_cap");
    let included = reader.count("included").unwrap_or_default();
    let token_cap = reader.count("token_cap");
    let time_zone = match reader.value("time_zone") {
        None => Some(Zone::default()),
        Some(value) => {
            let zone = value.as_str().and_then(Zone::named);
            if zone.is_none() {
                reader.problem("time_zone", "must be an IANA time zone, as Europe/Berlin");
            }
            zone
        }
    };
    let partitions = match reader.value("partitions") {
        None => Some(1),
        Some(_) => reader.count("partitions"),
    };
    if partitions.is_some_and(|count| !(1..=crate::bill::SPREAD_MAX).contains(&count)) {
        reader.problem("partitions", "must be a whole number from 1 to 64");
    }
    let zone = time_zone.clone().unwrap_or_default();
    let trial = reader.object("trial", |reader| trial(reader, &zone));
    Some(Billing {
        mapped_bug_cap,
        included,
        time_zone: time_zone?,
        token_cap,
        trial,
        more_partitions: partitions?.saturating_sub(1),
    })
}

fn trial(reader: &mut Reader<'_>, zone: &Zone) -> Option<Trial> {
    reader.only(&["ends", "mapped_bug_cap"]);
    let ends_at = reader.text("ends").and_then(|day| {
        let start = zone.start_of_day(&day);
        if start.is_none() {
            reader.problem("ends", "must be a day, as 2026-11-30");
        }
        start
    });
    let mapped_bug_cap = match reader.value("mapped_bug_cap") {
        Some(_) => reader.count("mapped_bug_cap"),
        None => {
            reader.problem("mapped_bug_cap", "is missing");
            None
        }
    };
    Some(Trial {
        ends_at: ends_at?,
        mapped_bug_cap: mapped_bug_cap?,
    })
}

fn price(reader: &mut Reader<'_>) -> Option<Price> {
    reader.only(&["input", "output", "cache_read", "cache_write"]);
    let mut dollars = |name: &str| match reader.value(name) {
        None => Some(0),
        Some(value) => {
            let millionths = value
                .as_number()
                .and_then(|number| millionths(&number.to_string()));
            if millionths.is_none() {
                reader.problem(
                    name,
                    "must be dollars for a million tokens, 0 or more, with at most six decimals",
                );
            }
            millionths
        }
    };
    let (input, output) = (dollars("input"), dollars("output"));
    let (cache_read, cache_write) = (dollars("cache_read"), dollars("cache_write"));
    Some(Price {
        input: input?,
        output: output?,
        cache_read: cache_read?,
        cache_write: cache_write?,
    })
}

/// A decimal number of at most six decimals, times a million; exact.
fn millionths(digits: &str) -> Option<u64> {
    let (whole, rest) = digits.split_once('.').unwrap_or((digits, ""));
    if rest.len() > 6 || !rest.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    let rest: u64 = format!("{rest:0<6}").parse().ok()?;
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(rest)
}

fn zendesk(reader: &mut Reader<'_>) -> Option<Zendesk> {
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

fn intercom(reader: &mut Reader<'_>) -> Option<Intercom> {
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

fn github(reader: &mut Reader<'_>) -> Option<Github> {
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
        return reader.secret("token").map(GithubAuth::Token);
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
    repos.into_iter().collect()
}

fn model(reader: &mut Reader<'_>) -> Option<Model> {
    reader.only(&["provider", "base_url", "api_key", "name", "price"]);
    let kinds = [
        ("anthropic", ModelKind::Anthropic),
        ("openai", ModelKind::OpenAi),
        ("bedrock", ModelKind::Bedrock),
    ];
    let kind = reader.word("provider", &kinds);
    let base_url = match kind {
        Some(ModelKind::Bedrock) if reader.value("base_url").is_none() => Some(String::new()),
        _ => reader.url("base_url"),
    };
    let api_key = match kind {
        Some(ModelKind::Bedrock) if reader.value("api_key").is_none() => None,
        _ => Some(reader.secret("api_key")?),
    };
    let name = reader.text("name");
    let price = reader.object("price", price);
    Some(Model {
        kind: kind?,
        base_url: base_url?,
        api_key,
        name: name?,
        price,
    })
}

fn slack(reader: &mut Reader<'_>) -> Option<Slack> {
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

fn tracker(reader: &mut Reader<'_>) -> Option<Tracker> {
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

fn rca(reader: &mut Reader<'_>) -> Option<Rca> {
    reader.only(&["publish", "visibility"]);
    let publish = match reader.value("publish") {
        None => Some(RcaPublish::default()),
        Some(_) => reader.word(
            "publish",
            &[
                ("on_pr", RcaPublish::OnPr),
                ("on_merge", RcaPublish::OnMerge),
                ("on_deploy", RcaPublish::OnDeploy),
                ("manual", RcaPublish::Manual),
            ],
        ),
    };
    let public = match reader.value("visibility") {
        None => Some(false),
        Some(_) => reader.word("visibility", &[("internal", false), ("public", true)]),
    };
    Some(Rca {
        publish: publish?,
        public: public?,
    })
}
