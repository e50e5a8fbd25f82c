//! What a part of the world says, cut where times and hashes stand: those say something only beside all the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ratchet_guard::clock::Millis;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::world::START_MS;

/// A piece of what a part says.
#[derive(Debug)]
enum Token {
    /// Text that says the same wherever it stands.
    Plain(Vec<u8>),
    /// A time.
    Time(Millis),
    /// A hash of something: which one it is says nothing, where it occurs again does.
    Name(Box<str>),
}

/// A part of the world.
#[derive(Debug, Default)]
pub(super) struct Part {
    tokens: Vec<Token>,
    plain: Vec<u8>,
}

/// Plain text longer than this is kept as its hash.
const PLAIN_BYTES_MAX: usize = 48;

impl Part {
    /// Of this value.
    pub(super) fn of(value: &Value) -> Self {
        let mut part = Self::default();
        part.print(value);
        part.cut();
        part
    }

    fn cut(&mut self) {
        let plain = std::mem::take(&mut self.plain);
        if plain.len() > PLAIN_BYTES_MAX {
            self.tokens.push(Token::Plain(Sha256::digest(&plain).to_vec()));
        } else if !plain.is_empty() {
            self.tokens.push(Token::Plain(plain));
        }
    }

    fn put(&mut self, kind: u8, bytes: &[u8]) {
        self.plain.push(kind);
        self.plain.extend((bytes.len() as u64).to_be_bytes());
        self.plain.extend(bytes);
    }

    fn print(&mut self, value: &Value) {
        if let Some(at) = time(value) {
            self.cut();
            self.tokens.push(Token::Time(at));
            return;
        }
        match value {
            Value::Array(items) => {
                self.put(b'[', &(items.len() as u64).to_be_bytes());
                items.iter().for_each(|item| self.print(item));
            }
            Value::Object(fields) => {
                // The order of an object's fields says nothing.
                let sorted: BTreeMap<&String, &Value> = fields.iter().collect();
                self.put(b'{', &(sorted.len() as u64).to_be_bytes());
                for (name, field) in sorted {
                    self.put(b':', name.as_bytes());
                    self.print(field);
                }
            }
            Value::String(text) => {
                if let Some(inner) = inside(text) {
                    self.print(&inner);
                } else if matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    self.cut();
                    self.tokens.push(Token::Name(text.as_str().into()));
                } else {
                    self.put(b'"', text.as_bytes());
                }
            }
            other => self.put(b'.', other.to_string().as_bytes()),
        }
    }
}

/// One digest of all parts: times that are past by their order, times to come by their distance from now, hashes by
/// where they occur.
pub(super) fn digest(parts: &[Arc<Part>], now_ms: Millis) -> [u8; 16] {
    let tokens = || parts.iter().flat_map(|part| &part.tokens);
    let past: BTreeSet<Millis> = tokens()
        .filter_map(|token| match token {
            Token::Time(at) if *at <= now_ms => Some(*at),
            _ => None,
        })
        .collect();
    let past: Vec<Millis> = past.into_iter().collect();
    let mut names: BTreeMap<&str, u64> = BTreeMap::new();
    let mut print = Vec::with_capacity(16_384);
    for part in parts {
        print.push(b'|');
        for token in &part.tokens {
            let (kind, number) = match token {
                Token::Plain(text) => {
                    print.push(b'"');
                    print.extend((text.len() as u64).to_be_bytes());
                    print.extend(text);
                    continue;
                }
                Token::Time(at) if *at > now_ms => (b'>', at - now_ms),
                Token::Time(at) => (b'<', past.partition_point(|past| past < at) as u64),
                Token::Name(name) => {
                    let next = names.len() as u64;
                    (b'#', *names.entry(name).or_insert(next))
                }
            };
            print.push(kind);
            print.extend(number.to_be_bytes());
        }
    }
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(Sha256::digest(&print)) {
        *to = from;
    }
    short
}

/// The time that a number or a text stands for, if it does.
fn time(value: &Value) -> Option<Millis> {
    let plausible = |ms: Millis| {
        (START_MS - 86_400_000..START_MS + 500 * 86_400_000)
            .contains(&ms)
            .then_some(ms)
    };
    match value {
        Value::Number(number) => {
            let number = number.as_u64()?;
            plausible(number).or_else(|| plausible(number.saturating_mul(1_000)))
        }
        Value::String(text) => {
            let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
            if text.len() == 13 && digits(text) {
                return plausible(text.parse().ok()?);
            }
            if let Some((seconds, micros)) = text.split_once('.')
                && seconds.len() == 10
                && digits(seconds)
                && digits(micros)
            {
                return plausible(seconds.parse::<u64>().ok()?.saturating_mul(1_000));
            }
            if text.len() < 20 || text.as_bytes().get(10) != Some(&b'T') {
                return None;
            }
            let at = chrono::DateTime::parse_from_rfc3339(text).ok()?;
            plausible(u64::try_from(at.timestamp_millis()).ok()?)
        }
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// JSON inside a text.
fn inside(text: &str) -> Option<Value> {
    let first = text.as_bytes().first()?;
    matches!(first, b'{' | b'[').then(|| serde_json::from_str(text).ok())?
}
