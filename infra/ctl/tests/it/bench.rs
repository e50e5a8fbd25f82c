//! A deployment in this process: the embedded store, a queue that takes everything, and a clock that stands still.

use std::sync::Arc;

use anyhow::{Context, Result};
use aws_sdk_dynamodb::types::KeyType;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use clap::Parser;
use ctl::cli::Cli;
use ctl::report::Answer;
use ctl::world::{World, Worlds};
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_guard::embedded::{EmbeddedDynamo, InstantSleep, REGION};
use ratchet_guard::schema;
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::config::Env;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::secrets::EnvSecrets;
use serde_json::{Value, json};

use crate::line::Line;

/// 2026-01-31T23:30:00Z: already February in Berlin.
pub(crate) const NOW_MS: u64 = 1_769_902_200_000;

/// What the commands read, and the functions that the tests run.
const VARIABLES: [(&str, &str); 14] = [
    ("EVENTS_TABLE", "events"),
    ("LEDGER_TABLE", "ledger"),
    ("USAGE_TABLE", "usage"),
    ("SETTINGS_TABLE", "settings"),
    ("SETTINGS_CACHE_SECONDS", "0"),
    ("QUALIFY_QUEUE_URL", "http://sqs.invalid/1/qualify"),
    ("FAN_OUT_QUEUE_URL", "http://sqs.invalid/1/fan-out"),
    ("CAPPED_RECHECK_SECONDS", "3600"),
    ("HOLD_SECONDS", "300"),
    ("REQUEST_LIFE_MAX_MS", "60000"),
    ("LEASE_MARGIN_MS", "5000"),
    ("BACKOFF_BASE_MS", "1000"),
    ("BACKOFF_MAX_MS", "60000"),
    ("ATTEMPTS_MAX", "5"),
];

/// No command of these tests talks to a provider.
struct Nobody;

#[async_trait::async_trait]
impl Transport for Nobody {
    async fn send(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        Err(TransportError::NotSent("there is no provider here".to_owned()))
    }
}

/// One deployment.
pub(crate) struct Bench {
    pub(crate) world: World,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: EmbeddedDynamo,
}

impl Bench {
    pub(crate) async fn new() -> Result<Self> {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let store = EmbeddedDynamo::memory_at(Arc::clone(&clock) as Arc<dyn Clock>)?;
        let tables = store.client();
        schema::create_events_table(&tables, "events").await?;
        schema::create_ledger_table(&tables, "ledger").await?;
        schema::create(&tables, "settings", &[("org", KeyType::Hash)], false).await?;
        let usage = [("org_period", KeyType::Hash), ("sk", KeyType::Range)];
        schema::create(&tables, "usage", &usage, false).await?;
        let deployment = Deployment {
            env: Env::from_iter(VARIABLES),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::new(CountedAttemptIds::new("test")),
            dynamo: tables,
            sqs: queue(),
            transport: Arc::new(Nobody),
            secrets: Arc::new(EnvSecrets),
        };
        Ok(Self {
            world: World::without_functions(deployment),
            clock,
            store,
        })
    }

    /// Runs a command line.
    pub(crate) async fn run(&self, args: &[&str]) -> Result<Answer> {
        self.run_with(args, "").await
    }

    /// Runs a command line with this standard input.
    pub(crate) async fn run_with(&self, args: &[&str], stdin: &str) -> Result<Answer> {
        let cli = Cli::try_parse_from(std::iter::once(&"ctl").chain(args))?;
        printed(&cli, &self.world, stdin).await
    }

    /// Runs a command line with `--json` and reads what it prints.
    pub(crate) async fn json(&self, args: &[&str]) -> Result<Value> {
        let args: Vec<&str> = args.iter().chain(&["--json"]).copied().collect();
        json_of(&self.run(&args).await?)
    }

    /// Puts settings as an operator does.
    pub(crate) async fn put(&self, document: &Value) -> Result<Answer> {
        self.run_with(&["org", "put", "-"], &document.to_string()).await
    }
}

/// Runs a command; its answer has all that it printed, also what it wrote as it went.
pub(crate) async fn printed(cli: &Cli, worlds: &dyn Worlds, stdin: &str) -> Result<Answer> {
    let mut written = Vec::new();
    let answer = ctl::run(cli, worlds, &mut stdin.as_bytes(), &mut written).await;
    Ok(Answer {
        stdout: String::from_utf8(written)? + &answer.stdout,
        ..answer
    })
}

/// What a command printed, as JSON.
pub(crate) fn json_of(answer: &Answer) -> Result<Value> {
    serde_json::from_str(&answer.stdout).with_context(|| format!("{answer:?}"))
}

/// The keys of an object, sorted.
pub(crate) fn keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, _)| key.as_str())
        .collect();
    keys.sort_unstable();
    keys
}

/// Settings of an org in Berlin with everything that a bug goes through.
pub(crate) fn acme() -> Value {
    json!({ "org": "acme",
        "billing": { "time_zone": "Europe/Berlin" },
        "zendesk": { "base_url": "https://acme.zendesk.com", "signing_secret": "ssm:/z", "email": "bot@acme.test", "api_token": "ssm:/t", "integration_user_id": "8447" },
        "github": { "api_url": "https://api.github.com", "token": "ssm:/g", "webhook_secret": "ssm:/w", "repos": ["acme/shop"] },
        "model": { "provider": "anthropic", "base_url": "https://api.anthropic.com", "api_key": "ssm:/m", "name": "model-1" },
        "slack": { "api_url": "https://slack.com/api", "bot_token": "ssm:/s", "channel": "C0123" } })
}

/// A queue service that takes every message.
fn queue() -> aws_sdk_sqs::Client {
    use aws_sdk_sqs::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
    let sends = |_: &str, _: &[u8]| Some((200, r#"{"MessageId":"m-1"}"#.to_owned()));
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .allow_no_auth()
        .auth_scheme_preference([AuthSchemeId::from("noAuth")])
        .endpoint_url("http://sqs.invalid")
        .http_client(Line::to(sends).client())
        .sleep_impl(InstantSleep)
        .timeout_config(aws_sdk_sqs::config::timeout::TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}
