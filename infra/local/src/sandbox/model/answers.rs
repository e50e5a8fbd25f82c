//! What the model knows: one entry for each bug that it recognises.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that the model recognises, and all it has to say about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Words that all occur in the ticket, whatever their case.
    pub when: Vec<String>,
    /// Input of `extract_bug`, or `{"is_bug": false, "reason": ".."}`.
    pub bug: Value,
    /// Where the bug is.
    #[serde(default)]
    pub locations: Vec<Place>,
    /// What mends it.
    #[serde(default)]
    pub edits: Vec<Change>,
    /// What `write_patch` says of the change; made from the bug where there is none.
    #[serde(default)]
    pub summary: Option<String>,
    /// Input of `write_rca`.
    #[serde(default)]
    pub rca: Option<Value>,
}

/// A place in the code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// What the repository's name ends with.
    pub repo_suffix: String,
    /// Path from the repository's root.
    pub path: String,
    /// Function, method or type.
    #[serde(default)]
    pub symbol: String,
    /// Why this place.
    pub explanation: String,
    /// 0 to 1.
    pub confidence: f64,
}

/// A search and what takes its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What the repository's name ends with.
    pub repo_suffix: String,
    /// Path from the repository's root.
    pub path: String,
    /// Text that is in the file once.
    pub search: String,
    /// What takes its place.
    pub replace: String,
}

/// Reads an answer file: a JSON list.
///
/// # Errors
/// What is wrong and on which line; an unknown field is an error, since it is a typing mistake.
pub fn parse(text: &str) -> Result<Vec<Answer>, serde_json::Error> {
    serde_json::from_str(text)
}

/// The answers to the sample tickets.
///
/// # Errors
/// Where the file that was built in is not an answer file.
pub fn sample() -> Result<Vec<Answer>, serde_json::Error> {
    parse(include_str!("../../../sample/answers.json"))
}

/// The entry that a ticket's text calls for: of those whose words all occur, the one with the most words.
pub(crate) fn for_text<'a>(answers: &'a [Answer], text: &str) -> Option<&'a Answer> {
    let text = text.to_lowercase();
    let fits = |answer: &&Answer| {
        !answer.when.is_empty() && answer.when.iter().all(|word| text.contains(&word.to_lowercase()))
    };
    // `max_by_key` takes the last of equals; the first entry of the file should win.
    answers
        .iter()
        .rev()
        .filter(fits)
        .max_by_key(|answer| answer.when.len())
}

/// The entry that an extracted bug came from: by its title, and else by its words.
pub(crate) fn for_bug<'a>(answers: &'a [Answer], bug: &Value) -> Option<&'a Answer> {
    let title = bug
        .get("title")
        .and_then(Value::as_str)
        .filter(|title| !title.is_empty());
    let titled =
        |answer: &&Answer| title.is_some() && answer.bug.get("title").and_then(Value::as_str) == title;
    answers
        .iter()
        .find(titled)
        .or_else(|| for_text(answers, &bug.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn answer(when: &[&str], title: &str) -> Answer {
        Answer {
            when: when.iter().map(|word| (*word).to_owned()).collect(),
            bug: json!({"title": title}),
            locations: Vec::new(),
            edits: Vec::new(),
            summary: None,
            rca: None,
        }
    }

    #[test]
    fn the_entry_with_the_most_words_wins_and_the_first_of_equals() {
        let answers = [
            answer(&["cart"], "a"),
            answer(&["Cart", "total"], "b"),
            answer(&["cart", "sum"], "c"),
        ];
        assert_eq!(
            for_text(&answers, "The CART total is wrong, the sum too")
                .unwrap()
                .bug["title"],
            "b"
        );
        assert_eq!(for_text(&answers, "cart").unwrap().bug["title"], "a");
        assert!(for_text(&answers, "checkout").is_none());
    }

    #[test]
    fn a_bug_is_known_by_its_title_first() {
        let answers = [answer(&["cart"], "a"), answer(&["zip"], "b")];
        assert_eq!(
            for_bug(&answers, &json!({"title": "b", "quote": "the cart"}))
                .unwrap()
                .bug["title"],
            "b"
        );
        assert_eq!(
            for_bug(&answers, &json!({"title": "other", "quote": "the cart"}))
                .unwrap()
                .bug["title"],
            "a"
        );
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        assert!(parse(r#"[{"when":["a"],"bug":{},"edit":[]}]"#).is_err());
    }
}
