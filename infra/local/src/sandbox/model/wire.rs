//! The Messages interface: what a request must hold, and how an answer reads.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Usage;
use super::check::{check_messages, check_tools, chosen_tool, find_tool, invalid};
use crate::sandbox::ask::Ask;

/// Status, error type and message.
pub(crate) type Refused = (u16, &'static str, String);

/// A request, checked.
pub(crate) struct Question {
    model: String,
    max_tokens: u64,
    /// The tool that must be used, or the first one.
    pub(crate) tool: Option<String>,
    pub(crate) schema: Value,
    /// All text that the user wrote, in order.
    pub(crate) user_text: String,
    system: Value,
    tools: Value,
    messages: Value,
}

/// What the model says.
pub(crate) enum Content {
    /// It uses the tool; `cut` where the limit on tokens ended it.
    Tool { input: Value, cut: bool },
    /// It talks.
    Text { text: String, stop: &'static str },
}

/// The body of an error that is planned, not earned.
pub(crate) fn failure(status: u16) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        _ => "api_error",
    };
    error_body(kind, "planned by the sandbox", "req_planned")
}

pub(crate) fn error_body(kind: &str, message: &str, request_id: &str) -> Value {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": request_id})
}

impl Question {
    pub(crate) fn read(ask: &Ask<'_>) -> Result<Self, Refused> {
        let body = ask
            .json()
            .ok_or_else(|| invalid("The request body is not valid JSON".to_owned()))?;
        let required = |name: &str| invalid(format!("{name}: Field required"));
        let model = body
            .get("model")
            .and_then(Value::as_str)
            .filter(|model| !model.is_empty());
        let model = model.ok_or_else(|| required("model"))?.to_owned();
        let max_tokens = body.get("max_tokens").ok_or_else(|| required("max_tokens"))?;
        let max_tokens = max_tokens.as_u64().filter(|tokens| *tokens > 0);
        let max_tokens = max_tokens
            .ok_or_else(|| invalid("max_tokens: Input should be greater than or equal to 1".to_owned()))?;
        let messages = body.get("messages").ok_or_else(|| required("messages"))?.clone();
        let user_text = check_messages(&messages)?;
        let tools = body.get("tools").cloned().unwrap_or_else(|| json!([]));
        check_tools(&tools)?;
        let tool = chosen_tool(&body, &tools)?;
        let schema = tool
            .as_deref()
            .and_then(|name| find_tool(&tools, name)?.get("input_schema").cloned());
        Ok(Self {
            model,
            max_tokens,
            tool,
            schema: schema.unwrap_or_default(),
            user_text,
            system: body.get("system").cloned().unwrap_or_default(),
            tools,
            messages,
        })
    }

    /// Names the question: the model, what it was told, and the tool.
    pub(crate) fn hash(&self) -> String {
        let parts = json!([self.model, self.system, self.tool, self.messages]);
        hex::encode(Sha256::digest(parts.to_string()))
            .chars()
            .take(32)
            .collect()
    }

    /// The JSON object of `<material>..</material>`; null where there is none. A closing tag inside a text of
    /// the object ends nothing, since the object is read as JSON.
    pub(crate) fn material(&self) -> Value {
        let Some((_, rest)) = self.user_text.split_once("<material>") else {
            return Value::Null;
        };
        let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        values.next().and_then(Result::ok).unwrap_or_default()
    }

    /// Hash and tokens of what comes before the last `cache_control`: tools, then system, then messages.
    pub(crate) fn cached_prefix(&self) -> Option<(String, u64)> {
        let mut before = self.model.clone();
        let mut marked = None;
        for part in [&self.tools, &self.system, &self.messages] {
            for block in blocks(part) {
                before.push_str(&block.to_string());
                if block.get("cache_control").is_some() {
                    marked = Some(before.clone());
                }
            }
        }
        let prefix = marked?;
        Some((
            hex::encode(Sha256::digest(&prefix)).chars().take(32).collect(),
            tokens(&prefix),
        ))
    }

    fn all_tokens(&self) -> u64 {
        tokens(&self.tools.to_string())
            + tokens(&self.system.to_string())
            + tokens(&self.messages.to_string())
    }
}

/// Every block of a part: tools, system blocks, and the blocks of each message's content.
fn blocks(part: &Value) -> Vec<&Value> {
    match part.as_array() {
        None => vec![part],
        Some(items) => items
            .iter()
            .flat_map(|item| match item.get("content").and_then(Value::as_array) {
                Some(content) => content.iter().collect(),
                None => vec![item],
            })
            .collect(),
    }
}

/// About four characters are a token.
fn tokens(text: &str) -> u64 {
    (text.chars().count() as u64).div_ceil(4)
}

/// The answer's body, and the tokens it took. An answer longer than `max_tokens` is cut off.
pub(crate) fn message(
    question: &Question,
    content: Content,
    serial: u64,
    cache_write: u64,
    cache_read: u64,
) -> (Value, Usage) {
    let (content, stop, output) = match content {
        Content::Tool { input, cut } => {
            let length = tokens(&input.to_string());
            let (input, cut) = if length > question.max_tokens {
                (super::spoil::half(input), true)
            } else {
                (input, cut)
            };
            let output = if cut { question.max_tokens } else { length };
            let block = json!({"type": "tool_use", "id": format!("toolu_{serial:024}"),
                "name": question.tool, "input": input});
            (block, if cut { "max_tokens" } else { "tool_use" }, output)
        }
        Content::Text { text, stop } => {
            let output = tokens(&text);
            (json!({"type": "text", "text": text}), stop, output)
        }
    };
    let input = question.all_tokens().saturating_sub(cache_write + cache_read);
    let body = json!({
        "id": format!("msg_{serial:024}"),
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": [content],
        "stop_reason": stop,
        "stop_sequence": null,
        "usage": {
            "input_tokens": input,
            "cache_creation_input_tokens": cache_write,
            "cache_read_input_tokens": cache_read,
            "cache_creation": {"ephemeral_5m_input_tokens": cache_write, "ephemeral_1h_input_tokens": 0},
            "output_tokens": output,
            "service_tier": "standard",
        },
    });
    (
        body,
        Usage {
            input,
            output,
            cache_write,
            cache_read,
        },
    )
}
