//! The cloud kept running: the intake, the AWS services and the providers' sandbox over HTTP on 127.0.0.1.

mod front;
mod keep;
mod providers;
mod repos;
mod stack;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use futures::stream::{FuturesUnordered, StreamExt as _};
use ratchet_guard::clock::{Clock, RandomAttemptIds, SystemClock};
use ratchet_providers::transport::Transport;
use ratchet_runtime::config::Env;
use ratchet_runtime::http::HttpTransport;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::cloud::{Cloud, Functions};
use crate::process::Process;
use crate::sandbox::Sandbox;
use crate::sandbox::model::answers;
use crate::sandbox::source::read_dir;
use crate::sandbox::webhook::Delivery;
use crate::schedules::{Schedules, Tick};
use crate::settings;
use crate::watch::Watch;
use keep::Kept;
use providers::Providers;

pub use repos::Tree;

/// How often what is kept in memory is written to the data directory, the sandbox's webhooks are sent, and the schedules are
/// looked at.
const TICK: Duration = Duration::from_millis(500);

/// What `up` is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The intake's port; the AWS services listen on the next one, the sandbox on the one after.
    pub port: u16,
    /// Where everything is kept between runs; in memory without it.
    pub data: Option<PathBuf>,
    /// Settings of an org whose providers are real; the sandbox's org `acme` without it.
    pub org: Option<PathBuf>,
    /// Working trees that are the sandbox's repositories.
    pub repos: Vec<Tree>,
}

/// Runs until interrupted.
///
/// # Errors
/// When a port is taken, a file is not readable, or settings do not validate.
pub async fn run(options: &Options) -> Result<()> {
    let up = Up::start(options, Arc::new(SystemClock), Env::of_process()).await?;
    let (intake, services, providers) = listeners(options.port).await?;
    let (intake_at, providers_at) = (intake.local_addr()?, providers.local_addr()?);
    println!("intake     http://{intake_at}/hooks/{}/zendesk", up.org);
    println!("lambda     http://{intake_at} (Invoke of every function)");
    println!("stack      http://{intake_at} (CloudFormation's DescribeStacks, under any name)");
    println!("aws        http://{} (DynamoDB and SQS)", services.local_addr()?);
    println!("providers  http://{providers_at}/zendesk, /github, /slack/api, /anthropic");
    println!("people     http://{providers_at}/people (see `up --help`)");
    println!("stop with ctrl-c");

    let mappings = up.process.mappings(&up.cloud)?;
    let stages = futures::future::join_all(
        mappings
            .iter()
            .map(|mapping| mapping.run(&*up.clock, std::future::pending())),
    );
    tokio::select! {
        served = front::serve(intake, &up) => { served?; }
        served = crate::serve::serve(services, up.cloud.aws.clone(), None) => { served?; }
        served = crate::sandbox::serve::serve(providers, up.sandbox.clone()) => { served?; }
        _ = stages => {}
        delivered = up.delivering() => { delivered?; }
        scheduled = up.scheduling() => { scheduled?; }
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    up.kept.write(&up.sandbox)
}

/// A running deployment.
struct Up {
    kept: Kept,
    sandbox: Sandbox,
    cloud: Cloud,
    process: Arc<Process>,
    clock: Arc<dyn Clock>,
    org: String,
}

impl Up {
    /// Deploys, or finds what was kept; puts the org's settings where it has none.
    async fn start(options: &Options, clock: Arc<dyn Clock>, variables: Env) -> Result<Self> {
        let kept = Kept::open(options.data.as_deref(), &clock)?;
        let sandbox = kept.sandbox(Sandbox::new(clock.clone(), 7).with_answers(answers::sample()?))?;
        let is_real = options.org.is_some();
        let secrets = secrets(&sandbox, variables, is_real);
        let cloud = if kept.is_new() {
            Cloud::deploy(kept.aws().clone(), secrets).await?
        } else {
            Cloud::found(kept.aws().clone(), secrets)?
        };
        let org = put_org(&cloud, &sandbox, options).await?;
        let transport: Arc<dyn Transport> = if is_real {
            Arc::new(Providers::new(sandbox.clone(), Arc::new(HttpTransport::new())))
        } else {
            Arc::new(sandbox.clone())
        };
        let start = {
            let (cloud, clock) = (cloud.clone(), clock.clone());
            move || {
                let link = cloud.aws.link();
                let ids = Arc::new(RandomAttemptIds);
                Functions::new(|name| {
                    cloud.deployment(name, &link, transport.clone(), clock.clone(), ids.clone())
                })
            }
        };
        let process = Process::new(Box::new(start), Arc::new(Watch::default()), clock.clone())?;
        Ok(Self {
            kept,
            sandbox,
            cloud,
            process: Arc::new(process),
            clock,
            org,
        })
    }

    /// Calls a function as Lambda would, with as much time as the template gives it.
    async fn call(&self, binary: &str, event: Value) -> Result<Value> {
        let deadline_ms = self.clock.now_ms().saturating_add(self.cloud.timeout_ms(binary));
        let functions = self.process.functions();
        Box::pin(functions.call(binary, event, deadline_ms)).await
    }

    /// Sends the sandbox's webhooks and writes what is kept, for ever.
    async fn delivering(&self) -> Result<Infallible> {
        let mut tick = tokio::time::interval(TICK);
        loop {
            tick.tick().await;
            self.deliver().await?;
            self.kept.write(&self.sandbox)?;
        }
    }

    /// Sends the sandbox's webhooks, signed now.
    async fn deliver(&self) -> Result<()> {
        let tickets = self.sandbox.edit(|outside, now_ms| {
            let events = outside.zendesk.take_events();
            let sign = |event| outside.zendesk.delivery(event, now_ms, 1);
            events.iter().map(sign).collect::<Vec<_>>()
        });
        for delivery in tickets {
            self.post("zendesk", &delivery).await?;
        }
        for hook in self.sandbox.edit(|outside, _| outside.github.take_hooks()) {
            let delivery = self.sandbox.read(|outside| outside.github.hook_delivery(&hook));
            let code = self.post("github", &delivery).await?;
            // GitHub lists what became of each, and sends none again on its own.
            self.sandbox
                .edit(|outside, _| outside.github.hook_answered(hook.id, code));
        }
        Ok(())
    }

    /// One webhook, handed to the intake without a socket; the status of its answer.
    async fn post(&self, provider: &str, delivery: &Delivery) -> Result<u16> {
        let path = format!("/hooks/{}/{provider}", self.org);
        let answer = front::answer(self, front::request(&path, delivery)?).await;
        let code = answer.status().as_u16();
        if code != 200 {
            tracing::warn!(provider, code, "the intake did not take a webhook of the sandbox");
        }
        Ok(code)
    }

    /// Makes every call that the template's schedules ask for, for ever. One that fails is made good by the next.
    async fn scheduling(&self) -> Result<Infallible> {
        let mut schedules = Schedules::of(&self.cloud.template, self.clock.now_ms());
        let mut tick = tokio::time::interval(TICK);
        let mut running = FuturesUnordered::new();
        loop {
            tokio::select! {
                _ = tick.tick() => {
                    let due = schedules.due(self.clock.now_ms())?;
                    running.extend(due.into_iter().map(|tick| self.scheduled(tick)));
                }
                Some(()) = running.next() => {}
            }
        }
    }

    async fn scheduled(&self, tick: Tick) {
        if let Err(error) = self.call(&tick.binary, tick.input).await {
            tracing::warn!(function = tick.binary, "scheduled call failed: {error:#}");
        }
    }
}

/// What settings may refer to as `env:NAME`. Where the providers are the sandbox's, its own secrets go before this
/// process's variables, which may have the same names; where they are real, they have names of their own.
fn secrets(sandbox: &Sandbox, variables: Env, is_real: bool) -> BTreeMap<String, String> {
    let own = crate::demo::sandbox_secrets(sandbox);
    let mut secrets: BTreeMap<String, String> = variables.into_iter().collect();
    secrets.extend(
        own.iter()
            .map(|(name, value)| (format!("SANDBOX_{name}"), value.clone())),
    );
    if !is_real {
        secrets.extend(own);
    }
    secrets
}

/// Serves the repositories and puts the org's settings, from the file or for the sandbox; its name. Settings that are on
/// record stay as they are, since they are the operator's by then; only a repository that is asked for is named in them.
async fn put_org(cloud: &Cloud, sandbox: &Sandbox, options: &Options) -> Result<String> {
    let fresh: Value = match &options.org {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("settings {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("settings {}", path.display()))?
        }
        None => {
            add_shop(sandbox)?;
            crate::demo::sandbox_settings("acme", &["acme/shop".to_owned()])
        }
    };
    let org = fresh
        .get("org")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let kept = if org.is_empty() {
        None
    } else {
        settings::read(cloud, &org).await?
    };
    let mut document = kept
        .as_ref()
        .map_or_else(|| fresh.clone(), |kept| kept.document.clone());
    repos::serve(&mut document, &options.repos, sandbox, options.org.is_some())?;
    settings::put(cloud, &document, kept.as_ref()).await?;
    if kept.is_some() && options.org.is_some() && fresh != document {
        println!(
            "settings   of {org} are kept from before, the file is not read again; `ctl org put` changes them"
        );
    }
    Ok(org)
}

/// The sample shop and the channel, unless they were kept.
fn add_shop(sandbox: &Sandbox) -> Result<()> {
    let shop =
        read_dir(&crate::demo::working_tree()?.join("infra/local/sample/shop")).context("the sample shop")?;
    sandbox.edit(|outside, now_ms| {
        outside.slack.add_channel(crate::demo::CHANNEL);
        if outside.github.branches("acme/shop").is_empty() {
            outside.github.add_repo(now_ms, "acme/shop", &shop);
        }
    });
    Ok(())
}

async fn listeners(port: u16) -> Result<(TcpListener, TcpListener, TcpListener)> {
    let bind = async |offset: u16| {
        let port = if port == 0 {
            0
        } else {
            port.checked_add(offset).context("port is too high")?
        };
        let at = (Ipv4Addr::LOCALHOST, port);
        TcpListener::bind(at)
            .await
            .with_context(|| format!("port {port} cannot be listened on"))
    };
    Ok((bind(0).await?, bind(1).await?, bind(2).await?))
}
