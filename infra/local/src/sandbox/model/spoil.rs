//! Ways in which a model's answer is bad.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::wire::{Content, Question, Refused};

/// How one answer is bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spoil {
    /// Cut off by `max_tokens`: half of the properties are missing.
    CutOff,
    /// Types and names of another schema.
    NotTheSchema,
    /// Names candidates, files and text that do not exist.
    MissingFiles,
    /// `stop_reason` is `refusal`.
    Refusal,
    /// 529 and nothing else.
    Overloaded,
    /// 429 and nothing else.
    RateLimited,
    /// 401 and nothing else.
    BadKey,
    /// Prose with the JSON in a fence, and no tool use.
    PlainText,
}

impl Spoil {
    /// The error that comes in the place of an answer.
    pub(crate) fn refused(self) -> Option<Refused> {
        match self {
            Self::Overloaded => Some((529, "overloaded_error", "Overloaded".to_owned())),
            Self::RateLimited => Some((429, "rate_limit_error", "Too many tokens".to_owned())),
            Self::BadKey => Some((401, "authentication_error", "invalid x-api-key".to_owned())),
            Self::CutOff | Self::NotTheSchema | Self::MissingFiles | Self::Refusal | Self::PlainText => None,
        }
    }
}

/// What the model says instead of its draft.
pub(crate) fn apply(spoil: Option<Spoil>, draft: Option<Value>, question: &Question) -> Content {
    let Some(input) = draft else {
        return Content::Text {
            text: "I can only answer with the tools I know.".to_owned(),
            stop: "end_turn",
        };
    };
    match spoil {
        None | Some(Spoil::Overloaded | Spoil::RateLimited | Spoil::BadKey) => {
            Content::Tool { input, cut: false }
        }
        Some(Spoil::CutOff) => Content::Tool {
            input: half(input),
            cut: true,
        },
        Some(Spoil::NotTheSchema) => Content::Tool {
            input: other_schema(),
            cut: false,
        },
        Some(Spoil::MissingFiles) => Content::Tool {
            input: astray(input, question),
            cut: false,
        },
        Some(Spoil::Refusal) => Content::Text {
            text: "I can't help with that request.".to_owned(),
            stop: "refusal",
        },
        Some(Spoil::PlainText) => {
            let text = format!("Here is what I found:\n\n```json\n{input:#}\n```\n");
            Content::Text {
                text,
                stop: "end_turn",
            }
        }
    }
}

pub(crate) fn half(input: Value) -> Value {
    let Value::Object(fields) = input else {
        return input;
    };
    let keep = fields.len() / 2;
    Value::Object(fields.into_iter().take(keep).collect::<Map<_, _>>())
}

fn other_schema() -> Value {
    json!({"is_bug": "maybe", "ai_confidence": "high", "locations": "src/", "edits": {"0": "fix it"},
        "root_cause": 7, "summary": []})
}

/// Points at what is not there: a candidate out of range, a file that nobody showed, a quote that nobody
/// wrote.
fn astray(mut input: Value, question: &Question) -> Value {
    let missing = "src/no/such/file.rs";
    let Some(fields) = input.as_object_mut() else {
        return input;
    };
    match question.tool.as_deref() {
        Some("rank_locations") => {
            let location = json!({"candidate": 9999, "path": missing, "symbol": "nowhere",
                "start_line": 1, "end_line": 2,
                "explanation": "It must be here.", "confidence": 0.97});
            fields.insert("locations".to_owned(), json!([location]));
        }
        Some("write_patch") => {
            fields.insert(
                "edits".to_owned(),
                json!([{"path": missing, "search": "let x = 1;", "replace": "let x = 2;"}]),
            );
        }
        Some(_) | None => {
            fields.insert("quote".to_owned(), json!("Nobody ever wrote this sentence."));
        }
    }
    input
}
