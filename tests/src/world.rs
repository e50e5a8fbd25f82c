//! A whole deployment in this process: the production functions, the template's tables and queues, the providers, a
//! clock that only the harness moves, and copies of all that.

mod setup;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use local::aws::{Aws, AwsSnapshot, Choke};
use local::cloud::Cloud;
use local::sandbox::{Sandbox, World as Outside};
use ratchet_domain::stage::Stage;
use ratchet_guard::clock::{Clock, ManualClock, Millis};
use ratchet_providers::transport::Transport;
use ratchet_runtime::batch;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::serve::Function as _;
use tokio::runtime::Runtime;

use crate::engine::{Ids, Mark, Points};
use crate::host::{HeldRequest, Host};
use crate::hub::Hub;
use crate::script::Script;
use crate::variant::Variant;

pub(crate) use setup::{REPOS, START_MS};

/// A schedule's world at one instant, to go back to.
#[derive(Clone)]
pub(crate) struct Node {
    aws: AwsSnapshot,
    outside: Outside,
    now_ms: Millis,
    mark: Mark<Host, HeldRequest>,
}

/// What an invocation came to.
pub(crate) enum Told {
    /// A queue's batch was answered.
    Batch(SqsBatchResponse),
    /// All of the batch comes back.
    Failed,
    /// A webhook was answered.
    Http(ApiGatewayV2httpResponse),
}

/// An invocation of a function of the pipeline.
pub(crate) type Invocation = crate::engine::Invocation<Told>;

/// See the module.
pub(crate) struct World {
    pub(crate) hub: Arc<Hub>,
    pub(crate) script: Script,
    pub(crate) cloud: Cloud,
    pub(crate) runtime: Runtime,
    deployments: BTreeMap<String, Deployment>,
    /// The operator's sweep, on a way of its own that meets no fault.
    pub(crate) replay: replay::Replay,
    /// The comparison with the providers, on a way of its own that meets no fault.
    pub(crate) reconcile: reconcile::Reconcile,
    pub(crate) start: Node,
    /// What is known of likenesses.
    pub(crate) known: crate::likeness::Known,
    /// Queue names by stage, and their dead letters.
    pub(crate) queues: BTreeMap<Stage, String>,
}

impl World {
    /// A deployment with one org, two repositories and what `script` starts with, with nothing done yet.
    ///
    /// # Errors
    /// When the template or the settings are not usable.
    pub(crate) fn new(script: Script, variant: Variant) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let clock = Arc::new(ManualClock::at(START_MS));
        let shown: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let aws = Aws::memory(Arc::clone(&shown))?;
        let cloud = runtime.block_on(Cloud::deploy(aws.clone(), setup::secrets()))?;
        setup::settings(&aws)?;
        let sandbox = Sandbox::new(Arc::clone(&shown), 1).with_answers(setup::answers()?);
        setup::people(&sandbox, &script);
        let points = Arc::new(Points::new(clock));
        let hub = Arc::new(Hub {
            points: Arc::clone(&points),
            aws,
            sandbox,
            variant,
            times: setup::times(&cloud)?,
        });
        let choke: Arc<dyn Choke> = Arc::<Hub>::clone(&hub);
        let link = hub.aws.choked(choke);
        let transport: Arc<dyn Transport> = Arc::<Hub>::clone(&hub);
        let mut deployments = BTreeMap::new();
        let mut queues = BTreeMap::new();
        let (dynamo, sqs) = (link.dynamo(), link.sqs());
        let names = Stage::ALL.into_iter().map(Stage::as_str).chain(["webhook"]);
        for name in names {
            deployments.insert(
                name.to_owned(),
                Deployment {
                    env: setup::environment(&cloud, name, variant)?,
                    clock: Arc::clone(&shown),
                    ids: Arc::new(Ids(Arc::clone(&points))),
                    dynamo: dynamo.clone(),
                    sqs: sqs.clone(),
                    transport: Arc::clone(&transport),
                    secrets: Arc::new(ratchet_runtime::secrets::EnvSecrets),
                },
            );
        }
        for stage in Stage::ALL {
            let function = cloud
                .template
                .functions
                .get(stage.as_str())
                .context("template has no such stage")?;
            queues.insert(stage, function.queue().context("stage has no queue")?);
        }
        let start = Node {
            aws: hub.aws.snapshot()?,
            outside: hub.sandbox.snapshot(),
            now_ms: START_MS,
            mark: points.save(),
        };
        let plain = hub.aws.link();
        let ids = Arc::new(Ids(points));
        let swept = cloud.deployment("replay", &plain, transport, Arc::clone(&shown), ids.clone())?;
        let calm = Arc::new(hub.sandbox.clone());
        let compared = cloud.deployment("reconcile", &plain, calm, shown, ids)?;
        Ok(Self {
            replay: replay::Replay::new(&swept)?,
            reconcile: reconcile::Reconcile::new(&compared)?,
            hub,
            script,
            cloud,
            runtime,
            deployments,
            start,
            known: crate::likeness::Known::default(),
            queues,
        })
    }

    /// Everything as it is now.
    pub(crate) fn save(&self) -> Result<Node> {
        Ok(Node {
            aws: self.hub.aws.snapshot()?,
            outside: self.hub.sandbox.snapshot(),
            now_ms: self.hub.now_ms(),
            mark: self.hub.points.save(),
        })
    }

    /// Everything as it was then.
    pub(crate) fn load(&self, node: &Node) -> Result<()> {
        self.hub.aws.restore(&node.aws)?;
        self.hub.sandbox.restore(node.outside.clone());
        self.hub.clock.set(node.now_ms);
        self.hub.points.load(&node.mark);
        Ok(())
    }

    /// How long the function runs at most, in ms.
    pub(crate) fn timeout_ms(&self, name: &str) -> Millis {
        self.cloud.timeout_ms(name)
    }

    /// One cold start of a stage and one invocation of it.
    pub(crate) fn invoke(&self, stage: Stage, event: SqsEvent, deadline_ms: Millis) -> Result<Invocation> {
        let deployment = self
            .deployments
            .get(stage.as_str())
            .context("stage is not deployed")?
            .clone();
        macro_rules! run {
            ($stage:ty) => {
                Box::pin(async move {
                    let stage = <$stage>::new(&deployment)?;
                    Ok(match batch::handle(&stage, event, deadline_ms).await {
                        Ok(response) => Told::Batch(response),
                        Err(_) => Told::Failed,
                    })
                }) as Pin<Box<dyn Future<Output = Result<Told>>>>
            };
        }
        let future = match stage {
            Stage::Extract => run!(extract::Extract),
            Stage::Map => run!(map::Map),
            Stage::Qualify => run!(qualify::Qualify),
            Stage::FanOut => run!(fan_out::FanOut),
            Stage::OpenPr => run!(open_pr::OpenPr),
            Stage::PublishRca => run!(publish_rca::PublishRca),
            Stage::Notify => run!(notify::Notify),
        };
        Ok(Invocation {
            name: stage.as_str().to_owned(),
            deadline_ms,
            future,
        })
    }

    /// One cold start of the intake and one request to it.
    pub(crate) fn post(&self, request: ApiGatewayV2httpRequest, deadline_ms: Millis) -> Result<Invocation> {
        let deployment = self
            .deployments
            .get("webhook")
            .context("webhook is not deployed")?
            .clone();
        let future = Box::pin(async move {
            let webhook = webhook::Webhook::new(&deployment)?;
            match webhook.call(request, deadline_ms).await {
                Ok(response) => Ok(Told::Http(response)),
                Err(error) => anyhow::bail!("webhook failed: {error}"),
            }
        });
        Ok(Invocation {
            name: "webhook".to_owned(),
            deadline_ms,
            future,
        })
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("script", &self.script)
            .finish_non_exhaustive()
    }
}
