//! The answer that the model means to give, before anything spoils it.

use serde_json::{Map, Value, json};

use super::answers::Answer;
use super::noise::Source;
use super::wire::Question;
use super::{extract, patch, rank, rca};

/// Input for the tool that was asked for; none where the model does not know the tool and can only talk.
pub(crate) fn draft(question: &Question, answers: &[Answer], noise: &Source) -> Option<Value> {
    let material = question.material();
    let input = match question.tool.as_deref()? {
        "extract_bug" => extract::extract(&material, answers, noise),
        "rank_locations" => rank::rank(&material, answers, noise),
        "write_patch" => patch::patch(&material, answers),
        "write_rca" => rca::rca(&material, answers),
        _ => return None,
    };
    Some(fitted(input, &question.schema))
}

/// The input with every property that the schema requires: a model does not leave one out. What it has
/// nothing to say about is empty.
fn fitted(mut input: Value, schema: &Value) -> Value {
    let required = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let names: Vec<&str> = required.filter_map(Value::as_str).collect();
    if let Some(fields) = input.as_object_mut() {
        for name in names {
            if !fields.contains_key(name) {
                let property = schema
                    .pointer(&format!("/properties/{name}"))
                    .cloned()
                    .unwrap_or_default();
                fields.insert(name.to_owned(), empty(&property));
            }
        }
    }
    input
}

fn empty(property: &Value) -> Value {
    if let Some(first) = property.get("enum").and_then(|values| values.as_array()?.first()) {
        return first.clone();
    }
    let kind = property.get("type");
    let kind = kind
        .and_then(Value::as_str)
        .or_else(|| kind?.as_array()?.first()?.as_str());
    match kind {
        Some("array") => json!([]),
        Some("object") => Value::Object(Map::new()),
        Some("number" | "integer") => json!(0),
        Some("boolean") => json!(false),
        Some("null") => Value::Null,
        Some(_) | None => json!(""),
    }
}

/// A text of an object; empty where it is missing.
pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}
