//! What a step's result says without a customer's or a model's words: scores, places, links and counts.

use ratchet_domain::bill::Flag;
use ratchet_domain::bug::{Extraction, Mapping};
use ratchet_domain::decision::Decision;
use ratchet_domain::patch::{Patch, PullRequest};
use ratchet_domain::step;
use ratchet_guard::{Record, State};
use ratchet_runtime::model::{Answered, Asked};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Facts of a result.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// For programs.
    pub json: Value,
    /// A few words for a table.
    pub line: String,
}

/// The kind of a step: what stands before the first `#` of its key.
#[must_use]
pub fn kind(step: &str) -> &str {
    step.split('#').next().unwrap_or(step)
}

/// The facts of a record's result; none where it has none, or one that does not read as its step's.
#[must_use]
pub fn of(record: &Record) -> Option<Facts> {
    if record.body.is_empty() || record.state == State::Receipt {
        return None;
    }
    match kind(record.key.step()) {
        "extract" => extraction(&answer(record)?),
        "map" => mapping(&answer(record)?),
        "qualify" => decision(&record.result().ok()?),
        step::BILL => {
            let is_waived = record.result::<Flag>().is_ok_and(|flag| !flag.is_charge());
            let line = if is_waived {
                "approved, not billed"
            } else {
                "billed"
            };
            Some(Facts {
                json: record.result().ok()?,
                line: line.to_owned(),
            })
        }
        "patch" => patch(&answer(record)?),
        "pr" => pull(&record.result().ok()?),
        _ => None,
    }
}

/// A model step's answer, where it could be read.
#[must_use]
pub fn answer<T: DeserializeOwned>(record: &Record) -> Option<Answered<T>> {
    match record.result::<Asked<T>>().ok()? {
        Asked::Answered(answered) => Some(answered),
        Asked::Unreadable { .. } | Asked::Unrepaired { .. } => None,
    }
}

fn extraction(answered: &Answered<Extraction>) -> Option<Facts> {
    Some(match &answered.answer {
        Extraction::NotABug { .. } => Facts {
            json: json!({ "outcome": "not_a_bug", "model": answered.model, "prompt": answered.prompt }),
            line: "no bug".to_owned(),
        },
        Extraction::Bug(bug) => Facts {
            json: json!({
                "outcome": "bug",
                "severity": bug.severity,
                "ai_confidence": bug.ai_confidence,
                "model": answered.model,
                "prompt": answered.prompt,
            }),
            line: format!("bug, {}, score {}", bug.severity.as_str(), bug.ai_confidence),
        },
    })
}

fn mapping(answered: &Answered<Mapping>) -> Option<Facts> {
    let mapping = &answered.answer;
    let places: Vec<Value> = mapping
        .locations
        .iter()
        .map(|location| {
            json!({
                "repo": location.repo,
                "file": location.file,
                "start_line": location.start_line,
                "end_line": location.end_line,
                "confidence": location.confidence,
            })
        })
        .collect();
    let mut line = mapping.locations.first().map_or_else(
        || "no location".to_owned(),
        |best| {
            format!(
                "{} {}:{}-{}, score {}",
                best.repo, best.file, best.start_line, best.end_line, best.confidence
            )
        },
    );
    for left_out in &mapping.unusable {
        line.push_str(&format!("; {} not searched: {}", left_out.repo, left_out.reason));
    }
    Some(Facts {
        json: json!({
            "locations": places,
            "unusable": mapping.unusable,
            "model": answered.model,
            "prompt": answered.prompt,
        }),
        line,
    })
}

fn decision(decision: &Decision) -> Option<Facts> {
    Some(Facts {
        json: serde_json::to_value(decision).ok()?,
        line: format!(
            "{}, scores {} and {}",
            decision.gate.as_str(),
            decision.ai_confidence,
            decision.location_confidence
        ),
    })
}

fn patch(answered: &Answered<Patch>) -> Option<Facts> {
    let patch = &answered.answer;
    let mut files: Vec<&str> = patch.edits.iter().map(|edit| edit.path.as_str()).collect();
    files.sort_unstable();
    files.dedup();
    Some(Facts {
        line: format!("{} edits in {}", patch.edits.len(), files.join(", ")),
        json: json!({
            "repo": patch.repo,
            "base_commit": patch.base_commit,
            "edits": patch.edits.len(),
            "files": files,
            "model": answered.model,
            "prompt": answered.prompt,
        }),
    })
}

fn pull(pull: &PullRequest) -> Option<Facts> {
    Some(Facts {
        json: serde_json::to_value(pull).ok()?,
        line: format!("pull request {} in {}", pull.number, pull.repo),
    })
}
