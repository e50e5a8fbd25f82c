//! What a plan comes to: its counts and its hash, in memory that does not grow with it.

use std::collections::BTreeMap;

use ratchet_domain::ids::digest_of;
use serde::{Deserialize, Serialize};

use super::run::{Line, Run};
use super::selection::Selection;
use crate::failure::Failure;

/// Characters of a plan's hash that name it. Reason: 96 bits are enough to tell plans apart, and short enough to type.
const HASH_CHARS: usize = 24;

/// Counts of a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts {
    /// Runs with a selected step.
    pub(super) runs: u64,
    /// Steps by verdict.
    pub(super) steps: BTreeMap<String, u64>,
    /// Messages that go into queues.
    pub(super) messages: u64,
    /// Mapped bugs that may be charged at most; nothing of what is billed is among them.
    pub(super) charge_max: u64,
}

/// The sum over runs, in whatever order they come.
#[derive(Debug, Default)]
pub(super) struct Sum {
    pub(super) counts: Counts,
    lanes: [u64; 4],
}

impl Sum {
    pub(super) fn add(&mut self, run: &Run) -> Result<(), Failure> {
        self.counts.runs += 1;
        self.counts.messages += run.messages.len() as u64;
        let mut parts = Vec::with_capacity(run.lines.len());
        for line in &run.lines {
            *self
                .counts
                .steps
                .entry(line.verdict.as_str().to_owned())
                .or_default() += 1;
            self.counts.charge_max += line.charge;
            parts.push(text_of(line)?);
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        // Runs come in the table's order, which nobody promises: a sum of digests is the same in any order.
        let digest = digest_of(&parts);
        for (index, lane) in self.lanes.iter_mut().enumerate() {
            let digits = digest.get(index * 16..index * 16 + 16).unwrap_or_default();
            *lane = lane.wrapping_add(u64::from_str_radix(digits, 16).unwrap_or_default());
        }
        Ok(())
    }

    /// Names this plan: what it is about, when it was made, and every step as it was seen.
    pub(super) fn hash(&self, selection: &Selection, made_at_ms: u64) -> Result<String, Failure> {
        let selection = serde_json::to_string(selection).map_err(|error| Failure::Row(error.to_string()))?;
        let lanes = format!("{:?}", self.lanes);
        let mut hash = digest_of(&["replay", &selection, &made_at_ms.to_string(), &lanes]);
        hash.truncate(HASH_CHARS);
        Ok(hash)
    }
}

/// One step as one line of JSON.
pub(super) fn text_of(line: &Line) -> Result<String, Failure> {
    serde_json::to_string(line).map_err(|error| Failure::Row(error.to_string()))
}
