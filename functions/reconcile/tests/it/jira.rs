//! Jira's site, of which the sandbox has none: issues known by their labels, found and deleted.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response};
use ratchet_providers::jira::label;
use serde_json::{Value, json};

/// Its host.
pub(crate) const HOST: &str = "acme.atlassian.net";

/// The issues of the site: id, and label.
#[derive(Clone, Default)]
pub(crate) struct JiraSite(Arc<Mutex<Vec<(u64, String)>>>);

impl JiraSite {
    /// An issue that carries the effect's marker.
    pub(crate) fn opened(&self, id: u64, effect: &str) {
        let mut issues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        issues.push((id, label(effect)));
    }

    /// The ids that are there, in order.
    pub(crate) fn ids(&self) -> Vec<u64> {
        let issues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<u64> = issues.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// Answers a search for a label, and a deletion.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let mut issues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if request.method() == Method::DELETE {
            let key = request.uri().path().rsplit('-').next().unwrap_or_default();
            let before = issues.len();
            issues.retain(|(id, _)| id.to_string() != key);
            return said(if issues.len() < before { 204 } else { 404 }, &json!({}));
        }
        let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let jql = asked["jql"].as_str().unwrap_or_default().to_owned();
        let found = issues.iter().rev().filter(|(_, label)| jql.contains(label));
        let found: Vec<Value> = found
            .map(|(id, _)| json!({ "id": id.to_string(), "key": format!("ENG-{id}") }))
            .collect();
        said(200, &json!({ "issues": found, "isLast": true }))
    }
}

fn said(status: u16, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response
}
