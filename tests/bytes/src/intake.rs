//! The intake behind the webhook targets, and what a vendor's signature must be.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lambda_events::encodings::Body;
use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName, HeaderValue};
use local::aws::Aws;
use local::sandbox::webhook::{github_signature, zendesk_signature};
use ratchet_guard::clock::CountedAttemptIds;
use ratchet_providers::transport::{Transport, TransportError};
use ratchet_runtime::serve::Function as _;
use serde_json::Value;
use sha1::Sha1;
use tokio::runtime::Runtime;
use webhook::Webhook;

use crate::state::{self, GITHUB_SECRET, INTERCOM_SECRET, NOW_MS, ZENDESK_SECRET};

/// When requests are signed that do not say when.
pub(crate) const NOW: &str = "2026-01-15T10:00:00Z";

const ZENDESK_SIGNATURE: &str = "x-zendesk-webhook-signature";
const ZENDESK_TIME: &str = "x-zendesk-webhook-signature-timestamp";

/// Who sends webhooks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Vendor {
    Zendesk,
    Intercom,
    Github,
}

impl Vendor {
    pub(crate) const ALL: [Self; 3] = [Self::Zendesk, Self::Intercom, Self::Github];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Intercom => "intercom",
            Self::Github => "github",
        }
    }

    pub(crate) fn secret(self) -> &'static str {
        match self {
            Self::Zendesk => ZENDESK_SECRET,
            Self::Intercom => INTERCOM_SECRET,
            Self::Github => GITHUB_SECRET,
        }
    }

    /// The header that proves the sender.
    fn header(self) -> &'static str {
        match self {
            Self::Zendesk => ZENDESK_SIGNATURE,
            Self::Intercom => "x-hub-signature",
            Self::Github => "x-hub-signature-256",
        }
    }

    /// What must stand in that header, over a body and, where the vendor signs one, a time.
    fn signature(self, time: &str, body: &[u8]) -> String {
        match self {
            Self::Zendesk => zendesk_signature(ZENDESK_SECRET, time, body),
            Self::Github => github_signature(GITHUB_SECRET, body),
            Self::Intercom => {
                // A key of any length is taken, so there is no error to tell.
                let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(INTERCOM_SECRET.as_bytes()) else {
                    return String::new();
                };
                mac.update(body);
                format!("sha1={}", hex::encode(mac.finalize().into_bytes()))
            }
        }
    }

    /// The headers of a genuine request.
    pub(crate) fn sign(self, time: &str, body: &[u8]) -> BTreeMap<&'static str, String> {
        let mut headers = BTreeMap::from([
            ("content-type", "application/json".to_owned()),
            (self.header(), self.signature(time, body)),
        ]);
        match self {
            Self::Zendesk => {
                headers.insert(ZENDESK_TIME, time.to_owned());
                headers.insert("x-zendesk-account-id", "22129848".to_owned());
                headers.insert(
                    "x-zendesk-webhook-invocation-id",
                    "01KF0000000000000000000002".to_owned(),
                );
            }
            Self::Github => {
                headers.insert("x-github-event", "pull_request".to_owned());
                headers.insert(
                    "x-github-delivery",
                    "72d3162e-cc78-11e3-81ab-4c9367dc0958".to_owned(),
                );
            }
            Self::Intercom => {}
        }
        headers
    }
}

/// The vendor itself could have sent it, at some time.
pub(crate) fn is_genuine(vendor: Vendor, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let time = match vendor {
        Vendor::Zendesk => header(ZENDESK_TIME),
        Vendor::Intercom | Vendor::Github => Some(""),
    };
    let (Some(time), Some(claimed)) = (time, header(vendor.header())) else {
        return false;
    };
    vendor.signature(time, body) == claimed
}

/// The function with its tables and queues.
pub(crate) struct Intake {
    runtime: Runtime,
    aws: Aws,
    webhook: Webhook,
}

/// What came back for a request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) code: i64,
    pub(crate) status: String,
    pub(crate) reason: String,
    /// The whole body.
    pub(crate) text: String,
}

/// The intake talks to no provider.
struct Nobody;

#[async_trait::async_trait]
impl Transport for Nobody {
    async fn send(
        &self,
        _: http::Request<bytes::Bytes>,
    ) -> Result<http::Response<bytes::Bytes>, TransportError> {
        Err(TransportError::NotSent("there is no provider here".to_owned()))
    }
}

impl Intake {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()?;
        let (cloud, clock) = runtime.block_on(state::cloud(state::secrets()))?;
        let link = cloud.aws.link();
        let ids = Arc::new(CountedAttemptIds::new("bytes"));
        let deployment = cloud.deployment("webhook", &link, Arc::new(Nobody), clock, ids)?;
        Ok(Self {
            runtime,
            aws: cloud.aws.clone(),
            webhook: Webhook::new(&deployment)?,
        })
    }

    /// Calls the function as API Gateway does.
    pub(crate) fn call(&self, event: ApiGatewayV2httpRequest) -> Result<Told, String> {
        let answer: ApiGatewayV2httpResponse = self
            .runtime
            .block_on(self.webhook.call(event, NOW_MS + 10_000))
            .map_err(|error| format!("the function answers with an error: {error}"))?;
        let text = match answer.body {
            Some(Body::Text(text)) => text,
            Some(Body::Binary(_)) => return Err("the answer is binary".to_owned()),
            _ => String::new(),
        };
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        let field = |name: &str| {
            json.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Ok(Told {
            code: answer.status_code,
            status: field("status"),
            reason: field("reason"),
            text,
        })
    }

    /// How many messages there are, in all queues.
    pub(crate) fn messages(&self) -> usize {
        self.aws
            .sqs
            .read(|state| state.queues.values().map(|queue| queue.messages.len()).sum())
    }
}

/// The event of API Gateway for a request.
pub(crate) fn event(method: &str, path: &str, headers: HeaderMap, body: &[u8]) -> ApiGatewayV2httpRequest {
    let mut event = ApiGatewayV2httpRequest::default();
    event.raw_path = Some(path.to_owned());
    event.request_context.http.method = method.parse().unwrap_or(http::Method::POST);
    event.headers = headers;
    event.body = Some(STANDARD.encode(body));
    event.is_base64_encoded = true;
    event
}

/// Headers as they arrive; none where a value cannot stand in one.
fn arriving(headers: &BTreeMap<&'static str, String>) -> Option<HeaderMap> {
    raw(headers
        .iter()
        .map(|(name, value)| (*name, value.clone().into_bytes())))
}

fn raw<'a>(headers: impl IntoIterator<Item = (&'a str, Vec<u8>)>) -> Option<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.insert(
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_bytes(&value).ok()?,
        );
    }
    Some(map)
}

/// Sends `body` signed by each vendor, then with every single bit of the body, the signature and the signed time turned
/// over; how many changes were refused, by vendor.
///
/// # Errors
/// The first change that was not refused with 401, or the genuine request if that was.
pub fn one_bit_changes(bodies: &[(&str, Vec<u8>)]) -> Result<BTreeMap<&'static str, u64>, String> {
    let intake = Intake::new().map_err(|error| format!("{error:#}"))?;
    let mut refused = BTreeMap::new();
    for vendor in Vendor::ALL {
        let path = format!("/hooks/acme/{}", vendor.as_str());
        let post = |headers: HeaderMap, body: &[u8]| intake.call(event("POST", &path, headers, body));
        let own = bodies.iter().filter(|(name, _)| *name == vendor.as_str());
        for (_, body) in own {
            let headers = vendor.sign(NOW, body);
            let signed = arriving(&headers).ok_or("genuine headers cannot arrive")?;
            let genuine = post(signed.clone(), body)?;
            if genuine.code == 401 {
                return Err(format!("{vendor:?}: the genuine request is refused"));
            }
            let count = refused.entry(vendor.as_str()).or_default();
            for bit in 0..body.len() * 8 {
                expect_refused(&post(signed.clone(), &flipped(body, bit))?, vendor, "body", bit)?;
                *count += 1;
            }
            for name in [vendor.header(), ZENDESK_TIME] {
                let Some(value) = headers.get(name) else { continue };
                for bit in 0..value.len() * 8 {
                    let spoilt = flipped(value.as_bytes(), bit);
                    let mut all: BTreeMap<&str, Vec<u8>> = headers
                        .iter()
                        .map(|(name, value)| (*name, value.clone().into_bytes()))
                        .collect();
                    all.insert(name, spoilt);
                    // What no header can hold cannot arrive.
                    let Some(headers) = raw(all) else { continue };
                    expect_refused(&post(headers, body)?, vendor, name, bit)?;
                    *count += 1;
                }
            }
        }
    }
    Ok(refused)
}

fn flipped(bytes: &[u8], bit: usize) -> Vec<u8> {
    let mut flipped = bytes.to_vec();
    if let Some(byte) = flipped.get_mut(bit / 8) {
        *byte ^= 1 << (bit % 8);
    }
    flipped
}

fn expect_refused(told: &Told, vendor: Vendor, what: &str, bit: usize) -> Result<(), String> {
    if told.code == 401 {
        return Ok(());
    }
    Err(format!(
        "{vendor:?}: bit {bit} of {what} turned over is answered {}",
        told.code
    ))
}
