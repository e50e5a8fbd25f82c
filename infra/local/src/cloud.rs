//! A deployment on a laptop: the template's tables and queues in this process, and the production functions on them.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_sdk_dynamodb::types::KeyType;
use aws_sdk_sqs::types::QueueAttributeName;
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{AttemptIds, Clock, Millis};
use ratchet_guard::schema;
use ratchet_providers::transport::Transport;
use ratchet_runtime::batch::{self, BatchError};
use ratchet_runtime::config::{ConfigError, Env};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::secrets::EnvSecrets;
use ratchet_runtime::serve::Function;
use serde_json::Value;

use crate::aws::{Aws, Link};
use crate::sqs::Sqs;
use crate::template::{Template, Variable};

/// The template's resources in an account, and the environment of each function.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// What is deployed.
    pub template: Arc<Template>,
    /// Where it is deployed.
    pub aws: Aws,
    /// Variables that every function gets besides its own: secrets, mostly.
    pub secrets: BTreeMap<String, String>,
}

impl Cloud {
    /// Makes the template's tables and queues in an empty account.
    ///
    /// # Errors
    /// When the template is not readable or a resource cannot be made.
    pub async fn deploy(aws: Aws, secrets: BTreeMap<String, String>) -> Result<Self> {
        let template = Template::of_this_build()?;
        let link = aws.link();
        let dynamo = link.dynamo();
        for (name, table) in &template.tables {
            let kinds = [KeyType::Hash, KeyType::Range];
            let keys: Vec<(&str, KeyType)> = table.keys.iter().map(String::as_str).zip(kinds).collect();
            schema::create(&dynamo, name, &keys, table.has_unfinished)
                .await
                .with_context(|| name.clone())?;
        }
        let sqs = link.sqs();
        for (name, queue) in &template.queues {
            let attributes = queue.attributes.iter();
            sqs.create_queue()
                .queue_name(name)
                .set_attributes(Some(
                    attributes
                        .map(|(name, value)| (QueueAttributeName::from(name.as_str()), value.clone()))
                        .collect(),
                ))
                .send()
                .await
                .with_context(|| name.clone())?;
        }
        for (name, queue) in &template.queues {
            if let Some((target, receives)) = &queue.redrive {
                let policy = serde_json::json!({
                    "deadLetterTargetArn": crate::sqs::arn(target),
                    "maxReceiveCount": receives,
                });
                sqs.set_queue_attributes()
                    .queue_url(Sqs::queue_url(name))
                    .attributes(QueueAttributeName::RedrivePolicy, policy.to_string())
                    .send()
                    .await
                    .with_context(|| name.clone())?;
            }
        }
        Ok(Self {
            template: Arc::new(template),
            aws,
            secrets,
        })
    }

    /// A deployment that an account holds already.
    ///
    /// # Errors
    /// When the template is not readable.
    pub fn found(aws: Aws, secrets: BTreeMap<String, String>) -> Result<Self> {
        Ok(Self {
            template: Arc::new(Template::of_this_build()?),
            aws,
            secrets,
        })
    }

    /// The same deployment on another account that holds its resources, as a fork does.
    #[must_use]
    pub fn on(&self, aws: Aws) -> Self {
        Self { aws, ..self.clone() }
    }

    /// The environment of a function: the template's variables, resolved, and the secrets.
    ///
    /// # Errors
    /// When the template has no such function.
    pub fn environment(&self, binary: &str) -> Result<Env> {
        let own = self
            .template
            .environment(binary, |variable| self.resolved(variable))?;
        Ok(own.into_iter().chain(self.secrets.clone()).collect())
    }

    fn resolved(&self, variable: &Variable) -> String {
        match variable {
            Variable::Literal(text) => text.clone(),
            Variable::Reference(id) if self.template.queues.contains_key(id) => Sqs::queue_url(id),
            // Tables and queues are called by their logical ids here; a parameter has a deployment's default.
            Variable::Reference(id) if id == "LogLevel" => "info".to_owned(),
            Variable::Reference(id) => id.clone(),
            Variable::Arn(id) => crate::sqs::arn(id),
        }
    }

    /// The outputs of the template, as a stack of this name has them.
    #[must_use]
    pub fn outputs(&self, stack: &str) -> BTreeMap<String, String> {
        let value = |variable: &Variable| {
            let mut functions = self.template.functions.iter();
            let found = functions.find(|(_, function)| *variable == Variable::Arn(function.id.clone()));
            found.map_or_else(
                || self.resolved(variable),
                |(binary, _)| format!("arn:aws:lambda:us-east-1:000000000000:function:{stack}-{binary}"),
            )
        };
        let outputs = self.template.outputs.iter();
        outputs
            .map(|(name, variable)| (name.clone(), value(variable)))
            .collect()
    }

    /// The world of one function's process.
    ///
    /// # Errors
    /// When the template has no such function.
    pub fn deployment(
        &self,
        binary: &str,
        link: &Link,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn AttemptIds>,
    ) -> Result<Deployment> {
        Ok(Deployment {
            env: self.environment(binary)?,
            clock,
            ids,
            dynamo: link.dynamo(),
            sqs: link.sqs(),
            transport,
            secrets: Arc::new(EnvSecrets),
        })
    }

    /// The binary of the function that a name means: the binary's own, a deployed function's, or its ARN.
    #[must_use]
    pub fn binary_of(&self, name: &str) -> Option<&str> {
        let name = name.rsplit_once(":function:").map_or(name, |(_, name)| name);
        let name = name.split(':').next().unwrap_or(name);
        let deployed = |binary: &str| {
            let stack = name.strip_suffix(binary);
            stack.is_some_and(|stack| stack.is_empty() || stack.ends_with('-'))
        };
        let mut binaries = self.template.functions.keys();
        binaries.find(|binary| deployed(binary)).map(String::as_str)
    }

    /// How long a function of this name runs at most, in ms.
    #[must_use]
    pub fn timeout_ms(&self, binary: &str) -> Millis {
        self.template
            .functions
            .get(binary)
            .map_or(0, |function| function.timeout_seconds.saturating_mul(1000))
    }
}

/// The production functions, made once.
#[derive(Debug)]
pub struct Functions {
    /// The intake.
    pub webhook: webhook::Webhook,
    extract: extract::Extract,
    map: map::Map,
    qualify: qualify::Qualify,
    fan_out: fan_out::FanOut,
    open_pr: open_pr::OpenPr,
    publish_rca: publish_rca::PublishRca,
    notify: notify::Notify,
    /// The sweep: called by alarms, schedules and operators.
    pub replay: replay::Replay,
    /// The comparison with the outside world: called by schedules and operators.
    pub reconcile: reconcile::Reconcile,
    /// The sealer of bills: called by its schedule.
    pub seal_bills: seal_bills::SealBills,
}

impl Functions {
    /// All of them; `deployment` gives the world of each by its binary's name.
    ///
    /// # Errors
    /// [`ConfigError`] of the first one whose environment is not complete, or what `deployment` says.
    pub fn new(deployment: impl Fn(&str) -> Result<Deployment>) -> Result<Self> {
        fn made<T>(
            deployment: &impl Fn(&str) -> Result<Deployment>,
            name: &str,
            make: impl FnOnce(&Deployment) -> Result<T, ConfigError>,
        ) -> Result<T> {
            make(&deployment(name)?).with_context(|| format!("function `{name}`"))
        }
        Ok(Self {
            webhook: made(&deployment, "webhook", webhook::Webhook::new)?,
            extract: made(&deployment, "extract", extract::Extract::new)?,
            map: made(&deployment, "map", map::Map::new)?,
            qualify: made(&deployment, "qualify", qualify::Qualify::new)?,
            fan_out: made(&deployment, "fan-out", fan_out::FanOut::new)?,
            open_pr: made(&deployment, "open-pr", open_pr::OpenPr::new)?,
            publish_rca: made(&deployment, "publish-rca", publish_rca::PublishRca::new)?,
            notify: made(&deployment, "notify", notify::Notify::new)?,
            replay: made(&deployment, "replay", replay::Replay::new)?,
            reconcile: made(&deployment, "reconcile", reconcile::Reconcile::new)?,
            seal_bills: made(&deployment, "seal-bills", seal_bills::SealBills::new)?,
        })
    }

    /// One invocation of a queue-driven stage that is stopped at `deadline_ms`.
    ///
    /// # Errors
    /// [`BatchError`]: the whole batch comes back.
    pub async fn invoke(
        &self,
        stage: Stage,
        event: SqsEvent,
        deadline_ms: Millis,
    ) -> Result<SqsBatchResponse, BatchError> {
        match stage {
            Stage::Extract => batch::handle(&self.extract, event, deadline_ms).await,
            Stage::Map => batch::handle(&self.map, event, deadline_ms).await,
            Stage::Qualify => batch::handle(&self.qualify, event, deadline_ms).await,
            Stage::FanOut => batch::handle(&self.fan_out, event, deadline_ms).await,
            Stage::OpenPr => batch::handle(&self.open_pr, event, deadline_ms).await,
            Stage::PublishRca => batch::handle(&self.publish_rca, event, deadline_ms).await,
            Stage::Notify => batch::handle(&self.notify, event, deadline_ms).await,
        }
    }

    /// One invocation of the function with this binary, as Lambda's `Invoke` makes it.
    ///
    /// # Errors
    /// When there is no such function, the event is not one of its, or it failed.
    pub async fn call(&self, binary: &str, event: Value, deadline_ms: Millis) -> Result<Value> {
        if let Some(stage) = Stage::from_name(binary) {
            let batch = serde_json::from_value(event).context("event is no batch of messages")?;
            let answer = Box::pin(self.invoke(stage, batch, deadline_ms)).await?;
            return Ok(serde_json::to_value(answer)?);
        }
        match binary {
            "webhook" => answered(&self.webhook, event, deadline_ms).await,
            "replay" => answered(&self.replay, event, deadline_ms).await,
            "reconcile" => answered(&self.reconcile, event, deadline_ms).await,
            "seal-bills" => answered(&self.seal_bills, event, deadline_ms).await,
            other => bail!("no function is called `{other}`"),
        }
    }
}

async fn answered<F: Function>(function: &F, event: Value, deadline_ms: Millis) -> Result<Value> {
    let event = serde_json::from_value(event).context("event is none of this function's")?;
    let answer = Box::pin(function.call(event, deadline_ms)).await;
    Ok(serde_json::to_value(answer.map_err(anyhow::Error::msg)?)?)
}
