//! What an operator holds back: pauses, limits, and the switch for outside effects.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Problem;
use super::reader::Reader;
use crate::stage::Stage;

/// Most invocations of one org at once that can be asked for. Reason: each is a row that a claim may have to try.
const CONCURRENCY_MAX: u64 = 64;

/// Whether what others see is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Effects {
    /// It is made.
    #[default]
    On,
    /// Everything decides and records; effects wait on record, and are made when they are on again.
    Off,
    /// Everything decides and records; effects are noted as what would have been made, and never are by themselves.
    Shadow,
}

impl Effects {
    /// The word in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Shadow => "shadow",
        }
    }
}

/// What is held back, of one org or of the whole deployment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Controls {
    /// No stage starts anything; messages wait.
    pub paused: bool,
    /// These stages start nothing; their messages wait.
    pub paused_stages: BTreeSet<Stage>,
    /// Whether what others see is made.
    pub effects: Effects,
    /// Most messages that may be started in a minute, over all stages; none is no limit.
    pub starts_per_minute: Option<u64>,
    /// Most messages that may be worked on at once, over all stages; none is no limit.
    pub concurrency: Option<u64>,
    /// The tables were restored to what they were at this time, in ms since the Unix epoch: what was made since is
    /// unknown to them, so every effect is looked for before it is made.
    pub restored_to_ms: Option<u64>,
}

impl Controls {
    /// Reads a document that holds nothing else: the deployment's own.
    ///
    /// # Errors
    /// Every problem, with its path.
    pub fn parse(document: &Value) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let controls = controls(&mut Reader::root(document, &mut problems));
        controls.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// A stage starts nothing.
    #[must_use]
    pub fn pauses(&self, stage: Stage) -> bool {
        self.paused || self.paused_stages.contains(&stage)
    }

    /// Both together: what either holds back is held back. Limits are those of `self`.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            paused: self.paused || other.paused,
            paused_stages: self.paused_stages.union(&other.paused_stages).copied().collect(),
            effects: self.effects.max(other.effects),
            starts_per_minute: self.starts_per_minute,
            concurrency: self.concurrency,
            restored_to_ms: match (self.restored_to_ms, other.restored_to_ms) {
                (Some(one), Some(two)) => Some(one.min(two)),
                (one, two) => one.or(two),
            },
        }
    }
}

pub(super) fn controls(reader: &mut Reader<'_>) -> Option<Controls> {
    reader.only(&[
        "paused",
        "paused_stages",
        "effects",
        "starts_per_minute",
        "concurrency",
        "restored_to_ms",
    ]);
    let paused = reader.flag("paused");
    let paused_stages = stages(reader);
    let effects = match reader.value("effects") {
        None => Some(Effects::On),
        Some(_) => reader.word(
            "effects",
            &[Effects::On, Effects::Off, Effects::Shadow].map(|effects| (effects.as_str(), effects)),
        ),
    };
    let starts_per_minute = reader.count_of("starts_per_minute", 1, u64::from(u32::MAX));
    let concurrency = reader.count_of("concurrency", 1, CONCURRENCY_MAX);
    Some(Controls {
        paused: paused?,
        paused_stages: paused_stages?,
        effects: effects?,
        starts_per_minute,
        concurrency,
        restored_to_ms: reader.count_of("restored_to_ms", 1, u64::MAX),
    })
}

fn stages(reader: &mut Reader<'_>) -> Option<BTreeSet<Stage>> {
    let Some(value) = reader.value("paused_stages") else {
        return Some(BTreeSet::new());
    };
    let names = value.as_array().map(Vec::as_slice);
    let stages = names
        .into_iter()
        .flatten()
        .map(|name| Stage::from_name(name.as_str()?));
    let stages: Option<BTreeSet<Stage>> = names.and_then(|_| stages.collect());
    if stages.is_none() {
        let known = Stage::ALL.map(Stage::as_str).join(", ");
        reader.problem("paused_stages", &format!("must be a list of stages: {known}"));
    }
    stages
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nothing_said_holds_nothing_back() {
        let controls = Controls::parse(&json!({})).unwrap();
        assert_eq!(controls, Controls::default());
        assert!(!controls.pauses(Stage::OpenPr));
    }

    #[test]
    fn what_either_holds_back_is_held_back() {
        let org = Controls::parse(&json!({"paused_stages": ["map"], "concurrency": 3})).unwrap();
        let all = Controls::parse(&json!({"effects": "off", "paused_stages": ["notify"]})).unwrap();
        let both = org.and(&all);
        assert!(both.pauses(Stage::Map) && both.pauses(Stage::Notify) && !both.pauses(Stage::Extract));
        assert_eq!((both.effects, both.concurrency), (Effects::Off, Some(3)));
    }

    #[test]
    fn every_wrong_field_is_named() {
        let document = json!({
            "paused": "yes", "paused_stages": ["map", "webhook"], "effects": "maybe",
            "starts_per_minute": 0, "concurrency": 65, "pause": true,
        });
        let problems = Controls::parse(&document).unwrap_err();
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "pause",
                "paused",
                "paused_stages",
                "effects",
                "starts_per_minute",
                "concurrency"
            ]
        );
    }
}
