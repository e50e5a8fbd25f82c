//! One ticket is one trace: the envelope carries its id, and SQS hands it to X-Ray.

use std::collections::BTreeMap;

use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use ratchet_domain::message::Envelope;
use serde::Deserialize;

/// Digits of a W3C trace id.
const DIGITS: usize = 32;
/// Digits of it that X-Ray reads as the time.
const TIME_DIGITS: usize = 8;

/// SQS's own name for what it passes to X-Ray and to the receiver.
type Attributes = std::collections::HashMap<MessageSystemAttributeNameForSends, MessageSystemAttributeValue>;

/// The part of an envelope that names its trace; whoever reads it need not know the message's version.
#[derive(Deserialize)]
struct Traced {
    trace: Option<String>,
}

/// The `AWSTraceHeader` of a message, if its envelope belongs to a trace.
#[must_use]
pub fn attributes(body: &str) -> Option<Attributes> {
    let traced: Traced = serde_json::from_str(body).ok()?;
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(x_ray(&traced.trace?)?)
        .build()
        .ok()?;
    let pair = (MessageSystemAttributeNameForSends::AwsTraceHeader, value);
    Some(std::iter::once(pair).collect())
}

/// X-Ray's header for a W3C trace id: both are the same 128 bits, written differently.
#[must_use]
pub fn x_ray(trace: &str) -> Option<String> {
    let is_id = trace.len() == DIGITS && trace.chars().all(|c| c.is_ascii_hexdigit());
    let (time, rest) = is_id.then(|| trace.split_at(TIME_DIGITS))?;
    Some(format!("Root=1-{time}-{rest};Sampled=1"))
}

/// Fields of a log line that belong to the trace: `trace_id`, where the envelope has one.
#[must_use]
pub fn id_of(envelope: &Envelope) -> &str {
    envelope.trace.as_deref().unwrap_or_default()
}

/// As a set of names, for whoever prints them.
#[must_use]
pub fn printed(attributes: &Attributes) -> BTreeMap<String, String> {
    attributes
        .iter()
        .map(|(name, value)| {
            (
                name.as_str().to_owned(),
                value.string_value().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_trace_goes_beside_it_in_x_rays_words() {
        let body = r#"{"version":1,"trace":"5759e988bd862e3fe1be46a994272793","body":{}}"#;
        let printed = printed(&attributes(body).unwrap());
        assert_eq!(
            printed.get("AWSTraceHeader").map(String::as_str),
            Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1")
        );
    }

    #[test]
    fn what_is_no_trace_is_not_sent() {
        for body in [
            "",
            "{}",
            r#"{"trace":null}"#,
            r#"{"trace":"zz"}"#,
            r#"{"trace":"5759é988bd862e3fe1be46a99427279"}"#,
        ] {
            assert!(attributes(body).is_none(), "{body}");
        }
    }
}
