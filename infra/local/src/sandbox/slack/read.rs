//! Reading a channel and its threads.

use serde_json::{Value, json};

use super::{Arguments, Message, Outcome, Slack, text};

const LIMIT_DEFAULT: usize = 100;
const LIMIT_MAX: usize = 999;

impl Slack {
    /// The channel's own messages, newest first; replies are in their threads only.
    pub(super) fn history(&self, arguments: &Arguments) -> Outcome {
        let channel = text(arguments, "channel").ok_or("channel_not_found")?;
        let messages = self.channels.get(channel).ok_or("channel_not_found")?;
        let own = messages.iter().filter(|message| {
            message
                .thread_ts
                .as_ref()
                .is_none_or(|thread| *thread == message.ts)
        });
        let mut found: Vec<&Message> = own.filter(|message| in_range(message, arguments)).collect();
        found.reverse();
        Ok(page(&found, arguments, |message| before(message, arguments)))
    }

    /// A thread, its parent first.
    pub(super) fn replies(&self, arguments: &Arguments) -> Outcome {
        let channel = text(arguments, "channel").ok_or("channel_not_found")?;
        let messages = self.channels.get(channel).ok_or("channel_not_found")?;
        let asked = text(arguments, "ts").ok_or("thread_not_found")?;
        let parent = messages
            .iter()
            .find(|message| message.ts == asked)
            .ok_or("thread_not_found")?;
        let root = parent.thread_ts.as_ref().unwrap_or(&parent.ts);
        let found: Vec<&Message> = messages
            .iter()
            .filter(|message| message.ts == *root || message.thread_ts.as_ref() == Some(root))
            .filter(|message| message.ts == *root || in_range(message, arguments))
            .collect();
        Ok(page(&found, arguments, |message| after(message, arguments)))
    }
}

/// The page that the cursor (the timestamp of the last message shown) leads to.
fn page(found: &[&Message], arguments: &Arguments, beyond_cursor: impl Fn(&Message) -> bool) -> Value {
    let limit = number(arguments, "limit")
        .unwrap_or(LIMIT_DEFAULT)
        .clamp(1, LIMIT_MAX);
    let all_metadata = truth(arguments, "include_all_metadata");
    let rest: Vec<&&Message> = found.iter().filter(|message| beyond_cursor(message)).collect();
    let has_more = rest.len() > limit;
    let shown: Vec<Value> = rest
        .iter()
        .take(limit)
        .map(|message| message.to_json(all_metadata))
        .collect();
    let last = rest.get(limit.saturating_sub(1)).filter(|_| has_more);
    let next = last
        .map(|message| format!("ts:{}", message.ts))
        .unwrap_or_default();
    json!({"messages": shown, "has_more": has_more, "response_metadata": {"next_cursor": next}})
}

fn cursor(arguments: &Arguments) -> Option<&str> {
    text(arguments, "cursor").and_then(|cursor| cursor.strip_prefix("ts:"))
}

fn before(message: &Message, arguments: &Arguments) -> bool {
    cursor(arguments).is_none_or(|cursor| stamp(&message.ts) < stamp(cursor))
}

fn after(message: &Message, arguments: &Arguments) -> bool {
    cursor(arguments).is_none_or(|cursor| stamp(&message.ts) > stamp(cursor))
}

/// `oldest` and `latest`; the ends count only where `inclusive` says so.
fn in_range(message: &Message, arguments: &Arguments) -> bool {
    let inclusive = truth(arguments, "inclusive");
    let at = stamp(&message.ts);
    let end = |name: &str| argument_text(arguments, name).map(|text| stamp(&text));
    end("oldest").is_none_or(|oldest| at > oldest || (inclusive && at == oldest))
        && end("latest").is_none_or(|latest| at < latest || (inclusive && at == latest))
}

/// A timestamp in microseconds. A text that is none counts as 0, as the vendor reads it.
fn stamp(ts: &str) -> u64 {
    let (seconds, fraction) = ts.split_once('.').unwrap_or((ts, ""));
    let micros: String = fraction.chars().chain("000000".chars()).take(6).collect();
    let whole = seconds
        .parse::<u64>()
        .unwrap_or_default()
        .saturating_mul(1_000_000);
    whole.saturating_add(micros.parse().unwrap_or_default())
}

fn argument_text(arguments: &Arguments, name: &str) -> Option<String> {
    let value = arguments.get(name)?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

fn number(arguments: &Arguments, name: &str) -> Option<usize> {
    argument_text(arguments, name)?.parse().ok()
}

fn truth(arguments: &Arguments, name: &str) -> bool {
    argument_text(arguments, name).is_some_and(|text| text == "true" || text == "1")
}
