//! One billed bug to one child a repository. The children guard themselves, so this stage has no claim of its own:
//! it passes on from the record that billed.

use ratchet_domain::decision::Decision;
use ratchet_domain::message::{Body, BugInRepo, Envelope};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Ledger, StageError, pass};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::guardrails::Guardrails;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::stage::{key_of, needed};

/// The stage.
#[derive(Debug)]
pub struct FanOut {
    ledger: Ledger,
    queues: Queues,
    guardrails: Guardrails,
}

impl FanOut {
    /// Made once, at cold start.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let ledger = deployment.ledger(&mut reader);
        let queues = deployment.queues(&mut reader, &[Stage::FanOut, Stage::OpenPr]);
        let orgs = deployment.orgs(&mut reader);
        let guardrails = Guardrails::new(deployment, orgs, &mut reader);
        reader.done(Self {
            ledger,
            queues,
            guardrails,
        })
    }
}

impl QueueStage for FanOut {
    const STAGE: Stage = Stage::FanOut;

    fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    fn queues(&self) -> &Queues {
        &self.queues
    }

    fn guardrails(&self) -> &Guardrails {
        &self.guardrails
    }

    async fn handle(&self, invocation: &Invocation, envelope: &Envelope) -> Result<(), StageError> {
        let Body::FanOut(at) = &envelope.body else {
            return Ok(());
        };
        let decided = needed(
            &invocation.ledger,
            &key_of(&at.ticket, step::qualify(&at.content)),
        )
        .await?;
        let decision: Decision = decided.result()?;
        if !decision.gate.goes_on() {
            return Err(StageError::Poison {
                code: "not_billed",
                detail: format!(
                    "message asks for pull requests of a bug that was {}",
                    decision.gate.as_str()
                ),
            });
        }
        let children: Vec<(&str, String)> = decision
            .repos
            .into_iter()
            .map(|repo| {
                let child = BugInRepo {
                    ticket: at.ticket.clone(),
                    content: at.content.clone(),
                    repo,
                };
                (
                    Stage::OpenPr.as_str(),
                    Envelope::new(invocation.trace.clone(), Body::OpenPr(child)).to_json(),
                )
            })
            .collect();
        Ok(pass(&decided, &self.queues, &children).await?)
    }
}
