//! `write_patch`: edits to one repository.

use serde_json::{Value, json};

use super::answers::{self, Answer};
use super::draft::text;

pub(crate) fn patch(material: &Value, answers: &[Answer]) -> Value {
    let bug = material.get("bug").unwrap_or(&Value::Null);
    let repo = text(material, "repo");
    let files: Vec<&Value> = material
        .get("files")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .collect();
    let known = answers::for_bug(answers, bug);
    let edits: Vec<Value> = known
        .into_iter()
        .flat_map(|answer| &answer.edits)
        .filter(|change| repo.ends_with(&change.repo_suffix))
        // The model copies what it searches for from the file that it was shown.
        .filter(|change| {
            files
                .iter()
                .any(|file| text(file, "path") == change.path && text(file, "text").contains(&change.search))
        })
        .map(|change| json!({"path": change.path, "search": change.search, "replace": change.replace}))
        .collect();
    let summary = match known {
        Some(answer) if !edits.is_empty() => answer
            .summary
            .clone()
            .unwrap_or_else(|| format!("Mends: {}.", text(bug, "title"))),
        Some(_) | None => "No change to these files can be shown to mend the bug.".to_owned(),
    };
    json!({"summary": summary, "edits": edits})
}
