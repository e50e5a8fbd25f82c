//! One deployment: an org with a repository, and tickets that the model knows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow, bail};
use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use http::{Request, Response};
use local::aws::Aws;
use local::cloud::{Cloud, Functions};
use local::sandbox::Sandbox;
use local::sandbox::model::answers;
use local::sandbox::source::read_dir;
use local::sandbox::zendesk::NewTicket;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_guard::{Ledger, Record};
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::config::Reader;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::serve::Function;
use reconcile::Plan;
use serde_json::{Value, json};

/// 2026-11-20T09:00:00Z.
const NOW_MS: u64 = 1_795_165_200_000;
pub(crate) const MINUTE_MS: u64 = 60_000;
/// A window that has everything that a test does.
pub(crate) const SINCE: &str = "2026-11-20T08:00:00Z";
/// A key that signs for the app; made for tests.
const APP_KEY: &str = include_str!("../../../../shared/providers/src/github/tests/app_key.pem");
const ROUNDS_MAX: usize = 1_000;
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The sandbox, and Intercom's search of conversations, of which the sandbox has none: what it lists, two a page.
struct Providers {
    sandbox: Sandbox,
    conversations: Arc<Mutex<Vec<(u64, u64)>>>,
}

#[async_trait]
impl Transport for Providers {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
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
    pub(crate) cloud: Cloud,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<ManualClock>,
    ids: Arc<CountedAttemptIds>,
}

impl World {
    pub(crate) async fn new() -> Result<Self> {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let sandbox = Sandbox::new(clock.clone(), 7).with_answers(answers::sample()?);
        let cloud = Cloud::deploy(Aws::memory(clock.clone())?, secrets(&sandbox)).await?;
        let shop = read_dir(&Path::new(ROOT).join("infra/local/sample/shop"))?;
        sandbox.edit(|outside, now_ms| {
            outside.slack.add_channel("C0RATCHET");
            outside.github.add_repo(now_ms, "acme/shop", &shop)
        });
        let ids = Arc::new(CountedAttemptIds::new("test"));
        let world = Self {
            conversations: Arc::default(),
            cloud,
            sandbox,
            clock,
            ids,
        };
        world.put(&settings()).await?;
        Ok(world)
    }

    /// Puts the org's settings.
    pub(crate) async fn put(&self, document: &Value) -> Result<()> {
        let put = self
            .cloud
            .aws
            .link()
            .dynamo()
            .put_item()
            .table_name("SettingsTable");
        put.item("org", AttributeValue::S("acme".to_owned()))
            .item("document", AttributeValue::S(document.to_string()))
            .send()
            .await?;
        Ok(())
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
        let transport = Arc::new(Providers {
            sandbox: self.sandbox.clone(),
            conversations: Arc::clone(&self.conversations),
        });
        let link = self.cloud.aws.link();
        self.cloud
            .deployment(name, &link, transport, self.clock.clone(), self.ids.clone())
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
        let event = json!({ "source": "schedule", "schedule": "sweep", "time": self.now() });
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms("replay");
        let answer = self.functions()?.replay.call(event, deadline_ms).await;
        answer.map(drop).map_err(|error| anyhow!("{error}"))
    }

    pub(crate) fn now(&self) -> String {
        let now_ms = i64::try_from(self.clock.now_ms()).unwrap_or(0);
        let now = chrono::DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        now.to_rfc3339()
    }

    /// A customer opens the sample's ticket; nobody tells of it.
    pub(crate) fn open(&self, sample: usize, id: u64) -> Result<()> {
        let tickets = std::fs::read_to_string(Path::new(ROOT).join("infra/local/sample/tickets.json"))?;
        let tickets: Value = serde_json::from_str(&tickets)?;
        let ticket = &tickets[sample];
        self.sandbox.edit(|outside, now_ms| {
            let new = NewTicket {
                id: Some(id),
                subject: ticket["subject"].as_str().unwrap_or_default(),
                text: ticket["comments"][0]["text"].as_str().unwrap_or_default(),
                ..NewTicket::default()
            };
            outside.zendesk.add_ticket(now_ms, &new);
        });
        Ok(())
    }

    /// A ticket that went through the whole pipeline.
    pub(crate) async fn done(&self, id: u64) -> Result<()> {
        self.open(0, id)?;
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
            .and_then(|function| function.queue.clone())
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

    /// Runs what is visible in the queues now, until nothing is.
    pub(crate) async fn drain(&self) -> Result<()> {
        let functions = self.functions()?;
        for _ in 0..ROUNDS_MAX {
            let mut worked = false;
            for stage in Stage::ALL {
                worked |= self.turn(&functions, stage).await?;
            }
            if !worked {
                return Ok(());
            }
        }
        bail!("the queues do not run empty")
    }

    async fn turn(&self, functions: &Functions, stage: Stage) -> Result<bool> {
        let template = &self.cloud.template;
        let function = template.functions.get(stage.as_str());
        let Some(queue) = function.and_then(|function| function.queue.clone()) else {
            bail!("stage `{stage}` has no queue");
        };
        let Some(received) = self.cloud.aws.sqs.receive(&queue, 1).into_iter().next() else {
            return Ok(false);
        };
        let mut record = SqsMessage::default();
        record.message_id = Some(received.message.id.clone());
        record.receipt_handle = Some(received.receipt.clone());
        record.body = Some(received.message.body.clone());
        let mut event = SqsEvent::default();
        event.records.push(record);
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms(stage.as_str());
        let answer = functions.invoke(stage, event, deadline_ms).await?;
        if answer.batch_item_failures.is_empty() {
            self.cloud.aws.sqs.delete(&queue, &received.receipt);
        }
        Ok(true)
    }

    pub(crate) fn ledger(&self) -> Result<Ledger> {
        let deployment = self.deployment("open-pr")?;
        let mut reader = Reader::new(&deployment.env);
        let ledger = deployment.ledger(&mut reader);
        Ok(reader.done(ledger)?.until(self.clock.now_ms() + MINUTE_MS))
    }

    /// How many requests are on record.
    pub(crate) async fn requests(&self) -> Result<usize> {
        Ok(self.ledger()?.life("trigger#reconcile").await?.len())
    }

    /// The life of a ticket, by step.
    pub(crate) async fn life(&self, id: u64) -> Result<BTreeMap<String, Record>> {
        let life = self.ledger()?.life(&format!("ticket#acme#zendesk#{id}")).await?;
        Ok(life
            .into_iter()
            .map(|record| (record.key.step().to_owned(), record))
            .collect())
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

fn secrets(sandbox: &Sandbox) -> BTreeMap<String, String> {
    sandbox.read(|outside| {
        let pairs = [
            ("ZENDESK_SIGNING", &outside.zendesk.access.signing_secret),
            ("ZENDESK_TOKEN", &outside.zendesk.access.api_token),
            ("GITHUB_TOKEN", &outside.github.access.token),
            ("GITHUB_WEBHOOK", &outside.github.access.webhook_secret),
            ("SLACK_TOKEN", &outside.slack.token),
            ("MODEL_KEY", &outside.model.api_key),
            ("GITHUB_KEY", &APP_KEY.to_owned()),
            ("INTERCOM_TOKEN", &"sandbox".to_owned()),
        ];
        let owned = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.clone()));
        owned.collect()
    })
}

pub(crate) fn settings() -> Value {
    json!({
        "org": "acme",
        "zendesk": {
            "base_url": "https://acme.zendesk.com", "signing_secret": "env:ZENDESK_SIGNING",
            "email": "bot@acme.test", "api_token": "env:ZENDESK_TOKEN", "integration_user_id": "8447",
        },
        "github": {
            "api_url": "https://api.github.com", "token": "env:GITHUB_TOKEN",
            "webhook_secret": "env:GITHUB_WEBHOOK", "repos": ["acme/shop"],
        },
        "model": {
            "provider": "anthropic", "base_url": "https://api.anthropic.com",
            "api_key": "env:MODEL_KEY", "name": "claude-sonnet-4-5",
        },
        "slack": { "api_url": "https://slack.com/api", "bot_token": "env:SLACK_TOKEN", "channel": "C0RATCHET" },
        "rca": { "publish": "on_pr", "visibility": "internal" },
    })
}
