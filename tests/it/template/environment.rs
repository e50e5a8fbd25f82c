//! Environment variables: each function gets what it uses, and a duration says its unit.

use std::collections::BTreeSet;

use anyhow::Result;
use ratchet_domain::stage::Stage;

use super::cloud::{Cloud, MODEL, PROVIDER};

fn names(variables: &[&str]) -> BTreeSet<String> {
    variables.iter().map(|&name| name.to_owned()).collect()
}

fn of_stage(stage: Stage) -> BTreeSet<String> {
    let mut expected = names(&["LEDGER_TABLE", "SETTINGS_TABLE", "ATTEMPTS_MAX"]);
    expected.extend(names(&[
        "REQUEST_LIFE_MAX_MS",
        "LEASE_MARGIN_MS",
        "BACKOFF_BASE_MS",
        "BACKOFF_MAX_MS",
    ]));
    let next = Stage::ALL.into_iter().skip_while(|other| *other != stage).take(2);
    expected.extend(next.map(Stage::queue_url_variable));
    if PROVIDER.contains(&stage.as_str()) {
        expected.extend(names(&["CLIENT_TIMEOUT_MS", "PROVIDER_RETRY_SECONDS"]));
    }
    if MODEL.contains(&stage.as_str()) {
        expected.extend(names(&["USAGE_TABLE", "MODEL_TIMEOUT_MS"]));
    }
    if stage == Stage::Extract {
        expected.extend(names(&["EVENTS_TABLE"]));
    }
    if stage == Stage::Qualify {
        expected.extend(names(&["USAGE_TABLE", "CAPPED_RECHECK_SECONDS"]));
    }
    expected
}

fn of(binary: &str) -> BTreeSet<String> {
    if let Some(stage) = Stage::from_name(binary) {
        return of_stage(stage);
    }
    let mut expected = names(&["EVENTS_TABLE", "SETTINGS_TABLE", "HAND_OVER_MS"]);
    match binary {
        "webhook" => expected.extend(names(&["EXTRACT_QUEUE_URL", "EVENT_TTL_SECONDS"])),
        "replay" => {
            expected.extend(names(&["LEDGER_TABLE"]));
            for stage in Stage::ALL {
                let url = stage.queue_url_variable();
                expected.extend([url.replace("_QUEUE_URL", "_DLQ_ARN"), url]);
            }
        }
        _ => {
            expected.extend(names(&["LEDGER_TABLE", "USAGE_TABLE", "EXTRACT_QUEUE_URL"]));
            expected.extend(names(&["EVENT_TTL_SECONDS", "CLIENT_TIMEOUT_MS"]));
        }
    }
    expected
}

#[test]
fn each_function_gets_the_variables_it_uses_and_no_others() -> Result<()> {
    let cloud = Cloud::read()?;
    for binary in cloud.functions()?.into_keys() {
        let found: BTreeSet<String> = cloud.environment(binary)?.into_keys().collect();
        let mut expected = of(binary);
        expected.extend(names(&["SETTINGS_CACHE_SECONDS", "AWS_TIMEOUT_MS", "LOG_LEVEL"]));
        assert_eq!(found, expected, "{binary}");
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
    let expected = names(&[
        "AWS_TIMEOUT_MS",
        "BACKOFF_BASE_MS",
        "BACKOFF_MAX_MS",
        "CAPPED_RECHECK_SECONDS",
        "CLIENT_TIMEOUT_MS",
        "EVENT_TTL_SECONDS",
        "HAND_OVER_MS",
        "LEASE_MARGIN_MS",
        "MODEL_TIMEOUT_MS",
        "PROVIDER_RETRY_SECONDS",
        "REQUEST_LIFE_MAX_MS",
        "SETTINGS_CACHE_SECONDS",
    ]);
    assert_eq!(durations, expected);
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
            assert_eq!(
                target,
                format!("{}{kind}", super::cloud::pascal(&stage)),
                "{binary}: {name}"
            );
        }
    }
    Ok(())
}
