//! Small changes, as a careless or a hostile sender would make them.

use serde_json::Value;

/// Longest input that is made. Reason: time; the size limits have tests of their own.
const BYTES_MAX: usize = 16 * 1024;

/// Words that mean something behind one of the doors.
const WORDS: [&[u8]; 24] = [
    b"null",
    b"true",
    b"-1",
    b"0",
    b"1e999",
    b"18446744073709551616",
    b"0.7",
    b"\"\"",
    b"{}",
    b"[]",
    b"\\u0000",
    b"\\ud800",
    b"\xff",
    b"\xc3\x28",
    b"\xe2\x80\xae",
    b"\n\n",
    b":",
    b"/../",
    b".github/workflows/ci.yml",
    b"zen:event-type:ticket.created",
    b"conversation.user.replied",
    b"closed",
    b"sha256=",
    b"env:",
];

/// Values that take the place of another one in a document.
const VALUES: [&str; 16] = [
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "0.999999999999999999",
    "9007199254740993",
    "18446744073709551615",
    "\"\"",
    "\"x\"",
    "\"\\u0000\"",
    "\"acme/shop\"",
    "[]",
    "{}",
    "[[[[[[]]]]]]",
    "\"2026-01-15T10:00:00Z\"",
];

/// Random numbers from a seed (splitmix64).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// 0 or more, and below `end`; 0 where `end` is.
    fn below(&mut self, end: usize) -> usize {
        let end = end.max(1) as u64;
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let index = self.below(of.len());
        of.get(index)
    }
}

/// One of `pool`, changed one to four times.
pub(super) fn changed(pool: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let mut input = dice.one(pool).cloned().unwrap_or_default();
    // Most inputs stay documents, so that they get past the parser.
    let stays_document = dice.below(3) > 0;
    for _ in 0..=dice.below(4) {
        input = match dice.below(5) {
            _ if stays_document => document(&input, dice).unwrap_or_else(|| byte(input, dice)),
            0 => byte(input, dice),
            1 => bit(input, dice),
            2 => word(input, dice),
            3 => cut(input, dice),
            _ => spliced(input, pool, dice),
        };
        input.truncate(BYTES_MAX);
    }
    input
}

fn bit(mut input: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let at = dice.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte ^= 1 << dice.below(8);
    }
    input
}

fn byte(mut input: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let at = dice.below(input.len());
    if let Some(byte) = input.get_mut(at) {
        *byte = dice.next().to_le_bytes()[0];
    }
    input
}

fn word(mut input: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let at = dice.below(input.len() + 1);
    let word = dice.one(&WORDS).copied().unwrap_or_default();
    input.splice(at..at, word.iter().copied());
    input
}

fn cut(mut input: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    let from = dice.below(input.len());
    let to = (from + dice.below(32)).min(input.len());
    input.drain(from..to);
    input
}

/// The head of one input and the tail of another.
fn spliced(mut input: Vec<u8>, pool: &[Vec<u8>], dice: &mut Dice) -> Vec<u8> {
    let other = dice.one(pool).cloned().unwrap_or_default();
    input.truncate(dice.below(input.len() + 1));
    input.extend(other.into_iter().skip(dice.below(64)));
    input
}

/// Another value somewhere in the document that the input ends in; none where it ends in no document.
fn document(input: &[u8], dice: &mut Dice) -> Option<Vec<u8>> {
    let start = input.iter().position(|byte| *byte == b'{')?;
    let (head, tail) = input.split_at(start);
    let mut document: Value = serde_json::from_slice(tail).ok()?;
    let mut paths = Vec::new();
    pointers(&document, "", &mut paths);
    let path = dice.one(&paths)?.clone();
    if dice.below(4) == 0 {
        remove(&mut document, &path);
    } else {
        let value = match dice.below(3) {
            0 => document.pointer(dice.one(&paths)?)?.clone(),
            1 => spoilt(document.pointer(&path)?, dice),
            _ => serde_json::from_str(dice.one(&VALUES)?).ok()?,
        };
        *document.pointer_mut(&path)? = value;
    }
    let mut changed = head.to_vec();
    changed.extend(document.to_string().into_bytes());
    Some(changed)
}

/// A text with one change, a number near another; everything else as it was.
fn spoilt(value: &Value, dice: &mut Dice) -> Value {
    match value {
        Value::String(text) => {
            let bytes = match dice.below(4) {
                0 => byte(text.clone().into_bytes(), dice),
                1 => word(text.clone().into_bytes(), dice),
                2 => cut(text.clone().into_bytes(), dice),
                _ => text.clone().into_bytes().repeat(1 + dice.below(40)),
            };
            Value::from(String::from_utf8_lossy(&bytes).into_owned())
        }
        Value::Number(number) => Value::from(number.as_f64().unwrap_or_default() - 1.0),
        Value::Array(items) => {
            let length = items.len() * dice.below(12);
            Value::Array(items.iter().cycle().take(length).cloned().collect())
        }
        Value::Null | Value::Bool(_) | Value::Object(_) => value.clone(),
    }
}

fn remove(document: &mut Value, path: &str) {
    let Some((parent, name)) = path.rsplit_once('/') else {
        return;
    };
    match document.pointer_mut(parent) {
        Some(Value::Object(fields)) => {
            fields.remove(name);
        }
        Some(Value::Array(items)) => {
            let index = name.parse().unwrap_or(usize::MAX);
            if index < items.len() {
                items.remove(index);
            }
        }
        _ => {}
    }
}

/// Every value in the document, by its pointer.
fn pointers(value: &Value, path: &str, found: &mut Vec<String>) {
    found.push(path.to_owned());
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                // A name with a slash would need an escape and is passed over.
                if !name.contains(['/', '~']) {
                    pointers(value, &format!("{path}/{name}"), found);
                }
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                pointers(value, &format!("{path}/{index}"), found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
