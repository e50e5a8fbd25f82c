//! The intake. A webhook passes five moves, and each takes what only the move before it makes:
//! **read** (path, method, size, type) -> **verify** (the org's secret over the raw bytes) -> **parse** (what happened,
//! and whether anybody acts on it) -> **admit** (the event's row, written once) -> **enqueue**.
//!
//! Nothing is written for a sender who is not proved, and nobody is told 200 before the event is on record and in a
//! queue, or on record while another invocation's hand-over lease lasts. Where that fails the answer is 503: the vendor
//! sends again, or a sweep finds the row.

mod answer;
mod arrival;
mod github;
mod intercom;
mod request;
mod trace;
mod verify;
mod zendesk;

use std::sync::Arc;
use std::time::Duration;

use aws_lambda_events::event::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use ratchet_domain::stage::Stage;
use ratchet_guard::Outbox;
use ratchet_guard::clock::{Clock, Millis};
use ratchet_guard::intake::{Admission, Event, HandOver, Intake};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::metric;
use ratchet_runtime::orgs::Orgs;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::serve::Function;

use answer::Answer;
use arrival::{Arrival, Reading};
use request::{Request, Source};
use verify::{Signed, verify};

/// The stages that a webhook may start.
const STARTS: [Stage; 2] = [Stage::Extract, Stage::OpenPr];

/// The part of an invocation's time that is kept for the answer itself, and once more for giving the duty back.
const RESERVE_PART: u64 = 8;

/// The intake of `POST /hooks/{org}/{provider}`.
#[derive(Clone)]
pub struct Webhook {
    orgs: Orgs,
    intake: Intake,
    queues: Queues,
    clock: Arc<dyn Clock>,
}

/// An event that is on record and that this invocation hands over.
struct Admitted {
    event: Event,
    duty: HandOver,
}

impl Webhook {
    /// Reads `EVENTS_TABLE`, `SETTINGS_TABLE`, `EXTRACT_QUEUE_URL`, `OPEN_PR_QUEUE_URL`, `HAND_OVER_MS`, `EVENT_TTL_SECONDS`,
    /// `REDELIVERY_HORIZON_SECONDS` and `SETTINGS_CACHE_SECONDS`.
    ///
    /// # Errors
    /// Every variable that is missing or bad, at once; also when events are forgotten before their last redelivery.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let webhook = Self {
            orgs: deployment.orgs(&mut reader),
            intake: deployment.intake(&mut reader),
            queues: deployment.queues(&mut reader, &STARTS),
            clock: Arc::clone(&deployment.clock),
        };
        reader.done(webhook)
    }

    /// Every move either goes on or ends in an answer.
    async fn moves(&self, event: ApiGatewayV2httpRequest, until_ms: Millis) -> Result<Answer, Answer> {
        let request = Request::read(event)?;
        let signed = verify(&self.orgs, self.clock.now_ms(), request).await?;
        let arrival = parse(&signed)?;
        let admitted = self.admit(arrival, &signed).await?;
        self.enqueue(admitted, until_ms).await
    }

    /// The one write of the accepted path, and the one failed write of a duplicate.
    async fn admit(&self, arrival: Arrival, signed: &Signed) -> Result<Admitted, Answer> {
        let event = arrival.into_event(|key| trace::of(|name| signed.header(name), key));
        match self.intake.admit(&event).await {
            Ok(Admission::HandOver(duty)) => Ok(Admitted { event, duty }),
            Ok(Admission::Duplicate) => Err(Answer::Duplicate { work: event.subject }),
            Ok(Admission::Reused) => Err(Answer::EventIdReused { event: event.key }),
            Err(error) => Err(Answer::unavailable(&error)),
        }
    }

    /// The one send. Where it fails, or takes so long that the answer would be cut off, the duty is given back, so that
    /// the vendor's next try need not wait for the lease.
    async fn enqueue(&self, admitted: Admitted, until_ms: Millis) -> Result<Answer, Answer> {
        let Admitted { event, duty } = admitted;
        let within = Duration::from_millis(until_ms.saturating_sub(self.clock.now_ms()));
        let messages = [(event.stage.as_str(), event.message)];
        let failure = match tokio::time::timeout(within, self.queues.put(&messages)).await {
            Ok(Ok(())) => return Ok(Answer::Accepted { work: event.subject }),
            Ok(Err(error)) => error.to_string(),
            Err(_elapsed) => "the queue did not answer in time".to_owned(),
        };
        if let Err(error) = self.intake.give_back(duty).await {
            tracing::warn!(
                stage = answer::STAGE,
                "hand-over lease was not given back and runs out: {error}"
            );
        }
        Err(Answer::unavailable(&failure))
    }
}

/// What the sender says happened.
fn parse(signed: &Signed) -> Result<Arrival, Answer> {
    let reading = match signed.source() {
        Source::Zendesk => zendesk::read(signed),
        Source::Intercom => intercom::read(signed),
        Source::Github => github::read(signed),
    };
    match reading {
        Ok(Reading::Work(arrival)) => Ok(*arrival),
        Ok(Reading::Ignored { why }) => Err(Answer::Ignored { why }),
        Err(error) => Err(Answer::BadRequest {
            reason: error.to_string(),
        }),
    }
}

impl Function for Webhook {
    type Event = ApiGatewayV2httpRequest;
    type Answer = ApiGatewayV2httpResponse;

    /// Answers in time, whatever the tables and queues do: an invocation that is cut off would answer 500, and not every
    /// vendor sends again after that.
    async fn call(
        &self,
        event: Self::Event,
        deadline_ms: u64,
    ) -> Result<Self::Answer, lambda_runtime::Error> {
        let started_ms = self.clock.now_ms();
        let remaining_ms = deadline_ms.saturating_sub(started_ms);
        let reserve_ms = remaining_ms / RESERVE_PART;
        let within = Duration::from_millis(remaining_ms - reserve_ms);
        let until_ms = started_ms + remaining_ms - 2 * reserve_ms;
        let answer = match tokio::time::timeout(within, self.moves(event, until_ms)).await {
            Ok(Ok(answer) | Err(answer)) => answer,
            Err(_elapsed) => Answer::unavailable(&"the invocation's time is over"),
        };
        if let Answer::Accepted { work } = &answer {
            metric::count(metric::ADMITTED, provider_of(work), 1);
        }
        if let Answer::Duplicate { work } = &answer {
            metric::count(metric::DUPLICATES, provider_of(work), 1);
        }
        answer.log(self.clock.now_ms().saturating_sub(started_ms));
        Ok(answer.into_response())
    }
}

/// `ticket#<org>#<provider>#<id>` names whose ticket it is.
fn provider_of(subject: &str) -> &str {
    subject.split('#').nth(2).unwrap_or_default()
}

impl std::fmt::Debug for Webhook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhook")
            .field("orgs", &self.orgs)
            .field("intake", &self.intake)
            .finish_non_exhaustive()
    }
}
