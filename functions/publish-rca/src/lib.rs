//! Root cause to the ticket: a memoised document, then one comment.
//!
//! The comment is posted under Zendesk's compare-and-set, with the ticket's version as the intent, and carries the
//! effect key in its audit: what is not refused by the one is found by the other.

mod comment;
mod question;

use ratchet_domain::bug::{Bug, Extraction, Mapping};
use ratchet_domain::decision::Decision as Gated;
use ratchet_domain::message::{Body, BugAt, Envelope};
use ratchet_domain::patch::{PullRequest, RootCause};
use ratchet_domain::settings::RcaPublish;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::effect::{accept_duplicates, probed};
use ratchet_guard::{Decision, Ledger, OnRecord, Park, Record, Sealed, StageError, State, Work, pass};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::ConfigError;
use ratchet_runtime::connect::{Connection, Desk};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::guardrails::Guardrails;
use ratchet_runtime::model::{ASKING_TWICE, Ask, answer_of, settle};
use ratchet_runtime::outcome::not_read;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::stage::{AskingParts, key_of, needed};

use comment::{Draft, PostComment};
use question::WriteRca;

/// The stage.
#[derive(Debug)]
pub struct PublishRca {
    own: AskingParts,
}

/// What admission found: the billed bug, where it is, and what was opened for it.
pub(crate) struct Asked {
    connection: Connection,
    pub(crate) at: BugAt,
    pub(crate) bug: Bug,
    pub(crate) mapping: Mapping,
    pub(crate) pulls: Vec<PullRequest>,
    /// The org publishes on the merge, and one of them is merged.
    is_merged: bool,
}

impl PublishRca {
    /// Made once, at cold start.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        Ok(Self {
            own: AskingParts::of(deployment, &[Stage::PublishRca, Stage::Notify])?,
        })
    }

    async fn admit(&self, ledger: &Ledger, at: &BugAt) -> Result<Asked, StageError> {
        let gated: Gated = needed(ledger, &key_of(&at.ticket, step::qualify(&at.content)))
            .await?
            .result()?;
        let extracted = needed(ledger, &key_of(&at.ticket, step::extract(&at.content))).await?;
        let mapped = needed(ledger, &key_of(&at.ticket, step::map(&at.content))).await?;
        let (Extraction::Bug(bug), true) =
            (answer_of::<Extraction>(&extracted)?.answer, gated.gate.goes_on())
        else {
            return Err(StageError::Poison {
                code: "not_billed",
                detail: "message asks for the root cause of a bug that was not billed".to_owned(),
            });
        };
        let mut pulls = Vec::new();
        for repo in &gated.repos {
            pulls.extend(match ledger.sealed(&key_of(&at.ticket, step::pr(repo))).await? {
                Some(sealed) => Some(sealed.result::<PullRequest>()?),
                None => None,
            });
        }
        let connection = self.own.parts.connector.org(&at.ticket.org, ledger).await?;
        let mut is_merged = false;
        if connection.settings().rca.publish == RcaPublish::OnMerge {
            for repo in &gated.repos {
                is_merged |= ledger
                    .sealed(&key_of(&at.ticket, step::merged(repo)))
                    .await?
                    .is_some();
            }
        }
        Ok(Asked {
            is_merged,
            connection,
            at: at.clone(),
            bug,
            mapping: answer_of::<Mapping>(&mapped)?.answer,
            pulls,
        })
    }

    /// The memoised document.
    async fn document(&self, invocation: &Invocation, asked: &Asked) -> Result<Sealed, StageError> {
        let ended = self.written(invocation, asked).await;
        let settings = asked.connection.settings();
        self.own.tokens.told(ended, &asked.at.ticket, settings).await
    }

    async fn written(&self, invocation: &Invocation, asked: &Asked) -> Result<Sealed, StageError> {
        let work = Work::new(key_of(&asked.at.ticket, step::RCA), asked.at.content.as_str())
            .driven_by(Stage::PublishRca.as_str(), &invocation.message);
        let claim = match invocation.ledger.claim(&work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed),
            Decision::Parked(parked) => return Err(StageError::Parked(parked)),
        };
        let (claim, model) = claim.having(asked.connection.model().await).await?;
        let write = Ask::new(&model, WriteRca::of(asked));
        let acted = claim.act(accept_duplicates(write, ASKING_TWICE)).await?;
        settle::<RootCause>(
            acted,
            &self.own.tokens,
            &asked.at.ticket,
            asked.connection.settings(),
        )
        .await
    }

    /// The one comment.
    async fn comment(
        &self,
        invocation: &Invocation,
        asked: &Asked,
        document: &Sealed,
    ) -> Result<Sealed, StageError> {
        let desk = asked.connection.desk(asked.at.ticket.provider).await?;
        let number = &asked.at.ticket.number;
        let key = key_of(&asked.at.ticket, step::RCA_COMMENT);
        let draft = Draft {
            html: comment::html(&answer_of::<RootCause>(document)?.answer, asked),
            public: asked.connection.settings().rca.public,
            stamp: self.stamp(invocation, asked, &desk).await?,
        };
        self.let_go_on_merge(invocation, asked).await?;
        let work = Work::new(key, asked.at.content.as_str())
            .intending(draft.to_json())
            .driven_by(Stage::PublishRca.as_str(), &invocation.message);
        let claim = match invocation.ledger.claim(&work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed),
            Decision::Parked(parked) => return Err(StageError::Parked(parked)),
        };
        let is_due = match asked.connection.settings().rca.publish {
            RcaPublish::OnPr => true,
            RcaPublish::OnMerge => asked.is_merged,
            RcaPublish::OnDeploy | RcaPublish::Manual => false,
        };
        if !is_due && !claim.resumed() {
            let park = Park::for_a_person(
                "awaiting_publication",
                "the org publishes root causes later than on the pull request",
            );
            return Err(StageError::Parked(claim.park(park).await?));
        }
        let claim = asked.connection.acting(claim).await?;
        let acted = claim.act(probed(PostComment { desk: &desk, number })).await?;
        let id = acted.receipt().id.clone();
        acted.known_as(id).seal().await
    }

    /// A comment that waits for the merge is let go when the merge is on record. The merge is recorded before this
    /// message is sent, so whichever comes first, the later one finds the other.
    async fn let_go_on_merge(&self, invocation: &Invocation, asked: &Asked) -> Result<(), StageError> {
        if !asked.is_merged {
            return Ok(());
        }
        let key = key_of(&asked.at.ticket, step::RCA_COMMENT);
        let row = invocation.ledger.read(&key).await?;
        let waits =
            |row: &Record| row.reason.as_deref() == Some("awaiting_publication") && row.resume_at.is_none();
        if let Some(row) = row.filter(|row| row.state == State::Parked && waits(row)) {
            invocation.ledger.resume(&row).await?;
        }
        Ok(())
    }

    /// The ticket's version as it is now: the compare-and-set token of the first attempt. A comment that is on record
    /// needs none, and Intercom has none.
    async fn stamp(&self, invocation: &Invocation, asked: &Asked, desk: &Desk) -> Result<String, StageError> {
        let Desk::Zendesk(zendesk) = desk else {
            return Ok(String::new());
        };
        let row = invocation
            .ledger
            .read(&key_of(&asked.at.ticket, step::RCA_COMMENT))
            .await?;
        if row.is_some_and(|row| row.state == State::Sealed) {
            return Ok(String::new());
        }
        let version = zendesk.client().version(&asked.at.ticket.number).await;
        version.map_err(|error| not_read(&error))
    }

    async fn pass(
        &self,
        invocation: &Invocation,
        at: &BugAt,
        on_record: &impl OnRecord,
    ) -> Result<(), StageError> {
        let next = Envelope::new(invocation.trace.clone(), Body::Notify(at.clone())).to_json();
        Ok(pass(
            on_record,
            &self.own.parts.queues,
            &[(Stage::Notify.as_str(), next)],
        )
        .await?)
    }

    async fn publish(&self, invocation: &Invocation, asked: &Asked) -> Result<Sealed, StageError> {
        let document = self.document(invocation, asked).await?;
        self.comment(invocation, asked, &document).await
    }
}

impl QueueStage for PublishRca {
    const STAGE: Stage = Stage::PublishRca;

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
        let Body::PublishRca(at) = &envelope.body else {
            return Ok(());
        };
        let asked = self.admit(&invocation.ledger, at).await?;
        match self.publish(invocation, &asked).await {
            Ok(sealed) => self.pass(invocation, at, &sealed).await,
            // The chat and the tracker do not wait for a comment that waits for a person.
            // One that waits for a time hands on when it is out.
            Err(StageError::Parked(parked)) if parked.resume_at().is_none() => {
                self.pass(invocation, at, &parked).await
            }
            Err(error) => Err(error),
        }
    }
}
