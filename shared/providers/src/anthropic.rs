//! Anthropic's Messages API: one question, answered by one forced tool.
//!
//! A call has no key that makes a repeat free: a second one costs again and may differ. So the answer goes on record
//! before anything is done with it.

use http::Method;
use http::header::HeaderName;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Call, ProviderError, machine_code};
use crate::model::{Answer, AnswerProblem, ProblemKind, Question, TokenUsage, user_message};
use crate::secret::Secret;
use crate::wire::{Draft, Reply, Wire, endpoint, to_json};

/// The API version that these wire types were read from.
const VERSION: &str = "2023-06-01";

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

const CALL: Call = Call {
    provider: "anthropic",
    operation: "ask",
};

/// Anthropic with one model.
#[derive(Clone, Copy)]
pub struct Anthropic<'a> {
    wire: Wire<'a>,
    base_url: &'a str,
    api_key: &'a Secret,
    model: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    max_tokens: u32,
    system: &'a str,
    tools: [ToolBody<'a>; 1],
    tool_choice: ToolChoice<'a>,
    messages: [Message<'a>; 1],
}

#[derive(Serialize)]
struct ToolBody<'a> {
    name: &'a str,
    description: &'a str,
    input_schema: &'a Value,
}

#[derive(Serialize)]
struct ToolChoice<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'a str,
    disable_parallel_tool_use: bool,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

/// The exact body that asks: equal questions give equal bytes.
#[must_use]
pub fn question_body(model: &str, question: &Question) -> String {
    let tool = &question.tool;
    to_json(&Body {
        model,
        max_tokens: question.max_tokens,
        system: &question.system,
        tools: [ToolBody {
            name: &tool.name,
            description: &tool.description,
            input_schema: &tool.input_schema,
        }],
        tool_choice: ToolChoice {
            kind: "tool",
            name: &tool.name,
            disable_parallel_tool_use: true,
        },
        messages: [Message {
            role: "user",
            content: &user_message(question),
        }],
    })
}

#[derive(Deserialize)]
struct AnswerWire {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    content: Vec<Value>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: UsageWire,
}

#[derive(Deserialize, Default)]
struct UsageWire {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: Option<u64>,
}

impl From<UsageWire> for TokenUsage {
    fn from(wire: UsageWire) -> Self {
        Self {
            input: wire.input_tokens.unwrap_or(0),
            output: wire.output_tokens.unwrap_or(0),
            cache_read: wire.cache_read_input_tokens.unwrap_or(0),
            cache_write: wire.cache_creation_input_tokens.unwrap_or(0),
            reasoning: wire
                .output_tokens_details
                .and_then(|details| details.thinking_tokens)
                .unwrap_or(0),
        }
    }
}

impl<'a> Anthropic<'a> {
    /// `base_url` is `https://api.anthropic.com`.
    #[must_use]
    pub fn new(wire: Wire<'a>, base_url: &'a str, api_key: &'a Secret, model: &'a str) -> Self {
        Self {
            wire,
            base_url,
            api_key,
            model,
        }
    }

    /// Asks once. An answer without usable input is still an [`Answer`]: it was paid for.
    ///
    /// # Errors
    /// [`ProviderError::SpendLimit`] where the account's cap is reached; else as the status says.
    pub async fn ask(&self, question: &Question) -> Result<Answer, ProviderError> {
        let url = endpoint(CALL, self.base_url, &["v1", "messages"], &[])?;
        let draft = Draft::new(CALL, Method::POST, &url)
            .secret_header(HeaderName::from_static("x-api-key"), self.api_key.expose())
            .header(HeaderName::from_static("anthropic-version"), VERSION)
            .bytes_max(ANSWER_BYTES_MAX)
            .json(question_body(self.model, question));
        let reply = self.wire.send(draft).await?;
        if reply.status == 200 {
            read(&reply, question)
        } else {
            Err(failure(&reply))
        }
    }
}

fn read(reply: &Reply, question: &Question) -> Result<Answer, ProviderError> {
    let wire: AnswerWire = reply.json()?;
    let stop_reason = wire.stop_reason.unwrap_or_default();
    let problem = |kind| AnswerProblem::new(kind, &Value::Array(wire.content.clone()).to_string());
    let is_answer = |block: &&Value| {
        block.get("type").and_then(Value::as_str) == Some("tool_use")
            && block.get("name").and_then(Value::as_str) == Some(&question.tool.name)
    };
    let input = match stop_reason.as_str() {
        "max_tokens" | "model_context_window_exceeded" => Err(problem(ProblemKind::CutOff)),
        "refusal" => Err(problem(ProblemKind::Refused)),
        _ => match wire
            .content
            .iter()
            .find(is_answer)
            .and_then(|block| block.get("input"))
        {
            Some(input) if input.is_object() => Ok(input.clone()),
            Some(_) => Err(problem(ProblemKind::NotAnObject)),
            None => Err(problem(ProblemKind::NotTheTool)),
        },
    };
    Ok(Answer {
        input,
        usage: wire.usage.into(),
        model: wire.model,
        id: wire.id,
        request_id: reply.header("request-id").unwrap_or_default().to_owned(),
        stop_reason,
    })
}

/// The statuses mean what HTTP says, except that a monthly cap looks like a rate limit.
fn failure(reply: &Reply) -> ProviderError {
    let Reply { call, status, .. } = *reply;
    let body = reply.any_json();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if status == 429 && text("/error/details/error_code") == "enforced_spend_limit_reached" {
        return ProviderError::SpendLimit { call, status };
    }
    reply.failure(machine_code(text("/error/type")))
}

#[cfg(test)]
mod tests;
