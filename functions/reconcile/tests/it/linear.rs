//! Linear, of which the sandbox has none: issues under ids that their makers chose, read by id.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use ratchet_providers::effect::effect_uuid;
use serde_json::{Value, json};

/// Its host.
pub(crate) const HOST: &str = "api.linear.app";

/// The team's issues: their keys, by id.
#[derive(Clone, Default)]
pub(crate) struct LinearTeam(Arc<Mutex<BTreeMap<String, String>>>);

impl LinearTeam {
    /// An issue that was opened for this effect.
    pub(crate) fn opened(&self, key: &str, effect: &str) {
        self.with(|issues| issues.insert(effect_uuid(effect), key.to_owned()));
    }

    /// Somebody deletes every issue.
    pub(crate) fn cleared(&self) {
        self.with(BTreeMap::clear);
    }

    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<String, String>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Answers a read by id; a key that is not the team's is refused.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Response<Bytes> {
        let allowed = request
            .headers()
            .get("authorization")
            .is_some_and(|key| key == "sandbox");
        let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let reads = asked["query"]
            .as_str()
            .is_some_and(|query| query.contains("issue(id: $id)"));
        let id = asked["variables"]["id"].as_str().unwrap_or_default().to_owned();
        let found = self.with(|issues| issues.get(&id).cloned());
        let error = |code, message| json!({ "errors": [{ "message": message, "extensions": { "code": code } }], "data": null });
        let body = match found {
            _ if !allowed => error("AUTHENTICATION_ERROR", "Authentication required"),
            _ if !reads => error("GRAPHQL_VALIDATION_FAILED", "Only issues are read here"),
            Some(key) => {
                let url = format!("https://linear.app/acme/issue/{key}");
                json!({ "data": { "issue": { "id": id, "identifier": key, "url": url } } })
            }
            None => error("INPUT_ERROR", "Entity not found: Issue"),
        };
        Response::new(Bytes::from(body.to_string()))
    }
}
