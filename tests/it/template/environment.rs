//! Environment variables: each function starts with what the template gives it, needs all of it, and a duration says
//! its unit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result};
use ratchet_guard::clock::{RandomAttemptIds, SystemClock};
use ratchet_runtime::config::{ConfigError, Env};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::http::HttpTransport;
use ratchet_runtime::secrets::EnvSecrets;

use super::ANNOUNCED;
use super::cloud::{Cloud, pascal};

/// Variables that every function has and can do without.
const OPTIONAL: [&str; 2] = ["AWS_TIMEOUT_MS", "LOG_LEVEL"];

/// A process with this environment. Nothing in it calls anything until a message comes.
fn deployment(env: &BTreeMap<String, String>) -> Deployment {
    let dynamo = aws_sdk_dynamodb::Config::builder()
        .behavior_version_latest()
        .build();
    let sqs = aws_sdk_sqs::Config::builder().behavior_version_latest().build();
    Deployment {
        env: env.clone().into_iter().collect::<Env>(),
        clock: Arc::new(SystemClock),
        ids: Arc::new(RandomAttemptIds),
        dynamo: aws_sdk_dynamodb::Client::from_conf(dynamo),
        sqs: aws_sdk_sqs::Client::from_conf(sqs),
        transport: Arc::new(HttpTransport::new()),
        secrets: Arc::new(EnvSecrets),
    }
}

/// Starts a function with an environment, as its cold start does; nothing when there is no such function.
fn start(binary: &str, env: &BTreeMap<String, String>) -> Option<Result<(), ConfigError>> {
    let deployment = deployment(env);
    Some(match binary {
        "webhook" => webhook::Webhook::new(&deployment).map(drop),
        "extract" => extract::Extract::new(&deployment).map(drop),
        "map" => map::Map::new(&deployment).map(drop),
        "qualify" => qualify::Qualify::new(&deployment).map(drop),
        "fan-out" => fan_out::FanOut::new(&deployment).map(drop),
        "open-pr" => open_pr::OpenPr::new(&deployment).map(drop),
        "publish-rca" => publish_rca::PublishRca::new(&deployment).map(drop),
        "notify" => notify::Notify::new(&deployment).map(drop),
        "replay" => replay::Replay::new(&deployment).map(drop),
        "reconcile" => reconcile::Reconcile::new(&deployment).map(drop),
        "seal-bills" => seal_bills::SealBills::new(&deployment).map(drop),
        _ => return None,
    })
}

fn started_functions(cloud: &Cloud) -> Result<Vec<(String, BTreeMap<String, String>)>> {
    let binaries = cloud
        .functions()?
        .into_keys()
        .filter(|binary| !ANNOUNCED.contains(binary));
    binaries
        .map(|binary| Ok((binary.to_owned(), cloud.environment(binary)?)))
        .collect()
}

#[test]
fn each_function_starts_with_what_the_template_gives_it() -> Result<()> {
    for (binary, env) in started_functions(&Cloud::read()?)? {
        start(&binary, &env).with_context(|| format!("no way to start binary=`{binary}`"))??;
    }
    Ok(())
}

#[test]
fn each_function_needs_all_that_the_template_gives_it() -> Result<()> {
    for (binary, env) in started_functions(&Cloud::read()?)? {
        for name in env.keys() {
            if OPTIONAL.contains(&name.as_str()) {
                continue;
            }
            let mut without = env.clone();
            without.remove(name);
            let error = start(&binary, &without).context("no such function")?.err();
            let error = error.with_context(|| format!("{binary} has no use for {name}"))?;
            assert!(
                error.to_string().contains(name.as_str()),
                "{binary} without {name}: {error}"
            );
        }
    }
    Ok(())
}

#[test]
fn what_is_optional_is_given_everywhere() -> Result<()> {
    let cloud = Cloud::read()?;
    for binary in cloud.functions()?.into_keys() {
        let env = cloud.environment(binary)?;
        assert!(OPTIONAL.iter().all(|name| env.contains_key(*name)), "{binary}");
    }
    Ok(())
}

#[test]
fn a_number_is_a_duration_with_its_unit_or_a_count() -> Result<()> {
    let cloud = Cloud::read()?;
    let mut durations = BTreeSet::new();
    for binary in cloud.functions()?.into_keys() {
        for (name, value) in cloud.environment(binary)? {
            if value.parse::<f64>().is_err() {
                continue;
            }
            assert!(
                value.parse::<u64>().is_ok_and(|number| number > 0),
                "{binary}: {name} is `{value}`"
            );
            if name == "ATTEMPTS_MAX" {
                continue;
            }
            assert!(
                name.ends_with("_MS") || name.ends_with("_SECONDS"),
                "{binary}: {name} says no unit"
            );
            durations.insert(name);
        }
    }
    for name in [
        "REQUEST_LIFE_MAX_MS",
        "LEASE_MARGIN_MS",
        "HAND_OVER_MS",
        "BACKOFF_MAX_MS",
        "CLIENT_TIMEOUT_MS",
    ] {
        assert!(durations.contains(name), "{name} is in no function's environment");
    }
    Ok(())
}

#[test]
fn queue_variables_point_at_the_queue_they_name() -> Result<()> {
    let cloud = Cloud::read()?;
    for binary in cloud.functions()?.into_keys() {
        for (name, target) in cloud.environment(binary)? {
            let queue = name.strip_suffix("_QUEUE_URL").map(|stage| (stage, "Queue"));
            let Some((stage, kind)) =
                queue.or_else(|| name.strip_suffix("_DLQ_ARN").map(|stage| (stage, "Dlq")))
            else {
                continue;
            };
            let stage = stage.to_ascii_lowercase().replace('_', "-");
            assert_eq!(target, format!("{}{kind}", pascal(&stage)), "{binary}: {name}");
        }
    }
    Ok(())
}
