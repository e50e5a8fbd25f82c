//! What a request must hold before the model reads it.

use serde_json::Value;

use super::wire::Refused;
use crate::sandbox::ask::Ask;

/// The two pairs of headers that the vendor's clients send.
const VERSIONS: [&str; 2] = ["2023-06-01", "2026-10-21"];

pub(super) fn check_headers(ask: &Ask<'_>, api_key: &str) -> Result<(), Refused> {
    let key = ask.header("x-api-key").or_else(|| ask.bearer());
    if key != Some(api_key) {
        return Err((401, "authentication_error", "invalid x-api-key".to_owned()));
    }
    match ask.header("anthropic-version") {
        Some(version) if VERSIONS.contains(&version) => {}
        Some(version) => {
            return Err(invalid(format!(
                "anthropic-version: \"{version}\" is not a valid version"
            )));
        }
        None => return Err(invalid("anthropic-version: header is required".to_owned())),
    }
    if !ask
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"))
    {
        return Err(invalid("content-type must be application/json".to_owned()));
    }
    Ok(())
}

pub(super) fn invalid(message: String) -> Refused {
    (400, "invalid_request_error", message)
}

/// Checks the conversation's form and gives the user's text.
pub(super) fn check_messages(messages: &Value) -> Result<String, Refused> {
    let list = messages.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| invalid("messages: at least one message is required".to_owned()))?;
    let mut user_text = String::new();
    for (index, message) in list.iter().enumerate() {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        if !matches!(role, "user" | "assistant") {
            return Err(invalid(format!(
                "messages.{index}.role: Input should be 'user' or 'assistant'"
            )));
        }
        if index == 0 && role != "user" {
            return Err(invalid(
                "messages: first message must use the \"user\" role".to_owned(),
            ));
        }
        let content = message
            .get("content")
            .ok_or_else(|| invalid(format!("messages.{index}.content: Field required")))?;
        let text = content_text(content);
        let empty = content.as_array().map_or_else(|| text.is_empty(), Vec::is_empty);
        if empty {
            return Err(invalid(format!("messages.{index}: content must be non-empty")));
        }
        if role == "user" {
            user_text.push_str(&text);
            user_text.push('\n');
        }
    }
    check_tool_results(list)?;
    Ok(user_text)
}

/// A tool use must be answered in the very next message, and only what was used can be answered.
fn check_tool_results(list: &[Value]) -> Result<(), Refused> {
    let ids = |message: Option<&Value>, kind: &str, field: &str| -> Vec<String> {
        let blocks = message
            .and_then(|message| message.get("content")?.as_array())
            .into_iter()
            .flatten();
        let wanted = blocks.filter(|block| block.get("type").and_then(Value::as_str) == Some(kind));
        wanted
            .filter_map(|block| block.get(field)?.as_str())
            .map(str::to_owned)
            .collect()
    };
    for (index, message) in list.iter().enumerate() {
        let used = ids(Some(message), "tool_use", "id");
        let results = ids(list.get(index + 1), "tool_result", "tool_use_id");
        if let Some(open) = used.iter().find(|id| !results.contains(id)) {
            return Err(invalid(format!(
                "messages.{index}: `tool_use` without `tool_result` in the next message: {open}"
            )));
        }
        let answered = ids(Some(message), "tool_result", "tool_use_id");
        let before = index.checked_sub(1).and_then(|index| list.get(index));
        let used_before = ids(before, "tool_use", "id");
        if let Some(stray) = answered.iter().find(|id| !used_before.contains(id)) {
            return Err(invalid(format!(
                "messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks: {stray}"
            )));
        }
    }
    Ok(())
}

fn content_text(content: &Value) -> String {
    if let Some(text) = content.as_str() {
        return text.to_owned();
    }
    let blocks = content.as_array().into_iter().flatten();
    blocks
        .filter_map(|block| {
            let text = block.get("text").and_then(Value::as_str).map(str::to_owned);
            text.or_else(|| block.get("content").map(content_text))
        })
        .collect::<Vec<_>>()
        .join("\n")
}

pub(super) fn check_tools(tools: &Value) -> Result<(), Refused> {
    let list = tools
        .as_array()
        .ok_or_else(|| invalid("tools: Input should be a valid list".to_owned()))?;
    for (index, tool) in list.iter().enumerate() {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        let sound = (1..=128).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
        if !sound {
            return Err(invalid(format!(
                "tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
            )));
        }
        let schema = tool
            .get("input_schema")
            .ok_or_else(|| invalid(format!("tools.{index}.custom.input_schema: Field required")))?;
        if schema.get("type").and_then(Value::as_str) != Some("object") {
            return Err(invalid(format!(
                "tools.{index}.custom.input_schema.type: Field required"
            )));
        }
        if tool.get("strict").and_then(Value::as_bool) == Some(true) {
            check_strict(schema).map_err(|problem| invalid(format!("tools.{index}.custom: {problem}")))?;
        }
    }
    Ok(())
}

/// What a grammar cannot hold to.
const NOT_IN_STRICT: [&str; 7] = [
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
];

/// A strict schema closes every object and has no limits on numbers or lengths.
fn check_strict(schema: &Value) -> Result<(), String> {
    let Some(fields) = schema.as_object() else {
        return Ok(());
    };
    let kind = fields.get("type").and_then(Value::as_str);
    if kind == Some("object") && fields.get("additionalProperties").and_then(Value::as_bool) != Some(false) {
        return Err("For 'object' type, 'additionalProperties' must be explicitly set to false".to_owned());
    }
    if let Some(name) = NOT_IN_STRICT.iter().find(|name| fields.contains_key(**name)) {
        return Err(format!(
            "For '{}' type, property '{name}' is not supported",
            kind.unwrap_or("any")
        ));
    }
    let below = fields
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|map| map.values());
    below.chain(fields.get("items")).try_for_each(check_strict)
}

pub(super) fn find_tool<'a>(tools: &'a Value, name: &str) -> Option<&'a Value> {
    tools
        .as_array()?
        .iter()
        .find(|tool| tool.get("name").and_then(Value::as_str) == Some(name))
}

pub(super) fn chosen_tool(body: &Value, tools: &Value) -> Result<Option<String>, Refused> {
    let first = || {
        tools
            .as_array()
            .and_then(|list| list.first()?.get("name")?.as_str())
            .map(str::to_owned)
    };
    let Some(choice) = body.get("tool_choice") else {
        return Ok(first());
    };
    match choice.get("type").and_then(Value::as_str) {
        Some("tool") => {
            let name = choice.get("name").and_then(Value::as_str).unwrap_or_default();
            match find_tool(tools, name) {
                Some(_) => Ok(Some(name.to_owned())),
                None => Err(invalid(format!(
                    "tool_choice.tool: Tool '{name}' not found in provided tools"
                ))),
            }
        }
        Some("auto" | "any") => Ok(first()),
        Some("none") => Ok(None),
        Some(_) | None => Err(invalid(
            "tool_choice: Input tag does not match any of the expected tags: 'auto', 'any', 'tool', 'none'"
                .to_owned(),
        )),
    }
}
