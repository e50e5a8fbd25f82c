//! The org's model, whatever wire format it speaks.

use ratchet_domain::settings::{self, ModelKind};
use ratchet_providers::anthropic::Anthropic;
use ratchet_providers::error::{Call, ProviderError};
use ratchet_providers::model::{Question as Asked, Tool};
use ratchet_providers::openai::OpenAi;
use ratchet_providers::secret::Secret;
use serde_json::Value;

use super::Door;
use crate::model::Question;
use crate::tokens::Spent;

/// Most tokens of an answer. Reason: a patch of the largest allowed size fits.
const ANSWER_TOKENS_MAX: u32 = 16_000;

/// A way to the model.
#[derive(Debug, Clone)]
pub struct ModelAccess {
    door: Door,
    settings: settings::Model,
    key: Option<Secret>,
}

/// One answer of the model.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The tool's input, or what was wrong, in words for the model.
    pub input: Result<Value, String>,
    /// The answer as it came, bounded.
    pub raw: String,
    /// The model, as the provider names it.
    pub model: String,
    /// What it cost.
    pub spent: Spent,
}

impl ModelAccess {
    pub(super) fn new(door: Door, settings: settings::Model, key: Option<Secret>) -> Self {
        Self { door, settings, key }
    }

    /// Asks once; `problem` says what was wrong with the answer before, if there was one.
    ///
    /// # Errors
    /// [`ProviderError`].
    pub async fn ask(&self, question: &Question, problem: Option<&str>) -> Result<Reply, ProviderError> {
        let mut system = question.system.to_owned();
        if let Some(problem) = problem {
            system.push_str(" Your last answer could not be used: ");
            system.push_str(problem);
            system.push_str(". Answer again.");
        }
        let asked = Asked {
            system,
            material: question.material.clone(),
            tool: Tool {
                name: question.tool.to_owned(),
                description: question.description.to_owned(),
                input_schema: question.schema.clone(),
            },
            max_tokens: ANSWER_TOKENS_MAX,
        };
        let answer = match self.settings.kind {
            ModelKind::Anthropic => {
                let key = self.key.as_ref().ok_or_else(|| unsupported("api key"))?;
                let client = Anthropic::new(
                    self.door.wire(),
                    &self.settings.base_url,
                    key,
                    &self.settings.name,
                );
                client.ask(&asked).await?
            }
            ModelKind::OpenAi => {
                let key = self.key.as_ref();
                let client = OpenAi::new(
                    self.door.wire(),
                    &self.settings.base_url,
                    key,
                    &self.settings.name,
                );
                client.ask(&asked).await?
            }
            // Bedrock signs with the function's own role; this build has no client of it.
            ModelKind::Bedrock => return Err(unsupported("model.provider")),
        };
        let usage = answer.usage;
        let (input, raw) = match answer.input {
            Ok(input) => {
                let raw = input.to_string();
                (Ok(input), raw)
            }
            Err(problem) => (Err(format!("it was {}", problem.kind.as_str())), problem.raw),
        };
        Ok(Reply {
            input,
            raw,
            model: if answer.model.is_empty() {
                self.settings.name.clone()
            } else {
                answer.model
            },
            spent: Spent {
                input: usage.input,
                output: usage.output,
                cache_read: usage.cache_read,
                cache_write: usage.cache_write,
                reasoning: usage.reasoning,
                calls: 1,
            },
        })
    }
}

fn unsupported(what: &'static str) -> ProviderError {
    ProviderError::Unsendable {
        call: Call {
            provider: "model",
            operation: "ask",
        },
        what,
    }
}
