//! The stand, with Intercom beside its providers, and what a test of a comparison asks of it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use http::{Request, Response};
use local::cloud::Functions;
use local::demo::sandbox_settings;
use local::sandbox::Sandbox;
use local::stand::{MINUTE_MS, Stand};
use ratchet_guard::Record;
use ratchet_guard::clock::Clock;
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::serve::Function;
use reconcile::Plan;
use serde_json::{Value, json};

use crate::jira::{self, JiraSite};
use crate::linear::{self, LinearTeam};

/// A window that has everything that a test does.
pub(crate) const SINCE: &str = "2026-11-20T08:00:00Z";
/// A key that signs for the app; made for tests.
const APP_KEY: &str = include_str!("../../../../shared/providers/src/github/tests/app_key.pem");

/// The sandbox, and what the sandbox has none of: Jira, Linear, and Intercom's search of conversations, which lists two a page.
struct Providers {
    sandbox: Sandbox,
    conversations: Arc<Mutex<Vec<(u64, u64)>>>,
    jira: JiraSite,
    linear: LinearTeam,
}

#[async_trait]
impl Transport for Providers {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        if request.uri().host() == Some(jira::HOST) {
            return Ok(self.jira.answer(&request));
        }
        if request.uri().host() == Some(linear::HOST) {
            return Ok(self.linear.answer(&request));
        }
        if request.uri().host() != Some("api.intercom.io") {
            return self.sandbox.send(request).await;
        }
        let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let since_s = asked["query"]["value"].as_u64().unwrap_or(0);
        let after = asked["pagination"]["starting_after"].as_str().unwrap_or("0");
        let start: usize = after.parse().unwrap_or(0);
        let all = self
            .conversations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let later: Vec<&(u64, u64)> = all.iter().filter(|(_, at_s)| *at_s > since_s).collect();
        let page = later.iter().skip(start).take(2);
        let page: Vec<Value> = page
            .map(|(id, at_s)| json!({ "id": id.to_string(), "updated_at": at_s }))
            .collect();
        let next = (start + 2 < later.len()).then(|| json!({ "starting_after": (start + 2).to_string() }));
        let body = json!({ "conversations": page, "pages": { "next": next } }).to_string();
        Ok(Response::new(Bytes::from(body)))
    }
}

pub(crate) struct World {
    /// Intercom's conversations: id, and second of the last change.
    pub(crate) conversations: Arc<Mutex<Vec<(u64, u64)>>>,
    /// Jira's issues.
    pub(crate) jira: JiraSite,
    /// Linear's issues.
    pub(crate) linear: LinearTeam,
    stand: Stand,
}

impl Deref for World {
    type Target = Stand;

    fn deref(&self) -> &Stand {
        &self.stand
    }
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let mut stand = Stand::new().await?;
        let more = [("GITHUB_KEY", APP_KEY), ("INTERCOM_TOKEN", "sandbox")];
        let more = more.map(|(name, value)| (name.to_owned(), value.to_owned()));
        stand.cloud.secrets.extend(more);
        Ok(Self {
            conversations: Arc::default(),
            jira: JiraSite::default(),
            linear: LinearTeam::default(),
            stand,
        })
    }

    /// Puts the org's settings.
    pub(crate) async fn put(&self, document: &Value) -> Result<()> {
        self.stand.put("acme", document).await
    }

    /// A restore of the ledger to an earlier time: the row was never there.
    pub(crate) async fn lose(&self, subject: &str, step: &str) -> Result<()> {
        let delete = self
            .cloud
            .aws
            .link()
            .dynamo()
            .delete_item()
            .table_name("LedgerTable");
        delete
            .key("subject", AttributeValue::S(subject.to_owned()))
            .key("step", AttributeValue::S(step.to_owned()))
            .send()
            .await?;
        Ok(())
    }

    fn deployment(&self, name: &str) -> Result<Deployment> {
        let providers = Providers {
            sandbox: self.sandbox.clone(),
            conversations: Arc::clone(&self.conversations),
            jira: self.jira.clone(),
            linear: self.linear.clone(),
        };
        self.deployment_over(name, Arc::new(providers))
    }

    fn functions(&self) -> Result<Functions> {
        Functions::new(|name| self.deployment(name))
    }

    /// Calls `reconcile`, in a process of its own.
    pub(crate) async fn reconcile(&self, event: Value) -> Result<Plan> {
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms("reconcile");
        let answer = self.functions()?.reconcile.call(event, deadline_ms).await;
        answer.map_err(|error| anyhow!("{error}"))
    }

    /// An operator's comparison of everything up to now.
    pub(crate) async fn plan(&self, id: &str) -> Result<Plan> {
        self.reconcile(
            json!({ "source": "operator", "id": id, "org": "acme", "since": SINCE, "until": self.now() }),
        )
        .await
    }

    /// Carries a plan out.
    pub(crate) async fn apply(&self, id: &str, plan: &Plan) -> Result<Plan> {
        let Plan {
            plan_hash,
            since,
            until,
            ..
        } = plan;
        self.reconcile(json!({
            "source": "operator", "id": id, "org": "acme", "since": since, "until": until, "apply": plan_hash,
        }))
        .await
    }

    pub(crate) async fn sweep(&self) -> Result<()> {
        self.tick().await.map(drop)
    }

    pub(crate) fn now(&self) -> String {
        let now_ms = i64::try_from(self.clock.now_ms()).unwrap_or(0);
        let now = chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        now.to_rfc3339()
    }

    /// A ticket that went through the whole pipeline.
    pub(crate) async fn done(&self, id: u64) -> Result<()> {
        self.write(0, id)?;
        let message = json!({
            "v": 1, "kind": "extract", "ticket": { "org": "acme", "provider": "zendesk", "number": id.to_string() },
        });
        let sqs = self.cloud.aws.link().sqs();
        let url = local::sqs::Sqs::queue_url("ExtractQueue");
        sqs.send_message()
            .queue_url(url)
            .message_body(message.to_string())
            .send()
            .await?;
        self.drain().await?;
        self.clock.advance(20 * MINUTE_MS);
        Ok(())
    }

    /// Sends a stage the message that a step of the ticket holds.
    pub(crate) async fn resend(&self, id: u64, stage: &str) -> Result<()> {
        let life = self.life(id).await?;
        let message = life
            .values()
            .find(|record| record.stage == stage)
            .map(|record| record.message.clone());
        let Some(queue) = self
            .cloud
            .template
            .functions
            .get(stage)
            .and_then(|function| function.queue())
        else {
            bail!("stage `{stage}` has no queue");
        };
        let send = self.cloud.aws.link().sqs().send_message();
        send.queue_url(local::sqs::Sqs::queue_url(&queue))
            .message_body(message.unwrap_or_default())
            .send()
            .await?;
        Ok(())
    }

    /// How many requests are on record.
    pub(crate) async fn requests(&self) -> Result<usize> {
        Ok(self.ledger()?.life("trigger#reconcile").await?.len())
    }

    /// The life of a ticket, by step.
    pub(crate) async fn life(&self, id: u64) -> Result<BTreeMap<String, Record>> {
        self.stand.life("acme", id).await
    }

    /// Sets attributes of one row by hand.
    pub(crate) async fn set(
        &self,
        table: &str,
        key: [(&str, &str); 2],
        update: &str,
        values: Value,
    ) -> Result<()> {
        let mut request = self.cloud.aws.link().dynamo().update_item().table_name(table);
        for (name, value) in key {
            request = request.key(name, AttributeValue::S(value.to_owned()));
        }
        for (name, value) in values.as_object().into_iter().flatten() {
            let value = match value {
                Value::Number(number) => AttributeValue::N(number.to_string()),
                other => AttributeValue::S(other.as_str().unwrap_or_default().to_owned()),
            };
            request = request.expression_attribute_values(name, value);
        }
        if update.contains("#state") {
            request = request.expression_attribute_names("#state", "state");
        }
        request.update_expression(update).send().await?;
        Ok(())
    }
}

pub(crate) fn settings() -> Value {
    sandbox_settings("acme", &["acme/shop".to_owned()])
}
