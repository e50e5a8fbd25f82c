//! `extract_bug`: a ticket to a structured bug.

use serde_json::{Value, json};

use super::answers::{self, Answer};
use super::draft::text;
use super::noise::Source;

pub(crate) fn extract(material: &Value, answers: &[Answer], noise: &Source) -> Value {
    let subject = text(material, "subject");
    let comments = comments(material);
    let all = format!("{subject}\n{}", comments.join("\n"));
    let mut bug = match answers::for_text(answers, &all) {
        Some(answer) => answer.bug.clone(),
        None => guess(subject, &comments),
    };
    if let Some(fields) = bug.as_object_mut() {
        fields.entry("is_bug").or_insert(json!(true));
        if let Some(meant) = fields.get("ai_confidence").and_then(Value::as_f64) {
            fields.insert("ai_confidence".to_owned(), json!(noise.score(meant, "ai")));
        }
    }
    bug
}

/// The comments' texts, given as strings or as objects with a `text` or `body`.
fn comments(material: &Value) -> Vec<&str> {
    let comments = material
        .get("comments")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    comments
        .filter_map(|comment| {
            let field = |name: &str| comment.get(name).and_then(Value::as_str);
            comment
                .as_str()
                .or_else(|| field("text"))
                .or_else(|| field("body"))
        })
        .collect()
}

/// Words by which a text sounds like a defect.
const DEFECT: [&str; 16] = [
    "wrong",
    "error",
    "bug",
    "broken",
    "crash",
    "fails",
    "fail",
    "missing",
    "incorrect",
    "cannot",
    "can't",
    "doesn't",
    "does not",
    "instead",
    "500",
    "exception",
];

fn guess(subject: &str, comments: &[&str]) -> Value {
    let body = comments.join("\n");
    let lower = format!("{subject}\n{body}").to_lowercase();
    let hits = DEFECT.iter().filter(|word| lower.contains(**word)).count();
    if hits == 0 {
        return json!({"is_bug": false, "reason": "The ticket describes nothing that goes wrong."});
    }
    let steps: Vec<&str> = body.lines().filter_map(step).collect();
    let sentence = |words: &[&str]| {
        let lines = body.split(['\n', '.']).map(str::trim);
        lines
            .clone()
            .find(|line| words.iter().any(|word| line.to_lowercase().contains(word)))
            .unwrap_or_default()
    };
    let (expected, actual) = (
        sentence(&["expected", "should"]),
        sentence(&["actual", "instead", "but ", "get "]),
    );
    let said = [
        !steps.is_empty(),
        steps.len() > 1,
        !expected.is_empty(),
        !actual.is_empty(),
        hits > 1,
    ];
    let points = u32::try_from(said.into_iter().filter(|point| *point).count()).unwrap_or_default();
    let quote = body
        .split(['\n', '.'])
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or(subject);
    json!({
        "is_bug": true,
        "title": subject,
        "severity": if lower.contains("urgent") || lower.contains("data loss") { "high" } else { "medium" },
        "steps_to_reproduce": steps,
        "expected": expected,
        "actual": actual,
        "affected_feature": subject,
        "customer_impact": "One customer reports it.",
        "quote": quote,
        "ai_confidence": 0.35 + f64::from(points) * 0.1,
    })
}

/// The text of a line like `1. open the cart` or `- open the cart`.
fn step(line: &str) -> Option<&str> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some(rest.trim());
    }
    let (number, rest) = line.split_once(['.', ')'])?;
    let counted = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    counted.then(|| rest.trim()).filter(|rest| !rest.is_empty())
}
