//! OpenAI's chat completions, which many servers speak: one question, answered by one JSON document of a schema.

use http::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::error::{Call, ProviderError, machine_code};
use crate::model::{Answer, AnswerProblem, ProblemKind, Question, TokenUsage, user_message};
use crate::secret::Secret;
use crate::wire::{Draft, Reply, Wire, endpoint, to_json};

/// Largest answer that is read, in bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;

const CALL: Call = Call {
    provider: "openai",
    operation: "ask",
};

/// OpenAI, or a server that speaks like it, with one model.
#[derive(Clone, Copy)]
pub struct OpenAi<'a> {
    wire: Wire<'a>,
    base_url: &'a str,
    api_key: Option<&'a Secret>,
    model: &'a str,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: [Message<'a>; 2],
    response_format: Format<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_completion_tokens: Option<u32>,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    json_schema: Schema<'a>,
}

#[derive(Serialize)]
struct Schema<'a> {
    name: &'a str,
    description: &'a str,
    schema: &'a Value,
}

/// The exact body that asks: equal questions give equal bytes.
///
/// The schema also stands in the instructions, for servers that do not enforce it. `is_vendor` says that OpenAI itself
/// answers, whose newer models refuse the older name of the token limit that other servers know.
#[must_use]
pub fn question_body(model: &str, question: &Question, is_vendor: bool) -> String {
    let tool = &question.tool;
    let system = format!(
        "{}\n\n{}: {} Answer with one JSON object of this schema and nothing else:\n{}",
        question.system, tool.name, tool.description, tool.input_schema
    );
    to_json(&Body {
        model,
        messages: [
            Message {
                role: "system",
                content: &system,
            },
            Message {
                role: "user",
                content: &user_message(question),
            },
        ],
        response_format: Format {
            kind: "json_schema",
            json_schema: Schema {
                name: &tool.name,
                description: &tool.description,
                schema: &tool.input_schema,
            },
        },
        max_tokens: (!is_vendor).then_some(question.max_tokens),
        max_completion_tokens: is_vendor.then_some(question.max_tokens),
    })
}

#[derive(Deserialize)]
struct AnswerWire {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<UsageWire>,
}

#[derive(Deserialize)]
struct Choice {
    message: Value,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct UsageWire {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Value,
    #[serde(default)]
    completion_tokens_details: Value,
}

impl From<UsageWire> for TokenUsage {
    fn from(wire: UsageWire) -> Self {
        let count = |details: &Value, name| details.get(name).and_then(Value::as_u64).unwrap_or(0);
        let cache_read = count(&wire.prompt_tokens_details, "cached_tokens");
        Self {
            // OpenAI counts cached tokens as prompt tokens too.
            input: wire.prompt_tokens.saturating_sub(cache_read),
            output: wire.completion_tokens,
            cache_read,
            cache_write: 0,
            reasoning: count(&wire.completion_tokens_details, "reasoning_tokens"),
        }
    }
}

impl<'a> OpenAi<'a> {
    /// `base_url` includes `/v1`: `https://api.openai.com/v1`. A local server may need no key.
    #[must_use]
    pub fn new(wire: Wire<'a>, base_url: &'a str, api_key: Option<&'a Secret>, model: &'a str) -> Self {
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
    /// [`ProviderError::SpendLimit`] where the account's quota is used up; else as the status says.
    pub async fn ask(&self, question: &Question) -> Result<Answer, ProviderError> {
        let url = endpoint(CALL, self.base_url, &["chat", "completions"], &[])?;
        let body = question_body(self.model, question, is_vendor(&url));
        let draft = Draft::new(CALL, Method::POST, &url)
            .bytes_max(ANSWER_BYTES_MAX)
            .json(body);
        let draft = match self.api_key {
            Some(key) => draft.bearer(key),
            None => draft,
        };
        let reply = self.wire.send(draft).await?;
        if reply.status == 200 {
            read(&reply)
        } else {
            Err(failure(&reply))
        }
    }
}

fn is_vendor(url: &Url) -> bool {
    url.host_str() == Some("api.openai.com")
}

fn read(reply: &Reply) -> Result<Answer, ProviderError> {
    let wire: AnswerWire = reply.json()?;
    let choice = wire
        .choices
        .into_iter()
        .next()
        .ok_or_else(|| reply.malformed("expected one of `choices`"))?;
    let stop_reason = choice.finish_reason.unwrap_or_default();
    Ok(Answer {
        input: input(&choice.message, &stop_reason),
        usage: wire.usage.map(TokenUsage::from).unwrap_or_default(),
        model: wire.model,
        id: wire.id,
        request_id: reply.header("x-request-id").unwrap_or_default().to_owned(),
        stop_reason,
    })
}

fn input(message: &Value, stop_reason: &str) -> Result<Value, AnswerProblem> {
    let problem = |kind| AnswerProblem::new(kind, &message.to_string());
    match stop_reason {
        "length" => return Err(problem(ProblemKind::CutOff)),
        "content_filter" => return Err(problem(ProblemKind::Refused)),
        _ => {}
    }
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    if text("/refusal").is_some() {
        return Err(problem(ProblemKind::Refused));
    }
    let answer = text("/content").filter(|content| !content.trim().is_empty());
    // Some servers turn a schema into a tool and answer by a call of it.
    let answer = answer.or_else(|| text("/tool_calls/0/function/arguments"));
    let answer = answer.ok_or_else(|| problem(ProblemKind::NotTheTool))?;
    match serde_json::from_str::<Value>(without_fence(answer)) {
        Ok(input) if input.is_object() => Ok(input),
        Ok(_) => Err(problem(ProblemKind::NotAnObject)),
        Err(_) => Err(problem(ProblemKind::NotTheTool)),
    }
}

/// Without the Markdown fence that models put around JSON.
fn without_fence(answer: &str) -> &str {
    let answer = answer.trim();
    let inside = answer
        .strip_prefix("```")
        .and_then(|rest| rest.strip_suffix("```"));
    inside.map_or(answer, |inside| inside.strip_prefix("json").unwrap_or(inside))
}

/// The statuses mean what HTTP says, except that a used-up quota looks like a rate limit.
fn failure(reply: &Reply) -> ProviderError {
    let Reply { call, status, .. } = *reply;
    let body = reply.any_json();
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let code = match text("/error/code") {
        "" => text("/error/type"),
        code => code,
    };
    if status == 429 && matches!(code, "insufficient_quota" | "billing_hard_limit_reached") {
        return ProviderError::SpendLimit { call, status };
    }
    reply.failure(machine_code(code))
}

#[cfg(test)]
mod tests;
