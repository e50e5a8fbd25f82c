//! A deployment to test a function on: the template's tables and queues in memory, the production functions, the sandbox,
//! one org with one repository, tickets that the model knows, and a clock that only the test moves.

mod bills;
mod desk;
mod finished;
mod github;
mod queues;
mod tap;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use anyhow::{Result, anyhow, bail, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
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
use crate::demo::{sandbox_secrets, sandbox_settings, working_tree};
use crate::sandbox::Sandbox;
use crate::sandbox::model::answers::{self, Answer};
use crate::sandbox::source::read_dir;
use crate::settings;

pub use finished::STEPS;
pub use queues::queue_of;
pub use tap::Tap;

/// When every stand begins: 2026-11-20T09:00:00Z, in ms.
pub const NOW_MS: u64 = 1_795_165_200_000;
/// A minute, in ms.
pub const MINUTE_MS: u64 = 60_000;

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
        Self::knowing(answers::sample()?).await
    }

    /// As [`Stand::new`], with a model that has these answers.
    ///
    /// # Errors
    /// When the stand itself fails.
    pub async fn knowing(answers: Vec<Answer>) -> Result<Self> {
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let sandbox = Sandbox::new(clock.clone(), 7).with_answers(answers);
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

    /// A second stand that begins as this one is now, and goes its own way on a clock of its own.
    ///
    /// # Errors
    /// When the store cannot be copied.
    pub fn fork(&self) -> Result<Self> {
        let clock = Arc::new(ManualClock::at(self.clock.now_ms()));
        Ok(Self {
            cloud: self.cloud.on(self.cloud.aws.fork_at(clock.clone())?),
            sandbox: self.sandbox.fork_at(clock.clone()),
            clock,
            tap: Arc::new(Tap::default()),
            ids: Arc::clone(&self.ids),
        })
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
        settings::overwrite(&self.cloud, org, document).await
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
        let functions = Box::new(self.functions()?);
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
        Box::pin(self.replay(tick_at(self.clock.now_ms()))).await
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

    /// A row of the ledger gets a state that no build knows, as by hand.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn damage(&self, subject: &str, step: &str) -> Result<()> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let update = self.cloud.aws.link().dynamo().update_item();
        let update = update.table_name("LedgerTable").key("subject", text(subject));
        let update = update
            .key("step", text(step))
            .update_expression("SET #state = :other");
        let update = update.expression_attribute_names("#state", "state");
        update
            .expression_attribute_values(":other", text("finished?"))
            .send()
            .await?;
        Ok(())
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
}

/// What the schedule of the sweep sends at that time.
pub fn tick_at(at_ms: u64) -> Value {
    let at = chrono::DateTime::from_timestamp_millis(i64::try_from(at_ms).unwrap_or(0)).unwrap_or_default();
    json!({ "source": "schedule", "schedule": "sweep", "time": at.to_rfc3339() })
}
