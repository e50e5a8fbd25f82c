//! Calls to the providers: their faults, and the rules after each effect.

use bytes::Bytes;
use http::Request;
use local::sandbox::fault::{Fault as Failure, Faults};
use local::sandbox::{Exchange, Provider};
use ratchet_guard::clock::Millis;
use ratchet_providers::transport::TransportError;

use super::Hub;
use crate::engine::{Fault, Outside};
use crate::host::HeldRequest;
use crate::invariants::effects;

/// How long a provider's request lives after its client gave up, in ms, as the template sets it.
const REQUEST_LIFE_MAX_MS: u64 = 60_000;

/// What a client waits for an answer, in ms, as the template sets it; a model's client waits longer.
const CLIENT_TIMEOUT_MS: u64 = 20_000;
const MODEL_TIMEOUT_MS: u64 = 120_000;

type Answer = Result<http::Response<Bytes>, TransportError>;

/// A request to a provider.
pub(super) struct ProviderCall<'h> {
    pub(super) hub: &'h Hub,
    pub(super) request: Request<Bytes>,
}

impl Outside for ProviderCall<'_> {
    type Answer = Answer;
    type Late = HeldRequest;

    fn label(&self) -> String {
        label(&self.request)
    }

    fn apply(&self, run: usize) -> Answer {
        told(self.hub.apply_provider(run, &self.request))
    }

    fn refused(&self, run: usize, point: u32, fault: Fault) -> Answer {
        let status = |status, retry_after_seconds| Failure::Status {
            status,
            retry_after_seconds,
        };
        let failure = match (fault, point % 2) {
            (Fault::Refused, 0) => Failure::Refuse,
            (Fault::Refused, _) => status(429, Some(7)),
            (_, 0) => status(503, None),
            _ => status(500, None),
        };
        self.plan(failure);
        self.apply(run)
    }

    fn lost(&self, run: usize, fault: Fault) -> Answer {
        if fault == Fault::Lost {
            // It is applied, and the gateway in front of it says that it failed.
            self.plan(Failure::StatusAfter { status: 502 });
            return self.apply(run);
        }
        self.hub.apply_provider(run, &self.request);
        Err(TransportError::Lost(
            "connection closed before an answer".to_owned(),
        ))
    }

    fn timed_out(&self) -> Answer {
        Err(TransportError::Lost("timeout".to_owned()))
    }

    fn timeout_ms(&self) -> Millis {
        if provider_of(&self.request) == Provider::Anthropic {
            MODEL_TIMEOUT_MS
        } else {
            CLIENT_TIMEOUT_MS
        }
    }

    fn late(&self, _: Millis, end_ms: Millis) -> (HeldRequest, Millis) {
        let request = HeldRequest::Provider(self.request.clone());
        (request, end_ms + REQUEST_LIFE_MAX_MS - 1_000)
    }
}

impl ProviderCall<'_> {
    fn plan(&self, failure: Failure) {
        self.hub.sandbox.edit(|world, _| {
            world.faults.plan(provider_of(&self.request), None, failure, 1);
        });
    }
}

impl Hub {
    pub(super) fn apply_provider(&self, run: usize, request: &Request<Bytes>) -> Exchange {
        let before = self.sandbox.effects().len();
        let exchange = self.variant.provider(self, request);
        // What was planned is used up; its counts are no part of the world.
        self.sandbox.edit(|world, _| world.faults = Faults::default());
        let all = self.sandbox.effects();
        if all.len() > before {
            let found = self.sandbox.read(|world| effects(world, &all));
            self.violated(found);
        }
        if let Exchange::Answered(response) = &exchange {
            self.heard(run, response.body());
        }
        exchange
    }
}

fn told(exchange: Exchange) -> Answer {
    match exchange {
        Exchange::Answered(response) => Ok(response),
        Exchange::Refused => Err(TransportError::NotSent("connection refused".to_owned())),
        Exchange::Lost => Err(TransportError::Lost(
            "connection closed before an answer".to_owned(),
        )),
    }
}

/// Whose host the request goes to.
pub(crate) fn provider_of(request: &Request<Bytes>) -> Provider {
    match request.uri().host().unwrap_or_default() {
        "slack.com" => Provider::Slack,
        "api.anthropic.com" => Provider::Anthropic,
        host if host.ends_with("zendesk.com") => Provider::Zendesk,
        _ => Provider::Github,
    }
}

/// What a request says, in one line.
pub(crate) fn label(request: &Request<Bytes>) -> String {
    let uri = request.uri();
    format!(
        "{} {}{}",
        request.method(),
        uri.host().unwrap_or_default(),
        uri.path_and_query().map_or("", |path| path.as_str())
    )
}
