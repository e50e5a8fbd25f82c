//! Which work it is: keys made of stable inputs, equal for every delivery and every attempt.

use std::fmt;

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::error::StageError;

/// Whose life it is: a kind of thing, and the id that its source gave it.
///
/// Its steps are named in the program's text, so no clock, no attempt and no random can get into the name of one:
///
/// ```compile_fail,E0716
/// # use ratchet_guard::{Subject, WorkKey};
/// # fn key(now_ms: u64) -> WorkKey {
/// Subject::new("order", "17").step(&format!("invoice#{now_ms}"))
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(String);

impl Subject {
    /// The thing of that `kind` which its source calls `id`; written `<kind>#<id>`.
    #[must_use]
    pub fn new(kind: &'static str, id: &str) -> Self {
        Self(format!("{kind}#{id}"))
    }

    /// The partition that holds its life.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key of one step of its life.
    #[must_use]
    pub fn step(&self, name: &'static str) -> WorkKey {
        WorkKey::new(&self.0, name)
    }

    /// The key of the step that belongs to one version of the thing, as its source numbers them: `<name>#v<version>`.
    #[must_use]
    pub fn step_of_version(&self, name: &'static str, version: u64) -> WorkKey {
        WorkKey::new(&self.0, format!("{name}#v{version}"))
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names one step of one subject. Two deliveries with equal keys are the same work.
///
/// **Shape**: `subject` is the ledger's partition key, `step` its sort key.
/// Make both from ids and content hashes; never from a clock, a random, an attempt, a message id, or text that a
/// model wrote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkKey {
    subject: String,
    step: String,
}

impl WorkKey {
    /// The key of `step` in the life of `subject`.
    #[must_use]
    pub fn new(subject: impl Into<String>, step: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            step: step.into(),
        }
    }

    /// The partition: whose life it is a step of.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The step.
    #[must_use]
    pub fn step(&self) -> &str {
        &self.step
    }

    /// The key that marks this work's effect at a provider.
    #[must_use]
    pub fn effect(&self) -> EffectKey {
        let mut marker = hash(&["effect", &self.subject, &self.step]);
        marker.truncate(32);
        EffectKey(marker)
    }
}

impl fmt::Display for WorkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.subject, self.step)
    }
}

/// Marks an effect at its provider: 32 hex digits that depend on the work and never on the attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EffectKey(String);

impl EffectKey {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is about to be claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    pub(crate) key: WorkKey,
    pub(crate) content: String,
    pub(crate) intent: String,
    pub(crate) stage: String,
    pub(crate) message: String,
}

impl Work {
    /// Work under `key`, made from inputs whose hash is `content`.
    ///
    /// The same key with another content is refused and reported: see [`crate::StageError::Conflict`].
    #[must_use]
    pub fn new(key: WorkKey, content: impl Into<String>) -> Self {
        Self {
            key,
            content: content.into(),
            intent: String::new(),
            stage: String::new(),
            message: String::new(),
        }
    }

    /// Work under `key` which sends `request`: its JSON is the intent, and the hash of it the content.
    ///
    /// So the same key with another request is refused, and what an attempt sends cannot differ from what was hashed.
    ///
    /// # Errors
    /// [`StageError::Poison`] when the request is no JSON.
    pub fn sending<T: Serialize + ?Sized>(key: WorkKey, request: &T) -> Result<Self, StageError> {
        let intent = serde_json::to_string(request).map_err(|error| StageError::Poison {
            code: "request_unwritable",
            detail: format!("request of a work is no JSON: {error} key=`{key}`"),
        })?;
        Ok(Self::new(key, hash(&[&intent])).intending(intent))
    }

    /// What the effect is going to send, or what pins it. The first claim's intent is kept: a later attempt is
    /// handed that one, so that a retry sends the same bytes.
    #[must_use]
    pub fn intending(mut self, intent: impl Into<String>) -> Self {
        self.intent = intent.into();
        self
    }

    /// The stage that runs it and the message that drives it: what a sweep sends again when nobody else does.
    #[must_use]
    pub fn driven_by(mut self, stage: impl Into<String>, message: impl Into<String>) -> Self {
        self.stage = stage.into();
        self.message = message.into();
        self
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> &WorkKey {
        &self.key
    }

    /// The hash of its inputs.
    #[must_use]
    pub fn content(&self) -> &str {
        &self.content
    }
}

/// SHA-256 over the parts, each preceded by its length as 8 big-endian bytes.
pub(crate) fn digest(parts: &[&str]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

/// The digest of the parts in lower-case hex.
pub(crate) fn hash(parts: &[&str]) -> String {
    hex::encode(digest(parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_that_sends_another_request_has_another_content() {
        let work = |total: u32| Work::sending(Subject::new("order", "1").step("invoice"), &total).unwrap();
        assert_eq!(work(1), work(1));
        assert_ne!(work(1).content, work(2).content);
        assert_eq!(work(12).intent, "12");
        assert_eq!(work(1).key().to_string(), "order#1/invoice");
        let version = Subject::new("customer", "7").step_of_version("address", 3);
        assert_eq!(version.to_string(), "customer#7/address#v3");
    }

    #[test]
    fn effect_keys_of_two_steps_differ_and_of_one_step_agree() {
        let key = WorkKey::new("order#1", "invoice");
        assert_eq!(key.effect(), WorkKey::new("order#1", "invoice").effect());
        assert_ne!(key.effect(), WorkKey::new("order#1", "mail").effect());
        assert_ne!(WorkKey::new("a", "bc").effect(), WorkKey::new("ab", "c").effect());
        assert_eq!(key.effect().as_str().len(), 32);
    }
}
