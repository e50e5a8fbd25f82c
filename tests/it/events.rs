//! `infra/events`: every function has an event to try it with, and each event is what it says.

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use ratchet_domain::message::Envelope;
use ratchet_domain::stage::Stage;
use serde_json::Value;
use sha2::Sha256;

use crate::repository;
use crate::template::cloud::{Cloud, text};

fn event(name: &str) -> Result<Value> {
    Ok(serde_json::from_str(&repository::read(&format!(
        "infra/events/{name}.json"
    ))?)?)
}

#[test]
fn every_function_has_an_event() -> Result<()> {
    for binary in Cloud::read()?.functions()?.into_keys() {
        assert!(event(binary)?.is_object(), "{binary}");
    }
    Ok(())
}

#[test]
fn the_event_of_a_stage_holds_a_message_of_that_stage() -> Result<()> {
    for stage in Stage::ALL {
        let event = event(stage.as_str())?;
        let body = text(&event, "/Records/0/body").context("no body")?;
        let envelope =
            Envelope::parse(stage, body).with_context(|| format!("the event of stage=`{stage}`"))?;
        assert_eq!(envelope.body.ticket().label(), "zendesk:5158");
        assert_eq!(
            envelope.to_json(),
            body,
            "{stage}: the bytes that this build writes"
        );
    }
    Ok(())
}

#[test]
fn the_stale_webhook_is_signed_right_and_is_stale() -> Result<()> {
    let event = event("webhook-stale")?;
    let header = |name: &str| {
        let value = event
            .pointer("/headers")
            .and_then(|headers| headers.get(name))
            .and_then(Value::as_str);
        value.with_context(|| format!("no header name=`{name}`"))
    };
    let stamp = header("x-zendesk-webhook-signature-timestamp")?;
    let mut mac = Hmac::<Sha256>::new_from_slice(b"sandbox-signing-secret")?;
    mac.update(stamp.as_bytes());
    mac.update(text(&event, "/body").context("no body")?.as_bytes());
    mac.verify_slice(&STANDARD.decode(header("x-zendesk-webhook-signature")?)?)?;
    assert!(stamp < "2026-01-16T00:00:00Z");
    Ok(())
}

#[test]
fn the_alarm_through_a_topic_is_the_alarm() -> Result<()> {
    let direct = event("replay")?;
    let wrapped = event("replay-sns")?;
    let inner: Value = serde_json::from_str(text(&wrapped, "/Records/0/Sns/Message").context("no message")?)?;
    assert_eq!(text(&direct, "/alarmArn"), text(&inner, "/AlarmArn"));
    assert_eq!(
        text(&direct, "/alarmData/state/timestamp"),
        text(&inner, "/StateChangeTime")
    );
    Ok(())
}
