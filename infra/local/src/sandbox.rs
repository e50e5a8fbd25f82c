//! The outside providers in one process: Zendesk, GitHub, Slack and a model, each speaking its vendor's wire
//! format.
//!
//! A [`Sandbox`] keeps state, answers requests and never reads a clock, the network or a random: the same
//! requests at the same times give the same answers, byte for byte.
//! It is reached in process as a [`Transport`], or over HTTP with [`serve::serve`].
//! A vendor is told by the host of the address (`api.github.com`) or, at any other host, by the first part of
//! the path (`http://127.0.0.1:4000/github/..`).

mod ask;
mod marker;
mod people;
mod reply;
mod route;
mod time;

pub mod effect;
pub mod fault;
pub mod github;
pub mod model;
pub mod serve;
pub mod slack;
pub mod source;
pub mod webhook;
pub mod zendesk;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use ratchet_guard::clock::{Clock, Millis};
use ratchet_providers::transport::{Transport, TransportError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use ask::Ask;
use effect::Effect;
use fault::{Fault, Faults};
use github::Github;
use model::Model;
use model::answers::Answer;
use reply::Reply;
use slack::Slack;
use zendesk::Zendesk;

/// One of the vendors that the sandbox plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Tickets.
    Zendesk,
    /// Repositories and pull requests.
    Github,
    /// Chat.
    Slack,
    /// The model.
    Anthropic,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Zendesk, Self::Github, Self::Slack, Self::Anthropic];

    /// The name in path prefixes and counts.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Zendesk => "zendesk",
            Self::Github => "github",
            Self::Slack => "slack",
            Self::Anthropic => "anthropic",
        }
    }
}

/// Everything that the providers remember. It is a plain value: cloned, compared and written as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct World {
    /// Tickets, comments, audits, users.
    pub zendesk: Zendesk,
    /// Repositories, objects, pull requests, issues.
    pub github: Github,
    /// Channels and messages.
    pub slack: Slack,
    /// How often each question was asked, and what goes wrong next.
    pub model: Model,
    /// What fails next, and who is down.
    pub faults: Faults,
    effects: Vec<Effect>,
    calls: BTreeMap<String, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        Self {
            zendesk: Zendesk::new(seed),
            github: Github::new(seed),
            slack: Slack::new(),
            model: Model::new(seed),
            faults: Faults::default(),
            effects: Vec::new(),
            calls: BTreeMap::new(),
        }
    }

    /// What landed through the interfaces, in order.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }
}

/// What became of one request.
#[derive(Debug)]
pub enum Exchange {
    /// An answer came back.
    Answered(http::Response<Bytes>),
    /// The connection was refused: the provider saw nothing.
    Refused,
    /// The request left and nothing came back: it may have landed.
    Lost,
}

/// The providers. A clone is another handle to the same world; [`Sandbox::fork`] is another world.
#[derive(Clone)]
pub struct Sandbox {
    clock: Arc<dyn Clock>,
    answers: Arc<[Answer]>,
    world: Arc<Mutex<World>>,
    // Archives are content addressed, so forks may share them; they are no part of the state.
    archives: github::archive::Archives,
}

impl Sandbox {
    /// Empty providers with the default credentials and nothing that the model recognises.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, seed: u64) -> Self {
        Self {
            clock,
            answers: Arc::from([]),
            world: Arc::new(Mutex::new(World::new(seed))),
            archives: github::archive::Archives::default(),
        }
    }

    /// The same world with a model that recognises what `answers` describe.
    #[must_use]
    pub fn with_answers(mut self, answers: impl Into<Arc<[Answer]>>) -> Self {
        self.answers = answers.into();
        self
    }

    /// An independent copy: nothing that happens to one is seen by the other. Both read the same clock.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.fork_at(Arc::clone(&self.clock))
    }

    /// An independent copy that reads another clock.
    #[must_use]
    pub fn fork_at(&self, clock: Arc<dyn Clock>) -> Self {
        let world = self.lock().clone();
        Self {
            clock,
            answers: Arc::clone(&self.answers),
            world: Arc::new(Mutex::new(world)),
            archives: self.archives.clone(),
        }
    }

    /// Changes the world by hand, as a customer, a colleague or an operator would; the second argument is
    /// now.
    /// The world is locked meanwhile: the change must not call the sandbox.
    pub fn edit<R>(&self, change: impl FnOnce(&mut World, Millis) -> R) -> R {
        let now_ms = self.clock.now_ms();
        change(&mut self.lock(), now_ms)
    }

    /// Looks at the world; locked as in [`Sandbox::edit`].
    pub fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.lock())
    }

    /// What landed at the providers through their interfaces, in order. What people did by hand is not in it.
    #[must_use]
    pub fn effects(&self) -> Vec<Effect> {
        self.lock().effects.clone()
    }

    /// How many requests arrived, by `<provider> <operation>`.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, u64> {
        self.lock().calls.clone()
    }

    /// A copy of the whole state, to be written as JSON.
    #[must_use]
    pub fn snapshot(&self) -> World {
        self.lock().clone()
    }

    /// Puts a state back that [`Sandbox::snapshot`] gave.
    pub fn restore(&self, world: World) {
        *self.lock() = world;
    }

    /// A hash over everything that can change a later answer; the counts of [`Sandbox::calls`] are not in it.
    /// 64 hex digits. Equal worlds give equal hashes in every process.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let world = self.lock();
        let mut hasher = Sha256::new();
        for part in [
            serde_json::to_vec(&world.zendesk),
            serde_json::to_vec(&world.github.outline()),
            serde_json::to_vec(&world.slack),
            serde_json::to_vec(&world.model),
            serde_json::to_vec(&world.faults),
            serde_json::to_vec(&world.effects),
        ] {
            let bytes = part.unwrap_or_default();
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(&bytes);
        }
        hex::encode(hasher.finalize())
    }

    /// Answers one request. A refused connection is a 502 here, and a lost answer a 504, as a gateway would
    /// say it.
    #[must_use]
    pub fn answer(&self, request: http::Request<Bytes>) -> http::Response<Bytes> {
        match self.exchange(&request) {
            Exchange::Answered(response) => response,
            Exchange::Refused => reply::text(502, "connection refused").into_response(),
            Exchange::Lost => reply::text(504, "no answer").into_response(),
        }
    }

    /// What customers and colleagues do by hand, asked for at an address under `/people/`; none for any other address.
    /// Nothing fails there, and nothing is counted.
    #[must_use]
    pub fn by_hand(&self, request: &http::Request<Bytes>) -> Option<http::Response<Bytes>> {
        people::answer(self, request).map(Reply::into_response)
    }

    /// Handles one request with the faults that are due.
    #[must_use]
    pub fn exchange(&self, request: &http::Request<Bytes>) -> Exchange {
        let now_ms = self.clock.now_ms();
        let Some((provider, ask)) = route::route(request, now_ms) else {
            return Exchange::Answered(reply::text(404, "no provider at this address").into_response());
        };
        let mut world = self.lock();
        let operation = operation(provider, &ask);
        let fault = world.faults.take(provider, operation);
        if matches!(fault, Some(Fault::Refuse)) {
            return Exchange::Refused;
        }
        if matches!(fault, Some(Fault::LoseRequest)) {
            return Exchange::Lost;
        }
        *world
            .calls
            .entry(format!("{} {operation}", provider.as_str()))
            .or_default() += 1;
        if let Some(Fault::Status {
            status,
            retry_after_seconds,
        }) = fault
        {
            return Exchange::Answered(failure(provider, status, retry_after_seconds).into_response());
        }
        let reply = self.apply(&mut world, provider, &ask);
        match fault {
            Some(Fault::LoseReply) => Exchange::Lost,
            Some(Fault::StatusAfter { status }) => {
                Exchange::Answered(failure(provider, status, None).into_response())
            }
            Some(Fault::Refuse | Fault::LoseRequest | Fault::Status { .. }) | None => {
                Exchange::Answered(reply.into_response())
            }
        }
    }

    fn apply(&self, world: &mut World, provider: Provider, ask: &Ask<'_>) -> Reply {
        let World {
            zendesk,
            github,
            slack,
            model,
            effects,
            ..
        } = world;
        match provider {
            Provider::Zendesk => zendesk.answer(ask, effects),
            Provider::Github => github.answer(ask, effects, &self.archives),
            Provider::Slack => slack.answer(ask, effects),
            Provider::Anthropic => model.answer(ask, &self.answers),
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        // A panic elsewhere must not turn every later request into a panic too.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn operation(provider: Provider, ask: &Ask<'_>) -> &'static str {
    match provider {
        Provider::Zendesk => zendesk::api::operation(ask),
        Provider::Github => github::api::operation(ask),
        Provider::Slack => slack::operation(ask),
        Provider::Anthropic => model::operation(ask),
    }
}

fn failure(provider: Provider, status: u16, retry_after_seconds: Option<u64>) -> Reply {
    let body = match provider {
        Provider::Zendesk => zendesk::api::failure(status),
        Provider::Github => github::api::failure(status),
        Provider::Slack => slack::failure(status),
        Provider::Anthropic => model::wire::failure(status),
    };
    let response = reply::json(status, &body);
    match retry_after_seconds {
        Some(seconds) => reply::with(response, "retry-after", &seconds.to_string()),
        None => response,
    }
}

#[async_trait]
impl Transport for Sandbox {
    async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, TransportError> {
        told(self.exchange(&request))
    }
}

/// What a client on the other end of the connection sees.
pub(crate) fn told(exchange: Exchange) -> Result<http::Response<Bytes>, TransportError> {
    match exchange {
        Exchange::Answered(response) => Ok(response),
        Exchange::Refused => Err(TransportError::NotSent("connection refused".to_owned())),
        Exchange::Lost => Err(TransportError::Lost(
            "connection closed before an answer".to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests;
