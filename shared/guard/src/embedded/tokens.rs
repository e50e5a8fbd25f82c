//! Client request tokens: a repeated transaction answers as it did, and writes nothing.
//!
//! The service keeps a token for ten minutes after its transaction has succeeded. A failed one leaves no trace,
//! so that its repeat is tried afresh.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::Value;

use super::dispatch::Answer;
use crate::clock::Millis;

/// How long a token counts. Source: DynamoDB developer guide, transactions, idempotency.
const LIFE_MS: Millis = 10 * 60 * 1000;

const MISMATCH: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#IdempotentParameterMismatchException","message":"An error occurred (IdempotentParameterMismatchException)"}"#;

#[derive(Clone)]
struct Kept {
    /// Of the transaction's items, whatever the order of their attributes.
    digest: u64,
    body: String,
}

/// The tokens of the last ten minutes.
#[derive(Clone, Default)]
pub(super) struct Tokens {
    kept: BTreeMap<String, Kept>,
    /// Token and time, oldest first.
    order: VecDeque<(Millis, String)>,
}

impl Tokens {
    /// Runs a transaction, unless its token tells that it has run.
    pub(super) fn once(&mut self, now_ms: Millis, request: &[u8], run: impl FnOnce() -> Answer) -> Answer {
        let Some((token, digest)) = token_and_digest(request) else {
            return run();
        };
        self.forget_before(now_ms.saturating_sub(LIFE_MS));
        if let Some(kept) = self.kept.get(&token) {
            if kept.digest == digest {
                return (200, kept.body.clone());
            }
            return (400, MISMATCH.to_owned());
        }
        let answer = run();
        if answer.0 == 200 {
            self.order.push_back((now_ms, token.clone()));
            self.kept.insert(
                token,
                Kept {
                    digest,
                    body: answer.1.clone(),
                },
            );
        }
        answer
    }

    fn forget_before(&mut self, horizon_ms: Millis) {
        while self.order.front().is_some_and(|(at, _)| *at < horizon_ms) {
            if let Some((_, token)) = self.order.pop_front() {
                self.kept.remove(&token);
            }
        }
    }
}

fn token_and_digest(request: &[u8]) -> Option<(String, u64)> {
    let request: Value = serde_json::from_slice(request).ok()?;
    let token = request.get("ClientRequestToken")?.as_str()?.to_owned();
    Some((token, digest(request.get("TransactItems")?)))
}

/// Equal for equal values; the order of an object's keys does not count, since the SDK's is random.
fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Object(entries) => entries
            .iter()
            .map(|(key, value)| {
                let mut entry = DefaultHasher::new();
                (key, digest(value)).hash(&mut entry);
                entry.finish()
            })
            .fold(0u64, u64::wrapping_add)
            .hash(&mut hasher),
        Value::Array(values) => {
            for value in values {
                digest(value).hash(&mut hasher);
            }
        }
        Value::String(text) => text.hash(&mut hasher),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.to_string().hash(&mut hasher),
    }
    hasher.finish()
}
