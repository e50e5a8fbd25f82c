//! A service with one kind of effect, which keeps every one that lands: it counts what was repeated.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{Method, Response};
use serde_json::json;

/// Effects by key, in order.
#[derive(Debug, Default)]
pub(super) struct Effects(Mutex<BTreeMap<String, Vec<u64>>>);

impl Effects {
    /// `POST <key>` does it once more; `GET <key>` lists what is there.
    pub(super) fn answer(&self, method: &Method, key: &str) -> Response<Bytes> {
        let mut effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if method == Method::POST {
            let id = effects.values().map(Vec::len).sum::<usize>() as u64 + 1;
            effects.entry(key.to_owned()).or_default().push(id);
        }
        let ids = effects.get(key).cloned().unwrap_or_default();
        Response::new(Bytes::from(json!({ "ids": ids }).to_string()))
    }

    /// How many keys have an effect, and how many effects are there beyond the first of their key.
    pub(super) fn count(&self) -> (u64, u64) {
        let effects = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = effects.values().map(Vec::len).sum();
        (effects.len() as u64, (all - effects.len()) as u64)
    }
}
