//! A deployment to test a function on: the template's tables and queues in memory, the production functions, the sandbox,
//! one org with one repository, tickets that the model knows, and a clock that only the test moves.

mod tap;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail, ensure};
use aws_lambda_events::event::apigw::ApiGatewayV2httpRequest;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, CountedAttemptIds, ManualClock};
use ratchet_guard::store::ordered;
use ratchet_guard::{Decision, Ledger, Park, Record, Work};
use ratchet_providers::transport::Transport;
use ratchet_runtime::config::Reader;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::serve::Function;
use replay::Summary;
use serde_json::{Value, json};

use crate::aws::Aws;
use crate::cloud::{Cloud, Functions};
use crate::demo::{sandbox_secrets, sandbox_settings, tickets, working_tree};
use crate::sandbox::Sandbox;
use crate::sandbox::model::answers;
use crate::sandbox::source::read_dir;
use crate::sandbox::zendesk::NewTicket;

pub use tap::Tap;

/// When every stand begins: 2026-11-20T09:00:00Z, in ms.
pub const NOW_MS: u64 = 1_795_165_200_000;
/// A minute, in ms.
pub const MINUTE_MS: u64 = 60_000;
const ROUNDS_MAX: usize = 1_000;

/// The deployment, and everything outside it.
pub struct Stand {
    /// The deployed template.
    pub cloud: Cloud,
    /// The providers.
    pub sandbox: Sandbox,
    /// Time, which stands still.
    pub clock: Arc<ManualClock>,
    /// What sees every call to AWS.
    pub tap: Arc<Tap>,
    ids: Arc<CountedAttemptIds>,
}

impl fmt::Debug for Stand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stand")
    }
}

impl Stand {
    /// Deploys, puts the org `acme`, fills its repository.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn new() -> Result<Self> {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let sandbox = Sandbox::new(clock.clone(), 7).with_answers(answers::sample()?);
        let cloud = Cloud::deploy(Aws::memory(clock.clone())?, sandbox_secrets(&sandbox)).await?;
        let shop = read_dir(&working_tree()?.join("infra/local/sample/shop"))?;
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

    /// Puts an org's settings over the sandbox, with this `billing`.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn put_settings(&self, org: &str, billing: Value) -> Result<()> {
        let mut document = sandbox_settings(org, &["acme/shop".to_owned()]);
        if let Some(fields) = document.as_object_mut() {
            fields.insert("billing".to_owned(), billing);
        }
        self.put(org, &document).await
    }

    /// Puts an org's settings as they are.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put(&self, org: &str, document: &Value) -> Result<()> {
        let put = self
            .cloud
            .aws
            .link()
            .dynamo()
            .put_item()
            .table_name("SettingsTable");
        put.item("org", AttributeValue::S(org.to_owned()))
            .item("document", AttributeValue::S(document.to_string()))
            .send()
            .await?;
        Ok(())
    }

    /// The world of a function's process.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub fn deployment(&self, name: &str) -> Result<Deployment> {
        self.deployment_over(name, Arc::new(self.sandbox.clone()))
    }

    /// The world of a function's process, with other providers than the sandbox's.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub fn deployment_over(&self, name: &str, transport: Arc<dyn Transport>) -> Result<Deployment> {
        let link = self.cloud.aws.choked(self.tap.clone());
        self.cloud
            .deployment(name, &link, transport, self.clock.clone(), self.ids.clone())
    }

    /// All functions, in a fresh process.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub fn functions(&self) -> Result<Functions> {
        Functions::new(|name| self.deployment(name))
    }

    /// The ledger of an invocation of a stage that begins now.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub fn ledger(&self) -> Result<Ledger> {
        let deployment = self.deployment("open-pr")?;
        let mut reader = Reader::new(&deployment.env);
        let ledger = deployment.ledger(&mut reader);
        Ok(reader.done(ledger)?.until(self.clock.now_ms() + MINUTE_MS))
    }

    /// Calls `replay` in a fresh process; an error where it crashed.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn replay(&self, event: Value) -> Result<Summary> {
        let functions = self.functions()?;
        let deadline_ms = self.clock.now_ms() + self.cloud.timeout_ms("replay");
        tokio::select! {
            biased;
            () = self.tap.crashed.notified() => bail!("the process crashed"),
            answer = functions.replay.call(event, deadline_ms) => answer.map_err(|error| anyhow!("{error}")),
        }
    }

    /// Calls `replay` with a deadline of the test's choice.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn replay_until(
        &self,
        functions: &Functions,
        event: Value,
        deadline_ms: u64,
    ) -> Result<Summary> {
        let answer = functions.replay.call(event, deadline_ms).await;
        answer.map_err(|error| anyhow!("{error}"))
    }

    /// Now, in ms.
    pub fn clock_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The schedule's call of now.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn tick(&self) -> Result<Summary> {
        self.replay(tick_at(self.clock.now_ms())).await
    }

    /// A customer opens the sample's ticket, and the provider tells of it.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn open(&self, org: &str, sample: usize, id: u64) -> Result<()> {
        self.write(sample, id)?;
        Box::pin(self.tell(org, id)).await
    }

    /// A customer opens the sample's ticket; nobody tells of it.
    ///
    /// # Errors
    /// When the sample has no such ticket.
    pub fn write(&self, sample: usize, id: u64) -> Result<()> {
        let tickets = tickets()?;
        let ticket = tickets.get(sample).context("the sample has too few tickets")?;
        let text = ticket.comments.first().map(|comment| comment.text.as_str());
        self.sandbox.edit(|outside, now_ms| {
            let new = NewTicket {
                id: Some(id),
                subject: &ticket.subject,
                text: text.unwrap_or_default(),
                ..NewTicket::default()
            };
            outside.zendesk.add_ticket(now_ms, &new);
        });
        Ok(())
    }

    /// The desk tells of the ticket's first event.
    ///
    /// # Errors
    /// When there is none, or the answer is not 200.
    pub async fn tell(&self, org: &str, id: u64) -> Result<()> {
        let delivery = self.sandbox.read(|outside| {
            let now_ms = self.clock.now_ms();
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
        ensure!(answer.status_code == 200, "status {}", answer.status_code);
        Ok(())
    }

    /// Runs what is visible in the queues now, until nothing is. A crash leaves its message in flight.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn drain(&self) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            let mut worked = false;
            for stage in Stage::ALL {
                worked |= Box::pin(self.turn(stage)).await?;
            }
            if !worked {
                return Ok(());
            }
        }
        bail!("the queues do not run empty")
    }

    /// Handles one message of a stage; false where none is visible.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn turn(&self, stage: Stage) -> Result<bool> {
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
    pub fn queued(&self, stage: Stage) -> Vec<String> {
        self.cloud.aws.sqs.read(|state| {
            let queue = state.queues.get(&queue_of(stage));
            let messages = queue.into_iter().flat_map(|queue| queue.messages.values());
            messages.map(|message| message.body.clone()).collect()
        })
    }

    /// Loses every message of a stage's queue.
    pub fn lose(&self, stage: Stage) {
        self.cloud.aws.sqs.edit(|state, _| {
            if let Some(queue) = state.queues.get_mut(&queue_of(stage)) {
                queue.messages.clear();
            }
        });
    }

    /// Everything in the ledger and the events, in order: for "nothing changed".
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn rows(&self) -> Result<Vec<String>> {
        let dynamo = self.cloud.aws.link().dynamo();
        let mut rows = Vec::new();
        for table in ["LedgerTable", "EventsTable"] {
            let page = dynamo.scan().table_name(table).send().await?;
            ensure!(page.last_evaluated_key().is_none(), "more than a page");
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
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn life(&self, org: &str, id: u64) -> Result<BTreeMap<String, Record>> {
        let life = self.ledger()?.life(&format!("ticket#{org}#zendesk#{id}")).await?;
        let steps = life
            .into_iter()
            .map(|record| (record.key.step().to_owned(), record));
        Ok(steps.collect())
    }

    /// Work that is claimed now and never heard of again.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn claimed(&self, work: &Work) -> Result<()> {
        match self.ledger()?.claim(work).await? {
            Decision::Run(claim) => {
                drop(claim);
                Ok(())
            }
            found @ (Decision::Replay(_) | Decision::Parked(_)) => bail!("not claimed: {found:?}"),
        }
    }

    /// Work that is parked now.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn parked(&self, work: &Work, park: Park) -> Result<()> {
        match self.ledger()?.claim(work).await? {
            Decision::Run(claim) => {
                claim.park(park).await?;
                Ok(())
            }
            found @ (Decision::Replay(_) | Decision::Parked(_)) => bail!("not claimed: {found:?}"),
        }
    }

    /// The one bill, pull request and comment of a ticket: how many there are of each.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn effects(&self, org: &str, id: u64) -> Result<[usize; 3]> {
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

/// What the schedule of the sweep sends at that time.
pub fn tick_at(at_ms: u64) -> Value {
    let at = chrono::DateTime::from_timestamp_millis(i64::try_from(at_ms).unwrap_or(0)).unwrap_or_default();
    json!({ "source": "schedule", "schedule": "sweep", "time": at.to_rfc3339() })
}

/// The name of a stage's queue in the template.
pub fn queue_of(stage: Stage) -> String {
    let words = stage.as_str().split('-').map(|word| {
        let (head, tail) = word.split_at(1);
        format!("{}{tail}", head.to_ascii_uppercase())
    });
    format!("{}Queue", words.collect::<String>())
}
