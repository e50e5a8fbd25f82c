//! A model behind Anthropic's Messages interface: it answers the product's four questions by forced tool use.
//!
//! It knows what the answer file tells it and guesses the rest from words.
//! It is noisy on purpose: the same question gets another score each time, so that whoever asks twice shows.

pub mod answers;
mod check;
mod draft;
mod extract;
mod noise;
mod patch;
mod rank;
mod rca;
mod spoil;
pub(crate) mod wire;
mod words;

use std::collections::BTreeMap;

use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::Ask;
use super::reply::{self, Reply};
use answers::Answer;
pub use noise::Noise;
pub use spoil::Spoil;
use wire::Question;

/// The model's memory, and what goes wrong next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// The key that opens it.
    pub api_key: String,
    /// How far scores stray.
    pub noise: Noise,
    seed: u64,
    /// How often each question was asked, by its hash.
    asked: BTreeMap<String, u32>,
    /// Until when each cached prompt prefix lives, by its hash.
    cached: BTreeMap<String, Millis>,
    spoils: Vec<Planned>,
    answered: u64,
    usage: Usage,
}

/// Tokens over all answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Read, without what came from or went to the cache.
    pub input: u64,
    /// Written.
    pub output: u64,
    /// Put into the cache.
    pub cache_write: u64,
    /// Taken from the cache.
    pub cache_read: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Planned {
    tool: Option<String>,
    when: Vec<String>,
    spoil: Spoil,
    left: u32,
}

/// The name that counts and fault plans use.
pub(crate) fn operation(ask: &Ask<'_>) -> &'static str {
    match (ask.method, ask.parts().as_slice()) {
        ("POST", ["v1", "messages"]) => "messages",
        _ => "unknown",
    }
}

impl Model {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            api_key: "sandbox-anthropic-key".to_owned(),
            noise: Noise::default(),
            seed,
            asked: BTreeMap::new(),
            cached: BTreeMap::new(),
            spoils: Vec::new(),
            answered: 0,
            usage: Usage::default(),
        }
    }

    /// The next `times` answers are bad in this way: those to the tool, where one is named, and to prompts
    /// that hold every word of `when`, whatever their case.
    pub fn spoil(&mut self, tool: Option<&str>, when: &[&str], spoil: Spoil, times: u32) {
        self.spoils.push(Planned {
            tool: tool.map(str::to_owned),
            when: when.iter().map(|word| word.to_lowercase()).collect(),
            spoil,
            left: times,
        });
    }

    /// Questions asked, every repeat counted.
    #[must_use]
    pub fn questions(&self) -> u64 {
        self.asked.values().map(|times| u64::from(*times)).sum()
    }

    /// Questions that were asked more than once: each is money spent twice.
    #[must_use]
    pub fn repeated_questions(&self) -> usize {
        self.asked.values().filter(|times| **times > 1).count()
    }

    /// Tokens over all answers that were made, also those that never arrived.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.usage
    }

    pub(crate) fn answer(&mut self, ask: &Ask<'_>, answers: &[Answer]) -> Reply {
        self.answered += 1;
        let request_id = format!("req_{:016x}", self.seed.wrapping_add(self.answered));
        let reply = match self.respond(ask, answers) {
            Ok(body) => reply::json(200, &body),
            Err((status, kind, message)) => {
                reply::json(status, &wire::error_body(kind, &message, &request_id))
            }
        };
        reply::with(reply, "request-id", &request_id)
    }

    fn respond(&mut self, ask: &Ask<'_>, answers: &[Answer]) -> Result<Value, wire::Refused> {
        if operation(ask) == "unknown" {
            return Err((404, "not_found_error", "Not found".to_owned()));
        }
        check::check_headers(ask, &self.api_key)?;
        let question = Question::read(ask)?;
        let key = question.hash();
        let time = self.asked.entry(key.clone()).or_default();
        let noise = noise::Source {
            level: self.noise,
            seed: self.seed,
            question: key,
            time: *time,
        };
        *time += 1;
        let spoil = self.take_spoil(&question);
        if let Some(refused) = spoil.and_then(Spoil::refused) {
            return Err(refused);
        }
        let draft = draft::draft(&question, answers, &noise);
        let spoiled = spoil::apply(spoil, draft, &question);
        let (cache_write, cache_read) = self.cache(&question, ask.now_ms);
        let (body, usage) = wire::message(&question, spoiled, self.answered, cache_write, cache_read);
        self.usage.input += usage.input;
        self.usage.output += usage.output;
        self.usage.cache_write += usage.cache_write;
        self.usage.cache_read += usage.cache_read;
        Ok(body)
    }

    fn take_spoil(&mut self, question: &Question) -> Option<Spoil> {
        let text = question.user_text.to_lowercase();
        let due = |planned: &Planned| {
            planned
                .tool
                .as_ref()
                .is_none_or(|tool| question.tool.as_ref() == Some(tool))
                && planned.when.iter().all(|word| text.contains(word.as_str()))
        };
        let planned = self
            .spoils
            .iter_mut()
            .find(|planned| planned.left > 0 && due(planned))?;
        planned.left -= 1;
        let spoil = planned.spoil;
        self.spoils.retain(|planned| planned.left > 0);
        Some(spoil)
    }

    /// Tokens that go to the cache and that come from it, for a prefix that the caller marked. It lives five
    /// minutes from its last use.
    fn cache(&mut self, question: &Question, now_ms: Millis) -> (u64, u64) {
        let Some((prefix, tokens)) = question.cached_prefix() else {
            return (0, 0);
        };
        self.cached.retain(|_, until| *until > now_ms);
        match self.cached.insert(prefix, now_ms + 300_000) {
            Some(_) => (0, tokens),
            None => (tokens, 0),
        }
    }
}
