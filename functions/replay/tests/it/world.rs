//! One deployment: an org, a repository, tickets that the model knows.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use local::aws::Aws;
use local::cloud::{Cloud, Functions};
use local::sandbox::Sandbox;
use local::sandbox::model::answers;
use local::sandbox::source::read_dir;
use local::sandbox::zendesk::NewTicket;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_guard::store::ordered;
use ratchet_guard::{Decision, Ledger, Park, Record, Work};
use ratchet_runtime::config::Reader;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::serve::Function;
use replay::Summary;
use serde_json::{Value, json};

use crate::tap::Tap;

/// 2026-11-20T09:00:00Z.
pub(crate) const NOW_MS: u64 = 1_795_165_200_000;
pub(crate) const MINUTE_MS: u64 = 60_000;
const ROUNDS_MAX: usize = 1_000;
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

pub(crate) struct World {
    pub(crate) cloud: Cloud,
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) tap: Arc<Tap>,
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
        let tap = Arc::new(Tap::default());
        let world = Self {
            cloud,
            sandbox,
            clock,
            tap,
            ids,
        };
        world.put_settings("acme", json!({})).await?;
        Ok(world)
    }

    pub(crate) async fn put_settings(&self, org: &str, billing: Value) -> Result<()> {
        let document = settings(org, &billing).to_string();
        let put = self
            .cloud
            .aws
            .link()
            .dynamo()
            .put_item()
            .table_name("SettingsTable");
        put.item("org", AttributeValue::S(org.to_owned()))
            .item("document", AttributeValue::S(document))
            .send()
            .await?;
        Ok(())
    }

    /// The world of a function's process.
    pub(crate) fn deployment(&self, name: &str) -> Result<Deployment> {
        let link = self.cloud.aws.choked(self.tap.clone());
        let transport = Arc::new(self.sandbox.clone());
        self.cloud
            .deployment(name, &link, transport, self.clock.clone(), self.ids.clone())
    }

    pub(crate) fn functions(&self) -> Result<Functions> {
        Functions::new(|name| self.deployment(name))
    }

    /// The ledger of an invocation of a stage that begins now.
    pub(crate) fn ledger(&self) -> Result<Ledger> {
        let deployment = self.deployment("open-pr")?;
        let mut reader = Reader::new(&deployment.env);
        let ledger = deployment.ledger(&mut reader);
        Ok(reader.done(ledger)?.until(self.clock.now_ms() + MINUTE_MS))
    }

    /// Calls `replay` in a fresh process; an error where it crashed.
    pub(crate) async fn replay(&self, event: Value) -> Result<Summary> {
        let functions = self.functions()?;
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms("replay");
        tokio::select! {
            biased;
            () = self.tap.crashed.notified() => bail!("the process crashed"),
            answer = functions.replay.call(event, deadline_ms) => answer.map_err(|error| anyhow!("{error}")),
        }
    }

    /// Calls `replay` with a deadline of the test's choice.
    pub(crate) async fn replay_until(
        &self,
        functions: &Functions,
        event: Value,
        deadline_ms: u64,
    ) -> Result<Summary> {
        let answer = functions.replay.call(event, deadline_ms).await;
        answer.map_err(|error| anyhow!("{error}"))
    }

    pub(crate) fn clock_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The schedule's call of now.
    pub(crate) async fn tick(&self) -> Result<Summary> {
        self.replay(tick_at(self.clock.now_ms())).await
    }

    /// A customer opens the sample's ticket, and the provider tells of it.
    pub(crate) async fn open(&self, org: &str, sample: usize, id: u64) -> Result<()> {
        let tickets: Value = serde_json::from_str(&std::fs::read_to_string(
            Path::new(ROOT).join("infra/local/sample/tickets.json"),
        )?)?;
        let ticket = &tickets[sample];
        let delivery = self.sandbox.edit(|outside, now_ms| {
            let new = NewTicket {
                id: Some(id),
                subject: ticket["subject"].as_str().unwrap_or_default(),
                text: ticket["comments"][0]["text"].as_str().unwrap_or_default(),
                ..NewTicket::default()
            };
            outside.zendesk.add_ticket(now_ms, &new);
            let event = outside.zendesk.events_of(id).next().cloned();
            event.map(|event| outside.zendesk.delivery(&event, now_ms, 1))
        });
        let delivery = delivery.context("the ticket has no event")?;
        let mut request = ApiGatewayV2httpRequest::default();
        request.raw_path = Some(format!("/hooks/{org}/zendesk"));
        request.request_context.http.method = http::Method::POST;
        for (name, value) in &delivery.headers {
            request
                .headers
                .insert(name.parse::<http::HeaderName>()?, value.parse()?);
        }
        request.body = Some(String::from_utf8(delivery.body.to_vec())?);
        let deadline_ms = self.clock.now_ms() + 10_000;
        let answer = self.functions()?.webhook.call(request, deadline_ms).await;
        let answer = answer.map_err(|error| anyhow!("{error}"))?;
        assert_eq!(answer.status_code, 200);
        Ok(())
    }

    /// Runs what is visible in the queues now, until nothing is. A crash leaves its message in flight.
    pub(crate) async fn drain(&self) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let mut worked = false;
            for stage in Stage::ALL {
                worked |= self.turn(stage).await?;
            }
            if !worked {
                return Ok(());
            }
        }
        bail!("the queues do not run empty")
    }

    /// Handles one message of a stage; false where none is visible.
    pub(crate) async fn turn(&self, stage: Stage) -> Result<bool> {
        let queue = queue_of(stage);
        let Some(received) = self.cloud.aws.sqs.receive(&queue, 1).into_iter().next() else {
            return Ok(false);
        };
        let mut record = SqsMessage::default();
        record.message_id = Some(received.message.id.clone());
        record.receipt_handle = Some(received.receipt.clone());
        record.body = Some(received.message.body.clone());
        let mut event = SqsEvent::default();
        event.records.push(record);
        let functions = self.functions()?;
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms(stage.as_str());
        let answer = tokio::select! {
            biased;
            () = self.tap.crashed.notified() => return Ok(true),
            answer = functions.invoke(stage, event, deadline_ms) => answer?,
        };
        if answer.batch_item_failures.is_empty() {
            self.cloud.aws.sqs.delete(&queue, &received.receipt);
        }
        Ok(true)
    }

    /// Everything that is visible or in flight in a stage's queue.
    pub(crate) fn queued(&self, stage: Stage) -> Vec<String> {
        self.cloud.aws.sqs.read(|state| {
            let queue = state.queues.get(&queue_of(stage));
            let messages = queue.into_iter().flat_map(|queue| queue.messages.values());
            messages.map(|message| message.body.clone()).collect()
        })
    }

    /// Loses every message of a stage's queue.
    pub(crate) fn lose(&self, stage: Stage) {
        self.cloud.aws.sqs.edit(|state, _| {
            if let Some(queue) = state.queues.get_mut(&queue_of(stage)) {
                queue.messages.clear();
            }
        });
    }

    /// Everything in the ledger and the events, in order: for "nothing changed".
    pub(crate) async fn rows(&self) -> Result<Vec<String>> {
        let dynamo = self.cloud.aws.link().dynamo();
        let mut rows = Vec::new();
        for table in ["LedgerTable", "EventsTable"] {
            let page = dynamo.scan().table_name(table).send().await?;
            assert!(page.last_evaluated_key().is_none(), "more than a page");
            rows.extend(
                page.items()
                    .iter()
                    .map(|item| format!("{table} {:?}", ordered(item))),
            );
        }
        rows.sort();
        Ok(rows)
    }

    /// The life of a ticket, by step.
    pub(crate) async fn life(&self, org: &str, id: u64) -> Result<BTreeMap<String, Record>> {
        let life = self.ledger()?.life(&format!("ticket#{org}#zendesk#{id}")).await?;
        let steps = life
            .into_iter()
            .map(|record| (record.key.step().to_owned(), record));
        Ok(steps.collect())
    }

    /// Work that is claimed now and never heard of again.
    pub(crate) async fn claimed(&self, work: &Work) -> Result<()> {
        match self.ledger()?.claim(work).await? {
            Decision::Run(claim) => Ok(drop(claim)),
            other => bail!("not claimed: {other:?}"),
        }
    }

    /// Work that is parked now.
    pub(crate) async fn parked(&self, work: &Work, park: Park) -> Result<()> {
        match self.ledger()?.claim(work).await? {
            Decision::Run(claim) => Ok(drop(claim.park(park).await?)),
            other => bail!("not claimed: {other:?}"),
        }
    }

    /// The one bill, pull request and comment of a ticket: how many there are of each.
    pub(crate) async fn effects(&self, org: &str, id: u64) -> Result<[usize; 3]> {
        let bills = self.life(org, id).await?;
        let bills = bills.keys().filter(|step| step.as_str() == "bill").count();
        Ok(self.sandbox.read(|outside| {
            let comments = outside.zendesk.marked_comments(id, "ratchet_effect");
            [
                bills,
                outside.github.pulls("acme/shop").len(),
                comments.values().map(|count| *count as usize).sum(),
            ]
        }))
    }
}

pub(crate) fn tick_at(at_ms: u64) -> Value {
    let at = chrono::DateTime::from_timestamp_millis(i64::try_from(at_ms).unwrap_or(0)).unwrap_or_default();
    json!({ "source": "schedule", "schedule": "sweep", "time": at.to_rfc3339() })
}

pub(crate) fn queue_of(stage: Stage) -> String {
    let words = stage.as_str().split('-').map(|word| {
        let (head, tail) = word.split_at(1);
        format!("{}{tail}", head.to_ascii_uppercase())
    });
    format!("{}Queue", words.collect::<String>())
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
        ];
        let owned = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.clone()));
        owned.collect()
    })
}

fn settings(org: &str, billing: &Value) -> Value {
    json!({
        "org": org,
        "billing": billing,
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
