//! The cloud kept running: the intake, the AWS services and the providers' sandbox over HTTP on 127.0.0.1.

mod front;
mod keep;
mod schedule;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::settings::Settings;
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
use crate::watch::Watch;
use keep::Kept;
use schedule::Schedule;

/// How often what is kept in memory is written to the data directory, and the sandbox's webhooks are sent.
const TICK: Duration = Duration::from_millis(500);

/// How often the sweep runs, in minutes. Source: the schedule of `replay` in the template.
const SWEEP_MINUTES: u64 = 5;

/// How often bills are sealed, in minutes. Source: the schedule of `seal-bills` in the template.
const SEAL_MINUTES: u64 = 60;

/// What `up` is asked for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The intake's port; the AWS services listen on the next one, the sandbox on the one after.
    pub port: u16,
    /// Where everything is kept between runs; in memory without it.
    pub data: Option<PathBuf>,
    /// Settings of an org whose providers are real; the sandbox's org `acme` without it.
    pub org: Option<PathBuf>,
    /// A working tree that becomes the sandbox's repository `acme/<folder>`.
    pub repo: Option<PathBuf>,
}

/// Runs until interrupted.
///
/// # Errors
/// When a port is taken, a file is not readable, or settings do not validate.
pub async fn run(options: &Options) -> Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let kept = Kept::open(options.data.as_deref(), &clock)?;
    let sandbox = kept.sandbox(Sandbox::new(clock.clone(), 7).with_answers(answers::sample()?))?;
    let mut secrets = crate::demo::sandbox_secrets(&sandbox);
    secrets.extend(Env::of_process());
    let cloud = if kept.is_new() {
        Cloud::deploy(kept.aws().clone(), secrets).await?
    } else {
        Cloud::found(kept.aws().clone(), secrets)?
    };
    let org = put_org(&cloud, &sandbox, options).await?;

    let transport: Arc<dyn Transport> = match options.org {
        Some(_) => Arc::new(HttpTransport::new()),
        None => Arc::new(sandbox.clone()),
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
    let process = Arc::new(Process::new(
        Box::new(start),
        Arc::new(Watch::default()),
        clock.clone(),
    )?);
    let (intake, services, providers) = listeners(options.port).await?;
    println!("intake     http://{}/hooks/{org}/zendesk", intake.local_addr()?);
    println!(
        "lambda     http://{} (Invoke of replay, reconcile and seal-bills)",
        intake.local_addr()?
    );
    println!("aws        http://{} (DynamoDB and SQS)", services.local_addr()?);
    println!(
        "providers  http://{}/zendesk, /github, /slack/api, /anthropic",
        providers.local_addr()?
    );
    println!("stop with ctrl-c");

    let mappings = process.mappings(&cloud)?;
    let stages = futures::future::join_all(
        mappings
            .iter()
            .map(|mapping| mapping.run(&*clock, std::future::pending())),
    );
    tokio::select! {
        served = front::serve(intake, Arc::clone(&process), cloud.timeout_ms("webhook")) => { served?; }
        served = crate::serve::serve(services, cloud.aws.clone(), None) => { served?; }
        served = crate::sandbox::serve::serve(providers, sandbox.clone()) => { served?; }
        _ = stages => {}
        ticked = ticks(&kept, &sandbox, &process, &org, &cloud) => ticked?,
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    kept.write(&sandbox)
}

/// Writes what is kept, delivers the sandbox's webhooks, and calls the sweep and the sealer as the template schedules them.
async fn ticks(kept: &Kept, sandbox: &Sandbox, process: &Process, org: &str, cloud: &Cloud) -> Result<()> {
    let mut tick = tokio::time::interval(TICK);
    let timeout_ms = cloud.timeout_ms("webhook");
    let started_ms = SystemClock.now_ms();
    let mut sweep = Schedule::of_minutes(SWEEP_MINUTES, started_ms);
    let mut seal = Schedule::of_minutes(SEAL_MINUTES, started_ms);
    loop {
        tick.tick().await;
        let now_ms = SystemClock.now_ms();
        if sweep.is_due(now_ms) {
            front::sweep(process, now_ms, cloud.timeout_ms("replay")).await;
        }
        if seal.is_due(now_ms) {
            front::seal(process, now_ms, cloud.timeout_ms("seal-bills")).await;
        }
        let zendesk = sandbox.edit(|outside, _| {
            let events = outside.zendesk.take_events();
            let sent = events
                .iter()
                .map(|event| outside.zendesk.delivery(event, now_ms, 1));
            sent.collect::<Vec<_>>()
        });
        for delivery in zendesk {
            front::deliver(process, &format!("/hooks/{org}/zendesk"), &delivery, timeout_ms).await?;
        }
        for hook in sandbox.edit(|outside, _| outside.github.take_hooks()) {
            let delivery = sandbox.read(|outside| outside.github.hook_delivery(&hook));
            let path = format!("/hooks/{org}/github");
            let status = front::deliver(process, &path, &delivery, timeout_ms).await?;
            // GitHub lists what became of each, and never sends one again on its own.
            sandbox.edit(|outside, _| outside.github.hook_answered(hook.id, status));
        }
        kept.write(sandbox)?;
    }
}

/// Puts the org's settings, from the file or for the sandbox; its name.
async fn put_org(cloud: &Cloud, sandbox: &Sandbox, options: &Options) -> Result<String> {
    let document: Value = match &options.org {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("settings {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("settings {}", path.display()))?
        }
        None => crate::demo::sandbox_settings("acme", &repositories(sandbox, options)?),
    };
    let settings = match Settings::parse(&document) {
        Ok(settings) => settings,
        Err(problems) => {
            let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("settings do not validate:\n  {}", lines.join("\n  "));
        }
    };
    cloud
        .aws
        .link()
        .dynamo()
        .put_item()
        .table_name("SettingsTable")
        .item("org", AttributeValue::S(settings.org.to_string()))
        .item("document", AttributeValue::S(document.to_string()))
        .item("version", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .context("settings could not be stored")?;
    Ok(settings.org.to_string())
}

/// The sandbox's repositories: the sample shop, and the working tree that was asked for.
fn repositories(sandbox: &Sandbox, options: &Options) -> Result<Vec<String>> {
    let mut names = vec!["acme/shop".to_owned()];
    let shop =
        read_dir(&crate::demo::working_tree()?.join("infra/local/sample/shop")).context("the sample shop")?;
    sandbox.edit(|outside, now_ms| {
        outside.slack.add_channel(crate::demo::CHANNEL);
        if outside.github.branches("acme/shop").is_empty() {
            outside.github.add_repo(now_ms, "acme/shop", &shop);
        }
    });
    if let Some(path) = &options.repo {
        let full = path
            .canonicalize()
            .with_context(|| format!("working tree {}", path.display()))?;
        let folder = full
            .file_name()
            .and_then(|name| name.to_str())
            .context("working tree has no name")?
            .to_owned();
        let files = read_dir(&full).with_context(|| format!("working tree {}", full.display()))?;
        let name = format!("acme/{folder}");
        sandbox.edit(|outside, now_ms| {
            outside.github.remove_repo(&name);
            outside.github.add_repo(now_ms, &name, &files);
        });
        names.push(name);
    }
    Ok(names)
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
