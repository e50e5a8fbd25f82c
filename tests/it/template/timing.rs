//! The order of durations: client timeout < function timeout < lease <= queue visibility.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;
use ratchet_domain::stage::Stage;

use super::cloud::{Cloud, MODEL, PROVIDER, pascal, whole};

const DAY_SECONDS: u64 = 24 * 60 * 60;

fn timeout_ms(cloud: &Cloud, binary: &str) -> Result<u64> {
    Ok(1_000 * whole(cloud.function(binary)?, "/Properties/Timeout")?)
}

#[test]
fn a_lease_outlives_its_function_and_fits_into_the_visibility() -> Result<()> {
    let cloud = Cloud::read()?;
    for stage in Stage::ALL.map(Stage::as_str) {
        let timeout = timeout_ms(&cloud, stage)?;
        let request_life = cloud.number(stage, "REQUEST_LIFE_MAX_MS")?;
        let margin = cloud.number(stage, "LEASE_MARGIN_MS")?;
        let lease = timeout + request_life + margin;
        let visibility = 1_000
            * whole(
                cloud.properties(&format!("{}Queue", pascal(stage)))?,
                "/VisibilityTimeout",
            )?;
        assert!(
            request_life > 0 && margin > 0,
            "{stage}: a lease needs both margins"
        );
        assert!(timeout < lease, "{stage}: timeout {timeout} lease {lease}");
        assert!(
            lease <= visibility,
            "{stage}: lease {lease} visibility {visibility}"
        );
        assert!(
            visibility >= 6 * timeout,
            "{stage}: visibility {visibility} timeout {timeout}"
        );
    }
    Ok(())
}

#[test]
fn a_client_gives_up_before_its_function_is_stopped() -> Result<()> {
    let cloud = Cloud::read()?;
    for stage in PROVIDER {
        let timeout = timeout_ms(&cloud, stage)?;
        let client = cloud.number(stage, "CLIENT_TIMEOUT_MS")?;
        assert!(client < timeout, "{stage}: client {client} timeout {timeout}");
        if MODEL.contains(&stage) {
            let model = cloud.number(stage, "MODEL_TIMEOUT_MS")?;
            // The question, and one repair attempt inside the step.
            assert!(
                client + 2 * model < timeout,
                "{stage}: model {model} timeout {timeout}"
            );
        }
    }
    let client = cloud.number("reconcile", "CLIENT_TIMEOUT_MS")?;
    assert!(client < timeout_ms(&cloud, "reconcile")?);
    Ok(())
}

#[test]
fn one_answer_of_aws_leaves_time_for_another() -> Result<()> {
    let cloud = Cloud::read()?;
    for binary in cloud.functions()?.into_keys() {
        assert!(
            3 * cloud.number(binary, "AWS_TIMEOUT_MS")? < timeout_ms(&cloud, binary)?,
            "{binary}"
        );
    }
    Ok(())
}

#[test]
fn a_client_waits_no_longer_than_its_requests_may_live() -> Result<()> {
    let cloud = Cloud::read()?;
    for stage in PROVIDER {
        let request_life = cloud.number(stage, "REQUEST_LIFE_MAX_MS")?;
        assert!(
            cloud.number(stage, "CLIENT_TIMEOUT_MS")? <= request_life,
            "{stage}"
        );
    }
    Ok(())
}

#[test]
fn a_hand_over_outlives_the_intake() -> Result<()> {
    let cloud = Cloud::read()?;
    let hand_over = cloud.number("webhook", "HAND_OVER_MS")?;
    assert!(timeout_ms(&cloud, "webhook")? < hand_over);
    Ok(())
}

#[test]
fn an_event_is_remembered_beyond_its_last_redelivery() -> Result<()> {
    let cloud = Cloud::read()?;
    // A queue keeps a message 14 days, its dead letters 14 more, and a redrive starts after that.
    for binary in ["webhook", "reconcile"] {
        assert!(
            cloud.number(binary, "EVENT_TTL_SECONDS")? >= (28 + 7) * DAY_SECONDS,
            "{binary}"
        );
    }
    Ok(())
}

#[test]
fn waiting_is_bounded_by_what_the_queue_can_hide() -> Result<()> {
    const VISIBILITY_MS_MAX: u64 = 12 * 60 * 60 * 1_000; // source: SQS, the longest visibility of a message
    let cloud = Cloud::read()?;
    for stage in Stage::ALL.map(Stage::as_str) {
        let (base, max) = (
            cloud.number(stage, "BACKOFF_BASE_MS")?,
            cloud.number(stage, "BACKOFF_MAX_MS")?,
        );
        assert!(
            0 < base && base <= max && max <= VISIBILITY_MS_MAX,
            "{stage}: base {base} max {max}"
        );
        assert!(cloud.number(stage, "ATTEMPTS_MAX")? >= 2, "{stage}");
    }
    assert!(1_000 * cloud.number("qualify", "CAPPED_RECHECK_SECONDS")? <= VISIBILITY_MS_MAX);
    Ok(())
}

#[test]
fn one_duration_has_one_value_wherever_it_is_used() -> Result<()> {
    let cloud = Cloud::read()?;
    let mut values: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for binary in cloud.functions()?.into_keys() {
        for (name, value) in cloud.environment(binary)? {
            values.entry(name).or_default().insert(value);
        }
    }
    for (name, values) in values {
        assert_eq!(values.len(), 1, "{name} differs between functions: {values:?}");
    }
    Ok(())
}
