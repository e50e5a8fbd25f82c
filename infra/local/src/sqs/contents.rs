//! What a message carries: its body, its attributes, their sizes and their digests.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::refusal::{Code, Refusal};

/// Attributes that a message may carry. Source: SQS quotas.
const ATTRIBUTES_MAX: usize = 10;

/// A typed value beside the body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MessageAttribute {
    /// `String`, `Number` or `Binary`, with or without a label after a dot.
    pub data_type: String,
    /// The value of a text or a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub string_value: Option<String>,
    /// The value of bytes, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub binary_value: Option<String>,
}

/// Attributes by name.
pub type Attributes = BTreeMap<String, MessageAttribute>;

impl MessageAttribute {
    /// The transport's number for the type, and the value's bytes.
    fn encoded(&self) -> Option<(u8, Vec<u8>)> {
        let kind = self.data_type.split('.').next()?;
        match (kind, &self.string_value, &self.binary_value) {
            ("String" | "Number", Some(text), None) if !text.is_empty() => {
                Some((1, text.clone().into_bytes()))
            }
            ("Binary", None, Some(base64)) => {
                let bytes = STANDARD.decode(base64).ok()?;
                (!bytes.is_empty()).then_some((2, bytes))
            }
            _ => None,
        }
    }
}

pub(super) fn md5_hex(bytes: &[u8]) -> String {
    format!("{:x}", md5::compute(bytes))
}

/// The digest of the attributes, by name in order: length, name, length, type, kind of value, length, value.
pub(super) fn md5_of_attributes(attributes: &Attributes) -> Option<String> {
    if attributes.is_empty() {
        return None;
    }
    let mut bytes = Vec::new();
    for (name, attribute) in attributes {
        let (kind, value) = attribute.encoded()?;
        for part in [name.as_bytes(), attribute.data_type.as_bytes()] {
            append(&mut bytes, part);
        }
        bytes.push(kind);
        append(&mut bytes, &value);
    }
    Some(md5_hex(&bytes))
}

fn append(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(part);
}

/// Checks a message's body and attributes, and says how many bytes it counts.
pub(super) fn measured(body: &str, attributes: &Attributes) -> Result<usize, Refusal> {
    if body.is_empty() {
        return Err(Refusal::missing("MessageBody"));
    }
    if let Some(found) = body.chars().find(|found| !allowed(*found)) {
        let message = format!("Invalid characters found: #x{:X}", u32::from(found));
        return Err(Refusal::new(Code::InvalidMessageContents, message));
    }
    if attributes.len() > ATTRIBUTES_MAX {
        let message = format!(
            "Number of message attributes [{}] exceeds the allowed maximum [10].",
            attributes.len()
        );
        return Err(Refusal::new(Code::InvalidParameterValue, message));
    }
    let mut bytes = body.len();
    for (name, attribute) in attributes {
        let (_, value) = attribute.encoded().ok_or_else(|| {
            let message =
                format!("The message attribute '{name}' must contain a non-empty value of its type.");
            Refusal::new(Code::InvalidParameterValue, message)
        })?;
        bytes += name.len() + attribute.data_type.len() + value.len();
    }
    Ok(bytes)
}

/// Characters that a body may hold. Source: SQS API reference, `SendMessage`.
fn allowed(found: char) -> bool {
    matches!(found, '\t' | '\n' | '\r' | '\u{20}'..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
}

/// The attributes that a receiver asked for: by name, by prefix (`order.*`), or all.
pub(super) fn chosen(attributes: &Attributes, wanted: &[String]) -> Attributes {
    let asked = |name: &str| {
        wanted.iter().any(|wanted| match wanted.strip_suffix(".*") {
            Some(prefix) => name.starts_with(prefix),
            None => wanted == "All" || wanted == name,
        })
    };
    attributes
        .iter()
        .filter(|(name, _)| asked(name))
        .map(|(name, attribute)| (name.clone(), attribute.clone()))
        .collect()
}
