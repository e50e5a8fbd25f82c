//! `write_rca`: what happened, why, and what mends it.

use serde_json::{Value, json};

use super::answers::{self, Answer};
use super::draft::text;

pub(crate) fn rca(material: &Value, answers: &[Answer]) -> Value {
    let bug = material.get("bug").unwrap_or(&Value::Null);
    if let Some(known) = answers::for_bug(answers, bug).and_then(|answer| answer.rca.clone()) {
        return known;
    }
    let places: Vec<&str> = material
        .get("locations")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .map(|location| {
            [text(location, "file"), text(location, "path")]
                .into_iter()
                .find(|path| !path.is_empty())
                .unwrap_or("?")
        })
        .collect();
    let places = places.join(", ");
    json!({
        "customer_impact": text(bug, "customer_impact"),
        "root_cause": format!("The report points at {places}; what goes wrong there is not proven."),
        "fix": "See the pull requests.",
        "prevention": format!("A test for: {}.", text(bug, "expected")),
    })
}
