//! Slack and the tracker: one message and one issue a bug, bundled and never metered.
//!
//! Both are works of their own; a chat that fails does not hold up the tracker.

mod slack;
mod text;
mod tracker;

use ratchet_domain::bug::{Bug, Extraction};
use ratchet_domain::decision::Decision as Gated;
use ratchet_domain::message::{Body, BugAt, Envelope};
use ratchet_domain::patch::PullRequest;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Ledger, StageError};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::connect::Connection;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::guardrails::Guardrails;
use ratchet_runtime::model::answer_of;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::stage::{Parts, key_of, needed};

/// The stage.
#[derive(Debug)]
pub struct Notify {
    parts: Parts,
}

/// What admission found: the billed bug, and what was opened for it.
pub(crate) struct Asked {
    pub(crate) connection: Connection,
    pub(crate) at: BugAt,
    pub(crate) bug: Bug,
    pub(crate) pulls: Vec<PullRequest>,
}

impl Notify {
    /// Made once, at cold start.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let parts = Parts::read(deployment, &mut reader, &[Stage::Notify]);
        reader.done(Self { parts })
    }

    async fn admit(&self, ledger: &Ledger, at: &BugAt) -> Result<Asked, StageError> {
        let gated: Gated = needed(ledger, &key_of(&at.ticket, step::qualify(&at.content)))
            .await?
            .result()?;
        let extracted = needed(ledger, &key_of(&at.ticket, step::extract(&at.content))).await?;
        let (Extraction::Bug(bug), true) =
            (answer_of::<Extraction>(&extracted)?.answer, gated.gate.goes_on())
        else {
            return Err(StageError::Poison {
                code: "not_billed",
                detail: "message asks to tell of a bug that was not billed".to_owned(),
            });
        };
        let mut pulls = Vec::new();
        for repo in &gated.repos {
            pulls.extend(match ledger.sealed(&key_of(&at.ticket, step::pr(repo))).await? {
                Some(sealed) => Some(sealed.result::<PullRequest>()?),
                None => None,
            });
        }
        let connection = self.parts.connector.org(&at.ticket.org, ledger).await?;
        Ok(Asked {
            connection,
            at: at.clone(),
            bug,
            pulls,
        })
    }
}

impl QueueStage for Notify {
    const STAGE: Stage = Stage::Notify;

    fn ledger(&self) -> &Ledger {
        &self.parts.ledger
    }

    fn queues(&self) -> &Queues {
        &self.parts.queues
    }

    fn guardrails(&self) -> &Guardrails {
        &self.parts.guardrails
    }

    async fn handle(&self, invocation: &Invocation, envelope: &Envelope) -> Result<(), StageError> {
        let Body::Notify(at) = &envelope.body else {
            return Ok(());
        };
        let asked = self.admit(&invocation.ledger, at).await?;
        let told = slack::tell(invocation, &asked).await;
        let tracked = tracker::track(invocation, &asked).await;
        settled(told)?;
        settled(tracked)
    }
}

/// Parked is settled: the row says why, and the other of the two is not held up.
fn settled(done: Result<(), StageError>) -> Result<(), StageError> {
    match done {
        Err(StageError::Parked(parked)) => {
            tracing::warn!(work.key = %parked.key(), reason = parked.reason(), "telling waits for a person");
            Ok(())
        }
        other => other,
    }
}
