//! An operator at a whole deployment: the production functions, the sandbox's providers, and this command line.

use anyhow::Result;
use clap::Parser;
use ctl::cli::Cli;
use ctl::report::Answer;
use ratchet_runtime::config::Env;
use serde_json::Value;

use crate::bench::json_of;
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
    deployment.env = Env::from_iter(variables);
    let there = ctl::world::World { deployment };
    Ok(ctl::run(&cli, &there, &mut "".as_bytes()).await)
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
