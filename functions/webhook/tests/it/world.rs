//! One deployment of the function: the embedded store, a queue, two orgs, and a clock that stands still.

use std::sync::{Arc, Mutex, PoisonError};

use aws_lambda_events::encodings::Body;
use aws_sdk_dynamodb::types::{AttributeValue, KeyType};
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_guard::embedded::{EmbeddedDynamo, InstantSleep, REGION};
use ratchet_guard::intake::Events;
use ratchet_guard::schema;
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::config::Env;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::secrets::EnvSecrets;
use ratchet_runtime::serve::Function;
use serde_json::{Value, json};
use webhook::Webhook;

use crate::line::Line;
use crate::post::Post;

/// 2026-01-15T10:00:00Z.
pub(crate) const NOW_MS: u64 = 1_768_471_200_000;

/// How long an invocation may take.
pub(crate) const INVOCATION_MS: u64 = 10_000;

/// The hand-over lease.
pub(crate) const HAND_OVER_MS: u64 = 30_000;

/// Every variable that the function reads.
pub(crate) const VARIABLES: [(&str, &str); 8] = [
    ("EVENTS_TABLE", "events"),
    ("SETTINGS_TABLE", "settings"),
    ("EXTRACT_QUEUE_URL", "http://sqs.invalid/1/extract"),
    ("SETTINGS_CACHE_SECONDS", "60"),
    ("HAND_OVER_MS", "30000"),
    ("EVENT_TTL_SECONDS", "3456000"),
    ("REDELIVERY_HORIZON_SECONDS", "2419200"),
    ("OPEN_PR_QUEUE_URL", "http://sqs.invalid/1/open-pr"),
];

/// Secrets that the orgs' settings refer to.
const SECRETS: [(&str, &str); 4] = [
    ("ACME_ZENDESK", crate::post::ZENDESK_SECRET),
    ("ACME_INTERCOM", crate::post::INTERCOM_SECRET),
    ("ACME_GITHUB", crate::post::GITHUB_SECRET),
    ("GLOBEX_ZENDESK", crate::post::GLOBEX_SECRET),
];

/// What came back for a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) code: i64,
    pub(crate) body: Option<String>,
    pub(crate) retry_after: Option<String>,
    pub(crate) allow: Option<String>,
}

impl Told {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(self.body.as_deref().unwrap_or("null")).unwrap_or(Value::Null)
    }

    pub(crate) fn status(&self) -> String {
        self.json()["status"].as_str().unwrap_or_default().to_owned()
    }
}

pub(crate) struct World {
    pub(crate) webhook: Webhook,
    deployment: Deployment,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) dynamo: Line,
    pub(crate) sqs: Line,
    store: EmbeddedDynamo,
    queue: Arc<Mutex<Vec<String>>>,
}

/// The webhook talks to no provider.
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

impl World {
    pub(crate) async fn new() -> Self {
        crate::log::start();
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let store = EmbeddedDynamo::memory_at(Arc::clone(&clock) as Arc<dyn Clock>).expect("a store");
        let tables = store.client();
        schema::create_events_table(&tables, "events")
            .await
            .expect("events");
        schema::create(&tables, "settings", &[("org", KeyType::Hash)], false)
            .await
            .expect("settings");
        let queue: Arc<Mutex<Vec<String>>> = Arc::default();
        let dynamo = {
            let store = store.clone();
            Line::to(move |target, body| store.answer(target, body))
        };
        let sqs = {
            let queue = Arc::clone(&queue);
            Line::to(move |target, body| enqueue(&queue, target, body))
        };
        let deployment = Deployment {
            env: Env::from_iter(VARIABLES.into_iter().chain(SECRETS)),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            ids: Arc::new(CountedAttemptIds::new("test")),
            dynamo: aws_sdk_dynamodb::Client::from_conf(store.config().http_client(dynamo.client()).build()),
            sqs: sqs_client(&sqs),
            transport: Arc::new(Nobody),
            secrets: Arc::new(EnvSecrets),
        };
        let webhook = Webhook::new(&deployment).expect("a configuration");
        let world = Self {
            webhook,
            deployment,
            clock,
            dynamo,
            sqs,
            store,
            queue,
        };
        world.put_org("acme", &acme()).await;
        world
            .put_org(
                "globex",
                &json!({ "org": "globex", "zendesk": zendesk("GLOBEX_ZENDESK") }),
            )
            .await;
        world
    }

    /// Stores an org's document, valid or not.
    pub(crate) async fn put_org(&self, org: &str, document: &Value) {
        self.store
            .client()
            .put_item()
            .table_name("settings")
            .item("org", AttributeValue::S(org.to_owned()))
            .item("document", AttributeValue::S(document.to_string()))
            .send()
            .await
            .expect("settings are stored");
    }

    /// What the function was made from.
    pub(crate) fn deployment(&self) -> Deployment {
        self.deployment.clone()
    }

    /// Sends a request through the function.
    pub(crate) async fn send(&self, post: &Post) -> Told {
        self.send_event(post.event()).await
    }

    /// Calls the function as API Gateway does.
    pub(crate) async fn send_event(&self, event: Value) -> Told {
        let event = serde_json::from_value(event).expect("an event of API Gateway");
        let deadline_ms = self.clock.now_ms() + INVOCATION_MS;
        let answer = self.webhook.call(event, deadline_ms).await.expect("an answer");
        let header = |name| {
            answer
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let body = match &answer.body {
            Some(Body::Text(text)) => Some(text.clone()),
            None => None,
            other => unreachable!("answers are text: {other:?}"),
        };
        if body.is_some() {
            assert_eq!(header("content-type").as_deref(), Some("application/json"));
        }
        Told {
            code: answer.status_code,
            body,
            retry_after: header("retry-after"),
            allow: header("allow"),
        }
    }

    /// Reads the settings of both orgs into the cache and forgets the calls.
    pub(crate) async fn warm(&self) {
        for post in [
            Post::zendesk("{}"),
            Post::zendesk("{}")
                .org("globex")
                .signed_with(crate::post::GLOBEX_SECRET),
        ] {
            assert_eq!(self.send(&post).await.code, 400);
        }
        self.dynamo.calls();
        self.sqs.calls();
    }

    /// The messages in the queue, oldest first.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rows of the events table: key and message.
    pub(crate) async fn rows(&self) -> Vec<(String, String)> {
        let output = self
            .store
            .client()
            .scan()
            .table_name("events")
            .send()
            .await
            .expect("a scan");
        let text = |value: Option<&AttributeValue>| value.and_then(|value| value.as_s().ok().cloned());
        let mut rows: Vec<(String, String)> = output
            .items()
            .iter()
            .map(|row| {
                (
                    text(row.get("event")).unwrap_or_default(),
                    text(row.get("message")).unwrap_or_default(),
                )
            })
            .collect();
        rows.sort();
        rows
    }

    /// What a stage does once it has the event's work on record.
    pub(crate) async fn consume(&self, key: &str) {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let events = Events::new(
            self.store.client(),
            "events",
            clock,
            Arc::new(CountedAttemptIds::new("stage")),
        );
        events.consume(key).await.expect("a row");
    }
}

fn enqueue(queue: &Mutex<Vec<String>>, target: &str, body: &[u8]) -> (u16, String) {
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let url = VARIABLES[2].1;
    match (target, request["MessageBody"].as_str()) {
        ("AmazonSQS.SendMessage", Some(message)) if request["QueueUrl"] == url => {
            queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(message.to_owned());
            (
                200,
                json!({ "MessageId": "m-1", "MD5OfMessageBody": "-" }).to_string(),
            )
        }
        _ => (
            400,
            json!({ "__type": "com.amazonaws.sqs#QueueDoesNotExist" }).to_string(),
        ),
    }
}

fn sqs_client(line: &Line) -> aws_sdk_sqs::Client {
    use aws_sdk_sqs::config::retry::{RetryConfig, RetryPartition, TokenBucket};
    use aws_sdk_sqs::config::{BehaviorVersion, Region, StalledStreamProtectionConfig};
    let unlimited = RetryPartition::custom("test")
        .token_bucket(TokenBucket::unlimited())
        .build();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .allow_no_auth()
        .auth_scheme_preference([AuthSchemeId::from("noAuth")])
        .endpoint_url("http://sqs.invalid")
        .http_client(line.client())
        .retry_config(RetryConfig::standard())
        .retry_partition(unlimited)
        .sleep_impl(InstantSleep)
        .timeout_config(aws_sdk_sqs::config::timeout::TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    aws_sdk_sqs::Client::from_conf(config)
}

fn zendesk(secret: &str) -> Value {
    json!({ "base_url": "https://acme.zendesk.com", "signing_secret": format!("env:{secret}"), "email": "bot@acme.test",
        "api_token": "env:UNUSED", "integration_user_id": "8447" })
}

/// Settings with every source of webhooks.
pub(crate) fn acme() -> Value {
    json!({ "org": "acme",
        "zendesk": zendesk("ACME_ZENDESK"),
        "intercom": { "base_url": "https://api.intercom.io", "client_secret": "env:ACME_INTERCOM", "access_token": "env:UNUSED", "admin_id": "3156780" },
        "github": { "api_url": "https://api.github.com", "token": "env:UNUSED", "webhook_secret": "env:ACME_GITHUB", "repos": ["acme/shop"] } })
}
