//! One ticket is one trace: the envelope carries its id, and SQS hands it to X-Ray.

use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use ratchet_domain::message::Envelope;
use serde::Deserialize;

/// Digits of a W3C trace id.
const DIGITS: usize = 32;
/// Digits of it that X-Ray reads as the time.
const TIME_DIGITS: usize = 8;

/// The part of an envelope that names its trace; whoever reads it need not know the message's version.
#[derive(Deserialize)]
struct Traced {
    trace: Option<String>,
}

/// The `AWSTraceHeader` of a message, which SQS passes to X-Ray and to the receiver, if its envelope belongs to a trace.
#[must_use]
pub fn attribute(body: &str) -> Option<(MessageSystemAttributeNameForSends, MessageSystemAttributeValue)> {
    let traced: Traced = serde_json::from_str(body).ok()?;
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(x_ray(&traced.trace?)?)
        .build()
        .ok()?;
    Some((MessageSystemAttributeNameForSends::AwsTraceHeader, value))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_messages_trace_goes_beside_it_in_x_rays_words() {
        let body = r#"{"version":1,"trace":"5759e988bd862e3fe1be46a994272793","body":{}}"#;
        let (name, value) = attribute(body).unwrap();
        assert_eq!(name.as_str(), "AWSTraceHeader");
        assert_eq!(
            value.string_value(),
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
            assert!(attribute(body).is_none(), "{body}");
        }
    }
}
