mod github;
mod github_reads;
mod model;
mod over_http;
mod slack;
mod state;
mod zendesk;

use std::sync::Arc;

use bytes::Bytes;
use ratchet_guard::clock::ManualClock;
use serde_json::Value;

use super::Sandbox;

/// 2026-11-20T10:00:00Z.
const START_MS: u64 = 1_795_168_800_000;

fn sandbox() -> (Sandbox, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START_MS));
    (Sandbox::new(clock.clone(), 7), clock)
}

/// One request, with what every vendor wants to see; status and JSON.
fn ask(sandbox: &Sandbox, method: &str, uri: &str, authorization: &str, body: &Value) -> (u16, Value) {
    let request = http::Request::builder()
        .method(method)
        .uri(uri)
        .header("authorization", authorization)
        .header("user-agent", "test")
        .header("content-type", "application/json")
        .body(if body.is_null() {
            Bytes::new()
        } else {
            Bytes::from(body.to_string())
        })
        .unwrap();
    let response = sandbox.answer(request);
    let status = response.status().as_u16();
    (
        status,
        serde_json::from_slice(response.body()).unwrap_or(Value::Null),
    )
}
