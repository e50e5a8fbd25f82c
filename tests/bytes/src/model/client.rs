//! A model's answer as its provider sends it: status, headers and body, read by the client alone.

use std::cell::OnceCell;

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, Response};
use ratchet_providers::anthropic::Anthropic;
use ratchet_providers::error::ProviderError;
use ratchet_providers::model::{Answer, Question, Tool};
use ratchet_providers::openai::OpenAi;
use ratchet_providers::secret::Secret;
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_providers::wire::Wire;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::Verdict;
use crate::headers::Parts;
use crate::state::NOW_MS;

/// Longest raw answer that is handed on for a person, in bytes.
const RAW_BYTES_MAX: usize = 64 * 1024;

struct Provider {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

#[async_trait]
impl Transport for Provider {
    async fn send(&self, _: http::Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = http::StatusCode::from_u16(self.status).unwrap_or_default();
        *response.headers_mut() = self.headers.clone();
        Ok(response)
    }
}

fn provider(input: &[u8]) -> Provider {
    let parts = Parts::of(input);
    let status = parts.about("status").and_then(|status| status.parse().ok());
    Provider {
        status: status.unwrap_or(200),
        body: Bytes::from(parts.body),
        headers: parts.headers.unwrap_or_default(),
    }
}

fn question() -> Question {
    Question {
        system: String::new(),
        material: json!({}),
        tool: Tool {
            name: "extract_bug".to_owned(),
            description: String::new(),
            input_schema: json!({}),
        },
        max_tokens: 100,
    }
}

/// Anthropic's wire format.
pub(crate) fn anthropic(input: &[u8]) -> Verdict {
    let (provider, key) = (provider(input), Secret::new("key"));
    let client = Anthropic::new(
        Wire::new(&provider, NOW_MS),
        "https://api.anthropic.com",
        &key,
        "m",
    );
    class(blocking(client.ask(&question()))?)
}

/// The format of OpenAI and of every server like it.
pub(crate) fn openai(input: &[u8]) -> Verdict {
    let (provider, key) = (provider(input), Secret::new("key"));
    let client = OpenAi::new(
        Wire::new(&provider, NOW_MS),
        "https://api.openai.com/v1",
        Some(&key),
        "m",
    );
    class(blocking(client.ask(&question()))?)
}

fn blocking<T>(future: impl Future<Output = T>) -> Result<T, String> {
    thread_local! { static RUNTIME: OnceCell<Option<Runtime>> = const { OnceCell::new() }; }
    RUNTIME.with(|runtime| {
        let runtime = runtime.get_or_init(|| tokio::runtime::Builder::new_current_thread().build().ok());
        let runtime = runtime.as_ref().ok_or("no runtime")?;
        Ok(runtime.block_on(future))
    })
}

fn class(answer: Result<Answer, ProviderError>) -> Verdict {
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let retryable = error.is_retryable();
            let code: String = error
                .to_string()
                .split(['=', ':'])
                .next()
                .unwrap_or_default()
                .to_owned();
            return Ok(format!(
                "{code} retryable={retryable} clean={}",
                error.has_no_side_effects()
            ));
        }
    };
    match answer.input {
        Ok(input) if input.is_object() => Ok("input".to_owned()),
        Ok(_) => Err("the tool's input is no object".to_owned()),
        Err(problem) if problem.raw.len() > RAW_BYTES_MAX => {
            Err("a raw answer is longer than a row may hold".to_owned())
        }
        Err(problem) => Ok(problem.kind.as_str().to_owned()),
    }
}
