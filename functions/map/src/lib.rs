//! Bug to code locations, in every repository of the org.
//!
//! The first claim pins the commit of each repository; every retry reads those commits again, so a push in between
//! cannot re-roll a score.

mod pins;
mod question;

use ratchet_domain::bug::{Extraction, Mapping};
use ratchet_domain::message::{Body, BugAt, Envelope};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::effect::accept_duplicates;
use ratchet_guard::{Decision, Ledger, Sealed, StageError, Work, pass};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::ConfigError;
use ratchet_runtime::connect::{Connection, GithubAccess};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::guardrails::Guardrails;
use ratchet_runtime::model::{ASKING_TWICE, Ask, answer_of, settle};
use ratchet_runtime::queues::Queues;
use ratchet_runtime::stage::{AskingParts, key_of, needed};

use pins::Pins;
use question::RankLocations;

/// The stage.
#[derive(Debug)]
pub struct Map {
    own: AskingParts,
}

/// What admission found.
struct Asked {
    connection: Connection,
    github: GithubAccess,
    bug: ratchet_domain::bug::Bug,
    pins: Pins,
    work: Work,
}

impl Map {
    /// Made once, at cold start.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        Ok(Self {
            own: AskingParts::of(deployment, &[Stage::Map, Stage::Qualify])?,
        })
    }

    /// The extracted bug, and where each repository stands now.
    async fn admit(&self, invocation: &Invocation, at: &BugAt) -> Result<Asked, StageError> {
        let ledger = &invocation.ledger;
        let extracted = needed(ledger, &key_of(&at.ticket, step::extract(&at.content))).await?;
        let Extraction::Bug(bug) = answer_of::<Extraction>(&extracted)?.answer else {
            return Err(StageError::Poison {
                code: "earlier_step_missing",
                detail: "message names a ticket that reports no bug".to_owned(),
            });
        };
        let connection = self.own.parts.connector.org(&at.ticket.org, ledger).await?;
        let github = connection.github().await?;
        let pins = Pins::now(&github).await?;
        let work = Work::new(key_of(&at.ticket, step::map(&at.content)), at.content.as_str())
            .intending(pins.to_json())
            .driven_by(Stage::Map.as_str(), &invocation.message);
        Ok(Asked {
            connection,
            github,
            bug,
            pins,
            work,
        })
    }

    /// The answer on record, of this attempt or of an earlier one.
    async fn mapped(&self, invocation: &Invocation, at: &BugAt, asked: &Asked) -> Result<Sealed, StageError> {
        let claim = match invocation.ledger.claim(&asked.work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed),
            Decision::Parked(parked) => return Err(StageError::Parked(parked)),
        };
        let settings = asked.connection.settings();
        // A bug that is billed is delivered: what comes after the gate asks no budget.
        let claim = self.own.budget.within(claim, &at.ticket, settings).await?;
        let (claim, model) = claim.having(asked.connection.model().await).await?;
        let rank = Ask::new(&model, RankLocations::of(&asked.github, &asked.bug, &asked.pins));
        let acted = claim.act(accept_duplicates(rank, ASKING_TWICE)).await?;
        settle::<Mapping>(acted, &self.own.tokens, &at.ticket, settings).await
    }

    async fn pass(&self, invocation: &Invocation, at: &BugAt, sealed: &Sealed) -> Result<(), StageError> {
        let next = Envelope::new(invocation.trace.clone(), Body::Qualify(at.clone())).to_json();
        Ok(pass(sealed, &self.own.parts.queues, &[(Stage::Qualify.as_str(), next)]).await?)
    }
}

impl QueueStage for Map {
    const STAGE: Stage = Stage::Map;

    fn ledger(&self) -> &Ledger {
        &self.own.parts.ledger
    }

    fn queues(&self) -> &Queues {
        &self.own.parts.queues
    }

    fn guardrails(&self) -> &Guardrails {
        &self.own.parts.guardrails
    }

    async fn handle(&self, invocation: &Invocation, envelope: &Envelope) -> Result<(), StageError> {
        let Body::Map(at) = &envelope.body else {
            return Ok(());
        };
        let asked = self.admit(invocation, at).await?;
        let ended = self.mapped(invocation, at, &asked).await;
        let settings = asked.connection.settings();
        let sealed = self.own.tokens.told(ended, &at.ticket, settings).await?;
        self.pass(invocation, at, &sealed).await
    }
}
