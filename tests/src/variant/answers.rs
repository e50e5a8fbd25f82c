//! The providers' answers, as a broken variant gets them.

use bytes::Bytes;
use http::Request;
use local::sandbox::Exchange;
use serde_json::{Value, json};

use super::Variant;
use crate::hub::Hub;

/// How far the index behind a lagging probe is behind, in ms.
const LAG_MS: u64 = 7_200_000;

pub(super) fn exchange(variant: Variant, hub: &Hub, request: &Request<Bytes>) -> Exchange {
    match variant {
        Variant::OpenPullsOnly => hub.sandbox.exchange(&open_only(request)),
        Variant::NoProbe => edited(hub, request, drop_all),
        Variant::LaggingProbe => edited(hub, request, is_fresh),
        _ => hub.sandbox.exchange(request),
    }
}

fn open_only(request: &Request<Bytes>) -> Request<Bytes> {
    let mut request = request.clone();
    let address = request.uri().to_string().replace("state=all", "state=open");
    if let Ok(uri) = address.parse() {
        *request.uri_mut() = uri;
    }
    request
}

/// A list in which an earlier attempt's effect is looked for.
pub(crate) fn is_list(request: &Request<Bytes>) -> bool {
    let path = request.uri().path();
    let ends = [
        "/pulls",
        "/issues",
        "/audits",
        "/audits.json",
        "/conversations.history",
    ];
    request.method() == http::Method::GET && ends.iter().any(|end| path.ends_with(end))
}

/// Leaves out of a list what `hide` says.
fn edited(hub: &Hub, request: &Request<Bytes>, hide: fn(&Value, u64) -> bool) -> Exchange {
    let exchange = hub.sandbox.exchange(request);
    let Exchange::Answered(response) = exchange else {
        return exchange;
    };
    if !is_list(request) {
        return Exchange::Answered(response);
    }
    let (parts, body) = response.into_parts();
    let mut answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    let now_ms = hub.now_ms();
    let keep = |items: &mut Vec<Value>| items.retain(|item| !hide(item, now_ms));
    match &mut answer {
        Value::Array(items) => keep(items),
        other => {
            for name in ["audits", "messages"] {
                if let Some(items) = other.get_mut(name).and_then(Value::as_array_mut) {
                    keep(items);
                }
            }
        }
    }
    Exchange::Answered(http::Response::from_parts(
        parts,
        Bytes::from(json!(answer).to_string()),
    ))
}

fn drop_all(_: &Value, _: u64) -> bool {
    true
}

fn is_fresh(item: &Value, now_ms: u64) -> bool {
    let created = item.get("created_at").and_then(Value::as_str).and_then(|text| {
        chrono::DateTime::parse_from_rfc3339(text)
            .ok()
            .and_then(|at| u64::try_from(at.timestamp_millis()).ok())
    });
    let posted = item.get("ts").and_then(Value::as_str).and_then(|ts| {
        let (seconds, _) = ts.split_once('.')?;
        seconds.parse::<u64>().ok().map(|seconds| seconds * 1_000)
    });
    created.or(posted).is_some_and(|at| at + LAG_MS > now_ms)
}
