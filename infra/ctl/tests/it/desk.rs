//! An operator at a whole deployment: the production functions, the sandbox's providers, and this command line.

use std::sync::Arc;

use anyhow::Result;
use clap::Parser;
use ctl::cli::Cli;
use ctl::failure::Failure;
use ctl::report::Answer;
use local::cloud::Functions;
use ratchet_runtime::config::Env;
use ratchet_runtime::serve::Function;
use ratchet_runtime::signed::Invoked;
use serde_json::Value;

use crate::bench::{json_of, printed};
use local::stand::Stand;

/// An hour that has all that a test does, as arguments.
pub(crate) const HOUR: [&str; 4] = [
    "--since",
    "2026-11-20T08:30:00Z",
    "--until",
    "2026-11-20T09:30:00Z",
];

/// What a stack's outputs say.
const VARIABLES: [&str; 11] = [
    "EVENTS_TABLE",
    "LEDGER_TABLE",
    "SETTINGS_TABLE",
    "USAGE_TABLE",
    "EXTRACT_QUEUE_URL",
    "MAP_QUEUE_URL",
    "QUALIFY_QUEUE_URL",
    "FAN_OUT_QUEUE_URL",
    "OPEN_PR_QUEUE_URL",
    "PUBLISH_RCA_QUEUE_URL",
    "NOTIFY_QUEUE_URL",
];

/// The stand's functions, as Lambda would invoke them.
struct OfStand {
    functions: Functions,
    deadline_ms: u64,
}

#[async_trait::async_trait]
impl ctl::world::Functions for OfStand {
    async fn invoke(&self, function: &str, event: &Value) -> Result<Invoked, Failure> {
        if !function.ends_with(":reconcile") {
            return Err(Failure::NotFound(function.to_owned()));
        }
        let answer = self
            .functions
            .reconcile
            .call(event.clone(), self.deadline_ms)
            .await;
        let answer = match answer {
            Ok(plan) => plan,
            Err(error) => return Ok(Invoked::Failed(error.to_string())),
        };
        let answer = serde_json::to_value(answer);
        answer
            .map(Invoked::Answered)
            .map_err(|error| Failure::Row(error.to_string()))
    }
}

/// Runs a command line.
pub(crate) async fn run(world: &Stand, args: &[&str]) -> Result<Answer> {
    let cli = Cli::try_parse_from(std::iter::once(&"ctl").chain(args))?;
    let mut deployment = world.deployment("replay")?;
    let (own, usage) = (deployment.env, world.deployment("qualify")?.env);
    let variables = VARIABLES.map(|name| {
        (
            name,
            own.get(name).or_else(|| usage.get(name)).unwrap_or_default(),
        )
    });
    let function = [("RECONCILE_FUNCTION_ARN", "arn:aws:lambda:r:1:function:reconcile")];
    deployment.env = Env::from_iter(variables.into_iter().chain(function));
    let there = ctl::world::World {
        deployment,
        functions: Arc::new(OfStand {
            functions: world.functions()?,
            deadline_ms: world.clock_ms() + world.cloud.timeout_ms("reconcile"),
        }),
    };
    printed(&cli, &there, "").await
}

/// Runs a command line with `--json`, and reads what it prints.
pub(crate) async fn json(world: &Stand, args: &[&str]) -> Result<Value> {
    let args: Vec<&str> = args.iter().chain(&["--json"]).copied().collect();
    json_of(&run(world, &args).await?)
}

/// Plans a replay of the hour.
pub(crate) async fn plan(world: &Stand, more: &[&str]) -> Result<Value> {
    let args = [&["replay", "plan", "--org", "acme"], &HOUR[..], more].concat();
    json(world, &args).await
}

/// Carries a plan out.
pub(crate) async fn apply(world: &Stand, plan: &Value) -> Result<Answer> {
    let hash = plan["plan"].as_str().unwrap_or_default();
    run(world, &["replay", "apply", hash, "--by", "ada", "--json"]).await
}
