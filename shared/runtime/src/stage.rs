//! What every queue-driven stage holds, and how it reads what came before it.

use ratchet_domain::ids::{ContentHash, TicketRef};
use ratchet_domain::stage::Stage;
use ratchet_guard::{Ledger, Sealed, StageError, WorkKey};

use crate::config::{ConfigError, Reader};
use crate::connect::Connector;
use crate::deployment::Deployment;
use crate::guardrails::Guardrails;
use crate::queues::Queues;
use crate::tokens::{Budget, TokenMeter};

/// The parts of a stage that calls providers.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Who may act, and what was done.
    pub ledger: Ledger,
    /// The stage's own queue and those it passes on to.
    pub queues: Queues,
    /// The org's providers.
    pub connector: Connector,
    /// What is held back.
    pub guardrails: Guardrails,
}

impl Parts {
    /// Reads what every such stage needs.
    pub fn read(deployment: &Deployment, reader: &mut Reader<'_>, queues: &[Stage]) -> Self {
        let connector = Connector::new(deployment, reader);
        let guardrails = Guardrails::new(deployment, connector.orgs().clone(), reader);
        Self {
            ledger: deployment.ledger(reader),
            queues: deployment.queues(reader, queues),
            connector: connector.holding(guardrails.hold_ms()),
            guardrails,
        }
    }
}

/// The parts of a stage that asks a model.
#[derive(Debug, Clone)]
pub struct AskingParts {
    /// What every stage holds.
    pub parts: Parts,
    /// Where its tokens are counted.
    pub tokens: TokenMeter,
    /// What is left of the org's tokens.
    pub budget: Budget,
}

impl AskingParts {
    /// Reads what such a stage needs.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn of(deployment: &Deployment, queues: &[Stage]) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let mut parts = Parts::read(deployment, &mut reader, queues);
        parts.connector = parts.connector.asking(&mut reader);
        let table = reader.text("USAGE_TABLE");
        let budget = Budget::new(deployment.dynamo.clone(), table.clone());
        let tokens = TokenMeter::new(deployment.dynamo.clone(), table);
        reader.done(Self {
            parts,
            tokens,
            budget,
        })
    }
}

/// The hash that a step's record is bound to, from the parts that determine it.
#[must_use]
pub fn content_of(parts: &[&str]) -> String {
    ContentHash::of(parts).as_str().to_owned()
}

/// The key of a step of a ticket.
#[must_use]
pub fn key_of(ticket: &TicketRef, step: impl Into<String>) -> WorkKey {
    WorkKey::new(ticket.subject(), step)
}

/// The sealed result of an earlier step that this one cannot be without.
///
/// # Errors
/// [`StageError::Poison`] when there is none: a message is only sent from a record, so it was made by hand or belongs
/// to another deployment.
pub async fn needed(ledger: &Ledger, key: &WorkKey) -> Result<Sealed, StageError> {
    ledger.sealed(key).await?.ok_or_else(|| StageError::Poison {
        code: "earlier_step_missing",
        detail: format!("message names a step that is not sealed key=`{key}`"),
    })
}
