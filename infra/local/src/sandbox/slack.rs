//! Slack: channels, messages, threads. Errors come as `ok: false` with status 200.

mod read;

use std::collections::BTreeMap;

use ratchet_guard::clock::Millis;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::Provider;
use super::ask::Ask;
use super::effect::{Effect, EffectKind};
use super::reply::{self, Reply};

/// One message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Its id within the channel, a time to the microsecond.
    pub ts: String,
    /// The thread it is in; none in the channel itself.
    pub thread_ts: Option<String>,
    /// What it says.
    pub text: String,
    /// `event_type` and `event_payload`, where it carries some.
    pub metadata: Option<Value>,
    /// Stored as sent. Two messages may share one: nothing is deduplicated.
    pub client_msg_id: Option<String>,
    blocks: Option<Value>,
    user: String,
}

/// The workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Slack {
    /// The bot's token.
    pub token: String,
    channels: BTreeMap<String, Vec<Message>>,
    last_ts_us: u64,
    #[serde(default)]
    behind_ms: u64,
}

/// The arguments of a call, from wherever they came.
type Arguments = Map<String, Value>;
/// The fields of an answer beside `ok`, or the word of an error.
type Outcome = Result<Value, &'static str>;

const BOT: &str = "U0RATCHET";
/// Longer texts are cut off.
const TEXT_CHARS_MAX: usize = 40_000;

/// The name that counts and fault plans use: the method's own.
pub(crate) fn operation(ask: &Ask<'_>) -> &'static str {
    let method = ask.segments.last().map(String::as_str).unwrap_or_default();
    METHODS
        .into_iter()
        .find(|name| *name == method)
        .unwrap_or("unknown")
}

const METHODS: [&str; 6] = [
    "chat.postMessage",
    "chat.update",
    "chat.delete",
    "conversations.history",
    "conversations.replies",
    "auth.test",
];

/// The body of an error that is planned, not earned.
pub(crate) fn failure(status: u16) -> Value {
    let error = match status {
        429 => "ratelimited",
        503 => "service_unavailable",
        _ => "internal_error",
    };
    json!({"ok": false, "error": error})
}

impl Slack {
    pub(crate) fn new() -> Self {
        Self {
            token: "xoxb-sandbox-token".to_owned(),
            channels: BTreeMap::from([("C0123".to_owned(), Vec::new())]),
            last_ts_us: 0,
            behind_ms: 0,
        }
    }

    /// Slack's clock is behind by so much from now on: what it dates is older than its sender thinks.
    pub fn set_behind(&mut self, by_ms: Millis) {
        self.behind_ms = by_ms;
    }

    /// Adds a channel that the bot is in.
    pub fn add_channel(&mut self, id: &str) {
        self.channels.entry(id.to_owned()).or_default();
    }

    /// The messages of a channel, threads included, in the order they were posted.
    #[must_use]
    pub fn messages(&self, channel: &str) -> &[Message] {
        self.channels.get(channel).map(Vec::as_slice).unwrap_or_default()
    }

    /// A colleague says something; the message's timestamp. None where there is no such channel.
    pub fn say(&mut self, now_ms: Millis, channel: &str, text: &str) -> Option<String> {
        let ts = self.fresh_ts(now_ms);
        let message = Message {
            ts: ts.clone(),
            thread_ts: None,
            text: text.to_owned(),
            metadata: None,
            client_msg_id: None,
            blocks: None,
            user: "U0COLLEAGUE".to_owned(),
        };
        self.channels.get_mut(channel)?.push(message);
        Some(ts)
    }

    pub(crate) fn answer(&mut self, ask: &Ask<'_>, effects: &mut Vec<Effect>) -> Reply {
        let body = match self.outcome(ask, effects) {
            Ok(fields) => {
                let mut body = json!({"ok": true});
                if let (Some(body), Value::Object(fields)) = (body.as_object_mut(), fields) {
                    body.extend(fields);
                }
                body
            }
            Err(error) => json!({"ok": false, "error": error}),
        };
        reply::json(200, &body)
    }

    fn outcome(&mut self, ask: &Ask<'_>, effects: &mut Vec<Effect>) -> Outcome {
        let arguments = arguments(ask)?;
        let token = ask
            .bearer()
            .or_else(|| text(&arguments, "token"))
            .ok_or("not_authed")?;
        if token != self.token {
            return Err("invalid_auth");
        }
        match operation(ask) {
            "chat.postMessage" => self.post(ask, &arguments, effects),
            "chat.update" => self.update(ask, &arguments, effects),
            "chat.delete" => self.delete(ask, &arguments, effects),
            "conversations.history" => self.history(&arguments),
            "conversations.replies" => self.replies(&arguments),
            "auth.test" => Ok(
                json!({"url": "https://acme.slack.com/", "team": "Acme", "user": "ratchet",
                    "user_id": BOT, "bot_id": "B0RATCHET"}),
            ),
            _ => Err("unknown_method"),
        }
    }

    fn post(&mut self, ask: &Ask<'_>, arguments: &Arguments, effects: &mut Vec<Effect>) -> Outcome {
        let channel = text(arguments, "channel").ok_or("channel_not_found")?.to_owned();
        let known = self.channels.get(&channel).ok_or("channel_not_found")?;
        let thread_ts = text(arguments, "thread_ts").map(str::to_owned);
        if let Some(thread) = &thread_ts
            && !known.iter().any(|message| message.ts == *thread)
        {
            return Err("thread_not_found");
        }
        let blocks = arguments.get("blocks").cloned();
        let words: String = text(arguments, "text")
            .unwrap_or_default()
            .chars()
            .take(TEXT_CHARS_MAX)
            .collect();
        if words.is_empty() && blocks.is_none() {
            return Err("no_text");
        }
        let message = Message {
            ts: self.fresh_ts(ask.now_ms),
            thread_ts,
            text: words,
            metadata: metadata(arguments)?,
            client_msg_id: text(arguments, "client_msg_id").map(str::to_owned),
            blocks,
            user: BOT.to_owned(),
        };
        effects.push(effect(ask, EffectKind::Message, &channel, &message));
        let answer = json!({"channel": channel, "ts": message.ts, "message": message.to_json(true)});
        self.channels.entry(channel).or_default().push(message);
        Ok(answer)
    }

    fn update(&mut self, ask: &Ask<'_>, arguments: &Arguments, effects: &mut Vec<Effect>) -> Outcome {
        let channel = text(arguments, "channel").ok_or("channel_not_found")?;
        let message = self.own_message(channel, arguments, "cant_update_message")?;
        if let Some(words) = text(arguments, "text") {
            words.clone_into(&mut message.text);
        }
        if let Some(blocks) = arguments.get("blocks") {
            message.blocks = Some(blocks.clone());
        }
        if let Some(metadata) = metadata(arguments)? {
            message.metadata = Some(metadata);
        }
        effects.push(effect(ask, EffectKind::MessageChange, channel, message));
        Ok(json!({"channel": channel, "ts": message.ts, "text": message.text,
                "message": message.to_json(true)}))
    }

    fn delete(&mut self, ask: &Ask<'_>, arguments: &Arguments, effects: &mut Vec<Effect>) -> Outcome {
        let channel = text(arguments, "channel").ok_or("channel_not_found")?;
        let message = self
            .own_message(channel, arguments, "cant_delete_message")?
            .clone();
        effects.push(effect(ask, EffectKind::MessageDelete, channel, &message));
        if let Some(messages) = self.channels.get_mut(channel) {
            messages.retain(|candidate| candidate.ts != message.ts);
        }
        Ok(json!({"channel": channel, "ts": message.ts}))
    }

    fn own_message(
        &mut self,
        channel: &str,
        arguments: &Arguments,
        not_ours: &'static str,
    ) -> Result<&mut Message, &'static str> {
        let ts = text(arguments, "ts").ok_or("message_not_found")?;
        let messages = self.channels.get_mut(channel).ok_or("channel_not_found")?;
        let message = messages
            .iter_mut()
            .find(|message| message.ts == ts)
            .ok_or("message_not_found")?;
        if message.user == BOT {
            Ok(message)
        } else {
            Err(not_ours)
        }
    }

    /// Timestamps rise even where the clock stands still.
    fn fresh_ts(&mut self, now_ms: Millis) -> String {
        let at_ms = now_ms.saturating_sub(self.behind_ms);
        self.last_ts_us = at_ms.saturating_mul(1000).max(self.last_ts_us + 1);
        format!(
            "{}.{:06}",
            self.last_ts_us / 1_000_000,
            self.last_ts_us % 1_000_000
        )
    }
}

impl Message {
    /// On the wire; without `all_metadata` the payload stays hidden.
    fn to_json(&self, all_metadata: bool) -> Value {
        let mut out = Map::new();
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                out.insert(name.to_owned(), value);
            }
        };
        put("type", Some(json!("message")));
        put("user", Some(json!(self.user)));
        put("bot_id", (self.user == BOT).then(|| json!("B0RATCHET")));
        put("text", Some(json!(self.text)));
        put("ts", Some(json!(self.ts)));
        put("thread_ts", self.thread_ts.as_ref().map(|ts| json!(ts)));
        put("client_msg_id", self.client_msg_id.as_ref().map(|id| json!(id)));
        put("blocks", self.blocks.clone());
        put(
            "metadata",
            self.metadata.as_ref().map(|metadata| {
                if all_metadata {
                    metadata.clone()
                } else {
                    json!({"event_type": metadata.get("event_type")})
                }
            }),
        );
        Value::Object(out)
    }
}

fn effect(ask: &Ask<'_>, kind: EffectKind, channel: &str, message: &Message) -> Effect {
    let marker = message
        .metadata
        .as_ref()
        .and_then(|metadata| metadata.pointer("/event_payload/effect")?.as_str());
    Effect {
        at_ms: ask.now_ms,
        provider: Provider::Slack,
        kind,
        target: channel.to_owned(),
        id: message.ts.clone(),
        marker: marker.map(str::to_owned),
    }
}

/// From a JSON body, or else from a form, or else from the query.
fn arguments(ask: &Ask<'_>) -> Result<Arguments, &'static str> {
    let text = |pair: (String, String)| (pair.0, Value::String(pair.1));
    let mut arguments: Arguments = ask.query.clone().into_iter().map(text).collect();
    if ask
        .header("content-type")
        .is_some_and(|kind| kind.starts_with("application/json"))
    {
        let Some(Value::Object(body)) = ask.json() else {
            return Err("invalid_json");
        };
        arguments.extend(body);
    } else {
        arguments.extend(form_urlencoded::parse(ask.body).into_owned().map(text));
    }
    Ok(arguments)
}

/// `metadata`, as an object or as its JSON text (in a form).
fn metadata(arguments: &Arguments) -> Result<Option<Value>, &'static str> {
    let Some(given) = arguments.get("metadata") else {
        return Ok(None);
    };
    let value = match given.as_str() {
        Some(text) => serde_json::from_str(text).map_err(|_| "invalid_metadata_format")?,
        None => given.clone(),
    };
    let sound = value.get("event_type").is_some_and(Value::is_string)
        && value.get("event_payload").is_some_and(Value::is_object);
    if sound {
        Ok(Some(value))
    } else {
        Err("invalid_metadata_schema")
    }
}

fn text<'a>(arguments: &'a Arguments, name: &str) -> Option<&'a str> {
    arguments.get(name).and_then(Value::as_str)
}
