//! The demo's world: the deployed template in memory, two orgs, two repositories, sixteen customers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock, Millis};
use ratchet_providers::transport::Transport;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::{Aws, Choke};
use crate::cloud::{Cloud, Functions};
use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::sandbox::model::answers;
use crate::sandbox::source::{SourceFile, read_dir};
use crate::sandbox::zendesk::NewTicket;
use crate::settings;
use crate::watch::{SharedWatch, Watch};

/// When the demo begins: 2026-11-20T09:00:00Z, in ms.
pub(crate) const STARTS_AT: Millis = 1_795_165_200_000;

/// The org whose tickets the demo tells of.
pub(crate) const ORG: &str = "acme";

/// An org whose plan lets one bug through.
pub(crate) const CAPPED_ORG: &str = "globex";

/// Where the chat is read.
pub const CHANNEL: &str = "C0RATCHET";

/// A ticket of the sample.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) comments: Vec<Comment>,
}

/// One of its comments.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Comment {
    pub(crate) author: String,
    pub(crate) public: bool,
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) later: bool,
}

/// Everything that the demo runs on.
pub(crate) struct World {
    pub(crate) cloud: Cloud,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) watch: SharedWatch,
    ids: Arc<CountedAttemptIds>,
}

impl World {
    /// Deploys, puts the settings, fills the repositories.
    pub(crate) async fn new() -> Result<Self> {
        Self::with(|_| true).await
    }

    /// The same world with those files of the working tree that `keeps` says: fewer files are mapped faster.
    pub(crate) async fn with(keeps: impl Fn(&str) -> bool) -> Result<Self> {
        let clock = Arc::new(ManualClock::at(STARTS_AT));
        let known = answers::sample().context("answers.json")?;
        let sandbox = Sandbox::new(clock.clone(), 7).with_answers(known);
        let secrets = sandbox_secrets(&sandbox);
        let cloud = Cloud::deploy(Aws::memory(clock.clone())?, secrets).await?;
        let world = Self {
            cloud,
            sandbox,
            clock,
            watch: Arc::new(Watch::default()),
            ids: Arc::new(CountedAttemptIds::new("demo")),
        };
        world.fill_repositories(keeps)?;
        world.put_settings(ORG, json!({})).await?;
        world
            .put_settings(CAPPED_ORG, json!({ "mapped_bug_cap": 1 }))
            .await?;
        Ok(world)
    }

    fn fill_repositories(&self, keeps: impl Fn(&str) -> bool) -> Result<()> {
        let root = working_tree()?;
        let shop = read_dir(&root.join("infra/local/sample/shop")).context("the sample shop")?;
        let mut own = read_dir(&root).context("the working tree")?;
        own.retain(|file| !file.path.starts_with("infra/local/sample/") && keeps(&file.path));
        self.sandbox.edit(|outside, now_ms| {
            outside.slack.add_channel(CHANNEL);
            let mut add = |name: &str, files: &[SourceFile]| {
                outside
                    .github
                    .add_repo(now_ms, name, files)
                    .with_context(|| format!("repository {name}"))
            };
            add("acme/shop", &shop)?;
            add("acme/ratchet", &own)?;
            Ok(())
        })
    }

    async fn put_settings(&self, org: &str, billing: Value) -> Result<()> {
        let mut document = sandbox_settings(org, &["acme/shop".to_owned(), "acme/ratchet".to_owned()]);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("billing".to_owned(), billing);
        }
        settings::put(&self.cloud, &document, None).await
    }

    /// Puts a row of the settings table as it is, whatever was there.
    #[cfg(test)]
    pub(crate) async fn overwrite(&self, org: &str, document: &Value) -> Result<()> {
        settings::overwrite(&self.cloud, org, document).await
    }

    /// The functions in a process that crashes where the watch says.
    pub(crate) fn process(&self) -> Result<Process> {
        self.process_behind(self.watch.clone(), Arc::new(self.sandbox.clone()))
    }

    /// The same process with something else at its two doors.
    pub(crate) fn process_behind(
        &self,
        choke: Arc<dyn Choke>,
        transport: Arc<dyn Transport>,
    ) -> Result<Process> {
        let (cloud, clock, ids) = (self.cloud.clone(), self.clock.clone(), self.ids.clone());
        let start = move || {
            let link = cloud.aws.choked(choke.clone());
            Functions::new(|name| {
                cloud.deployment(name, &link, transport.clone(), clock.clone(), ids.clone())
            })
        };
        Process::new(Box::new(start), self.watch.clone(), self.clock.clone())
    }

    /// A customer opens the sample's ticket, with those of its comments that are there from the start.
    pub(crate) fn open(&self, ticket: &Ticket, id: u64) {
        self.sandbox.edit(|outside, now_ms| {
            let first = ticket
                .comments
                .first()
                .map(|comment| comment.text.as_str())
                .unwrap_or_default();
            let new = NewTicket {
                id: Some(id),
                subject: &ticket.subject,
                text: first,
                ..NewTicket::default()
            };
            outside.zendesk.add_ticket(now_ms, &new);
            for comment in ticket.comments.iter().skip(1).filter(|comment| !comment.later) {
                if comment.author == "customer" {
                    outside.zendesk.customer_comment(now_ms, id, &comment.text);
                } else {
                    outside
                        .zendesk
                        .agent_comment(now_ms, id, &comment.text, comment.public);
                }
            }
        });
    }

    /// Now.
    pub(crate) fn now_ms(&self) -> Millis {
        self.clock.now_ms()
    }
}

/// The tickets of the sample.
pub(crate) fn tickets() -> Result<Vec<Ticket>> {
    serde_json::from_str(include_str!("../../sample/tickets.json")).context("tickets.json")
}

/// The working tree that this was built in, or the one that it is run in.
///
/// # Errors
/// When neither is one.
pub fn working_tree() -> Result<PathBuf> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let here = std::env::current_dir()?;
    [built, here]
        .into_iter()
        .find(|root| root.join("infra/template.yaml").is_file())
        .context("run it from the root of Ratchet's working tree: that is the second repository")
}

/// What opens the sandbox, by the names that its settings refer to.
#[must_use]
pub fn sandbox_secrets(sandbox: &Sandbox) -> BTreeMap<String, String> {
    sandbox.read(|outside| {
        let pairs = [
            ("ZENDESK_SIGNING", &outside.zendesk.access.signing_secret),
            ("ZENDESK_TOKEN", &outside.zendesk.access.api_token),
            ("GITHUB_TOKEN", &outside.github.access.token),
            ("GITHUB_WEBHOOK", &outside.github.access.webhook_secret),
            ("SLACK_TOKEN", &outside.slack.token),
            ("MODEL_KEY", &outside.model.api_key),
        ];
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    })
}

/// Settings of an org whose providers are the sandbox's.
#[must_use]
pub fn sandbox_settings(org: &str, repos: &[String]) -> Value {
    json!({
        "org": org,
        "zendesk": {
            "base_url": "https://acme.zendesk.com",
            "signing_secret": "env:ZENDESK_SIGNING",
            "email": "bot@acme.test",
            "api_token": "env:ZENDESK_TOKEN",
            "integration_user_id": "8447",
        },
        "github": {
            "api_url": "https://api.github.com",
            "token": "env:GITHUB_TOKEN",
            "webhook_secret": "env:GITHUB_WEBHOOK",
            "repos": repos,
        },
        "model": {
            "provider": "anthropic",
            "base_url": "https://api.anthropic.com",
            "api_key": "env:MODEL_KEY",
            "name": "claude-sonnet-4-5",
        },
        "slack": { "api_url": "https://slack.com/api", "bot_token": "env:SLACK_TOKEN", "channel": CHANNEL },
        "rca": { "publish": "on_pr", "visibility": "internal" },
    })
}
