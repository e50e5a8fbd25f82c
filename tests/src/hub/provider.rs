//! Calls to the providers: their faults, and the rules after each effect.

use bytes::Bytes;
use http::Request;
use local::sandbox::fault::{Fault as Failure, Faults};
use local::sandbox::{Exchange, Provider};
use ratchet_guard::clock::Millis;
use ratchet_providers::transport::TransportError;

use super::Hub;
use crate::engine::{Fault, Held, Outside};
use crate::host::HeldRequest;
use crate::invariants::effects;
use crate::variant::is_list;

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
            self.hub.times.model_timeout_ms
        } else {
            self.hub.times.client_timeout_ms
        }
    }

    fn late(&self, _: Millis, end_ms: Millis) -> (HeldRequest, Millis) {
        let request = HeldRequest::Provider(self.request.clone());
        (
            request,
            end_ms + self.hub.times.request_life_ms.saturating_sub(1_000),
        )
    }

    fn land(&self, due: Vec<Held<HeldRequest>>) {
        self.hub.land(due);
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
        let before = self.sandbox.read(|world| world.effects().len());
        let exchange = self.variant.provider(self, request);
        // What was planned is used up; its counts are no part of the world.
        self.sandbox.edit(|world, _| world.faults = Faults::default());
        let slept = self.lock().at.host.slept;
        let found = self.sandbox.read(|world| {
            let all = world.effects();
            (all.len() > before).then(|| effects(world, all, slept))
        });
        self.violated(found.unwrap_or_default());
        if is_list(request) {
            self.hit(probe_answer(&exchange));
        }
        if let Exchange::Answered(response) = &exchange {
            self.heard(run, response.body());
        }
        exchange
    }
}

/// What a look for an earlier attempt's effect came to.
fn probe_answer(exchange: &Exchange) -> &'static str {
    match exchange {
        Exchange::Answered(answer) if !answer.status().is_success() => "probe: refused",
        Exchange::Answered(answer) => {
            let marker = b"ratchet";
            let found = answer.body().windows(marker.len()).any(|part| part == marker);
            if found {
                "probe: found"
            } else {
                "probe: nothing there"
            }
        }
        Exchange::Refused | Exchange::Lost => "probe: no answer",
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
