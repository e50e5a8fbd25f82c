//! `rank_locations`: which of the candidates hold the bug.

use serde_json::{Value, json};

use super::answers::{self, Answer};
use super::draft::text;
use super::noise::Source;
use super::words::{overlap, words};

/// Most candidates that are named beside those the model is sure of.
const OTHERS_MAX: usize = 2;

pub(crate) fn rank(material: &Value, answers: &[Answer], noise: &Source) -> Value {
    let bug = material.get("bug").unwrap_or(&Value::Null);
    let candidates: Vec<&Value> = material
        .get("candidates")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let mut chosen: Vec<(&Value, f64, String)> = Vec::new();
    let mut sure: Vec<&Value> = Vec::new();
    for place in answers::for_bug(answers, bug)
        .map(|answer| answer.locations.as_slice())
        .unwrap_or_default()
    {
        let here = |candidate: &&&Value| {
            text(candidate, "repo").ends_with(&place.repo_suffix) && text(candidate, "path") == place.path
        };
        let exact = candidates
            .iter()
            .filter(here)
            .find(|candidate| text(candidate, "symbol") == place.symbol);
        let found = exact.or_else(|| candidates.iter().find(here));
        // A place that was not retrieved cannot be named: the model sees the candidates only.
        if let Some(candidate) = found {
            sure.push(candidate);
            chosen.push((candidate, place.confidence, place.explanation.clone()));
        }
    }
    let wanted = words(&bug.to_string());
    let mut others: Vec<(f64, &Value)> = candidates
        .iter()
        .filter(|candidate| !sure.contains(candidate))
        .map(|candidate| {
            let here = ["path", "symbol", "snippet"]
                .map(|name| text(candidate, name))
                .join(" ");
            (overlap(&wanted, &words(&here)), *candidate)
        })
        .collect();
    others.sort_by(|one, other| other.0.total_cmp(&one.0));
    // Likeness of words alone never convinces the model.
    for (likeness, candidate) in others
        .into_iter()
        .filter(|(likeness, _)| *likeness > 0.0)
        .take(OTHERS_MAX)
    {
        let confidence = (0.1 + likeness * 0.5).min(0.39);
        chosen.push((candidate, confidence, "Shares words with the report.".to_owned()));
    }
    let mut locations: Vec<(f64, Value)> = chosen
        .into_iter()
        .map(|(candidate, meant, explanation)| {
            let label = format!("{}/{}", text(candidate, "path"), text(candidate, "symbol"));
            let score = noise.score(meant, &label);
            (score, location(candidate, &explanation, score))
        })
        .collect();
    locations.sort_by(|one, other| other.0.total_cmp(&one.0));
    json!({"locations": locations.into_iter().map(|(_, location)| location).collect::<Vec<_>>()})
}

fn location(candidate: &Value, explanation: &str, confidence: f64) -> Value {
    json!({
        "candidate": candidate.get("candidate"),
        "path": candidate.get("path"),
        "symbol": text(candidate, "symbol"),
        "start_line": candidate.get("start_line"),
        "end_line": candidate.get("end_line"),
        "explanation": explanation,
        "confidence": confidence,
    })
}
