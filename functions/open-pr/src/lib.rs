//! Patch, branch and draft pull request of one repository.
//!
//! Two works, one after the other: the patch is memoised first, so that a retry opens the pull request with the same
//! bytes; then the pull request, which is looked for in every state before one is opened.

mod children;
mod ended;
mod patch;
mod pull;
mod text;

use ratchet_domain::bug::{Bug, Extraction, Location, Mapping, PinnedTree};
use ratchet_domain::credit::CreditAsked;
use ratchet_domain::decision::Decision as Gated;
use ratchet_domain::message::{Body, BugAt, BugInRepo, Envelope};
use ratchet_domain::patch::{Patch, PullRequest};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::effect::{accept_duplicates, probed};
use ratchet_guard::intake::Events;
use ratchet_guard::{Decision, Ledger, OnRecord, Sealed, StageError, Work, pass};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::connect::{Connection, GithubAccess, ModelAccess};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::guardrails::Guardrails;
use ratchet_runtime::model::{ASKING_TWICE, Ask, answer_of, settle};
use ratchet_runtime::queues::Queues;
use ratchet_runtime::stage::{AskingParts, key_of, needed};

use children::Children;
use patch::WritePatch;
use pull::OpenDraft;

/// The stage.
#[derive(Debug)]
pub struct OpenPr {
    own: AskingParts,
    events: Events,
}

/// What admission found: the billed bug, and this repository's share of it.
pub(crate) struct Asked {
    connection: Connection,
    pub(crate) at: BugInRepo,
    pub(crate) bug: Bug,
    pub(crate) locations: Vec<Location>,
    pub(crate) tree: PinnedTree,
    gated: Gated,
}

impl Asked {
    /// What the patch is written with: the repository and the model.
    async fn doors(&self) -> Result<(GithubAccess, ModelAccess), StageError> {
        Ok((self.connection.github().await?, self.connection.model().await?))
    }
}

impl OpenPr {
    /// Made once, at cold start.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let queues = [Stage::OpenPr, Stage::PublishRca, Stage::Qualify];
        let own = AskingParts::of(deployment, &queues);
        let mut reader = Reader::new(&deployment.env);
        let events = deployment.events(&mut reader);
        match (own, reader.done(events)) {
            (Ok(own), Ok(events)) => Ok(Self { own, events }),
            (own, events) => Err(ConfigError::of([own.err(), events.err()])),
        }
    }

    /// From the ledger alone, so that a message which is refused here is no child that anybody waits for: whatever
    /// else goes wrong ends on a row of the child's own.
    async fn admit(&self, ledger: &Ledger, at: &BugInRepo) -> Result<Asked, StageError> {
        let gated: Gated = needed(ledger, &key_of(&at.ticket, step::qualify(&at.content)))
            .await?
            .result()?;
        let extracted = needed(ledger, &key_of(&at.ticket, step::extract(&at.content))).await?;
        let mapped = needed(ledger, &key_of(&at.ticket, step::map(&at.content))).await?;
        let mapping = answer_of::<Mapping>(&mapped)?.answer;
        let tree = mapping.trees.iter().find(|tree| tree.repo == at.repo).cloned();
        let (Extraction::Bug(bug), Some(tree), true, true) = (
            answer_of::<Extraction>(&extracted)?.answer,
            tree,
            gated.gate.goes_on(),
            gated.repos.contains(&at.repo),
        ) else {
            return Err(StageError::Poison {
                code: "not_billed",
                detail: "message asks for a pull request of a bug that was not billed for that repository"
                    .to_owned(),
            });
        };
        let mut locations = mapping.locations;
        locations.retain(|location| location.repo == at.repo);
        let connection = self.own.parts.connector.org(&at.ticket.org, ledger).await?;
        Ok(Asked {
            connection,
            at: at.clone(),
            bug,
            locations,
            tree,
            gated,
        })
    }

    /// The memoised patch.
    async fn patch(&self, invocation: &Invocation, asked: &Asked) -> Result<Sealed, StageError> {
        let ended = self.written(invocation, asked).await;
        let settings = asked.connection.settings();
        self.own.tokens.told(ended, &asked.at.ticket, settings).await
    }

    async fn written(&self, invocation: &Invocation, asked: &Asked) -> Result<Sealed, StageError> {
        let work = Work::new(
            key_of(&asked.at.ticket, step::patch(&asked.at.repo)),
            asked.at.content.as_str(),
        )
        .driven_by(Stage::OpenPr.as_str(), &invocation.message);
        let claim = match invocation.ledger.claim(&work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed),
            Decision::Parked(parked) => return Err(StageError::Parked(parked)),
        };
        let (claim, (github, model)) = claim.having(asked.doors().await).await?;
        let write = Ask::new(&model, WritePatch::of(asked, &github));
        let acted = claim.act(accept_duplicates(write, ASKING_TWICE)).await?;
        settle::<Patch>(
            acted,
            &self.own.tokens,
            &asked.at.ticket,
            asked.connection.settings(),
        )
        .await
    }

    /// The one pull request.
    async fn pull(
        &self,
        invocation: &Invocation,
        asked: &Asked,
        patch: &Sealed,
    ) -> Result<Sealed, StageError> {
        let text = text::of(asked, &answer_of::<Patch>(patch)?.answer);
        let work = Work::new(
            key_of(&asked.at.ticket, step::pr(&asked.at.repo)),
            asked.at.content.as_str(),
        )
        .intending(text.to_json())
        .driven_by(Stage::OpenPr.as_str(), &invocation.message);
        let claim = match invocation.ledger.claim(&work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return Ok(sealed),
            Decision::Parked(parked) => return Err(StageError::Parked(parked)),
        };
        let claim = asked.connection.acting(claim).await?;
        let (claim, github) = claim.having(asked.connection.github().await).await?;
        let open = OpenDraft::of(
            &github,
            asked,
            answer_of::<Patch>(patch)?.answer,
            patch.first_claimed_at(),
        );
        let acted = claim.act(probed(open)).await?;
        let link = acted.receipt().url.clone();
        acted.known_as(link).seal().await
    }

    /// The last child of a bug hands on, and one that ends without a pull request may be the last that a credit waited
    /// for. Every child settles first and looks at its siblings then, so the last one to settle sees them all; two that
    /// both see all of them send twice, which is harmless.
    async fn pass(
        &self,
        invocation: &Invocation,
        asked: &Asked,
        own: &impl OnRecord,
    ) -> Result<(), StageError> {
        let (ticket, repos) = (&asked.at.ticket, &asked.gated.repos);
        let children = Children::read(&invocation.ledger, ticket).await?;
        let mut next = Vec::new();
        if repos.iter().all(|repo| children.is_settled(repo)) {
            let at = BugAt {
                ticket: ticket.clone(),
                content: asked.at.content.clone(),
            };
            next.push((Stage::PublishRca, Body::PublishRca(at)));
        }
        next.extend(children.claim(ticket, repos)?.map(credit));
        Ok(pass(own, &self.own.parts.queues, &envelopes(invocation, next)).await?)
    }

    async fn open(&self, invocation: &Invocation, asked: &Asked) -> Result<Sealed, StageError> {
        let patch = self.patch(invocation, asked).await?;
        self.pull(invocation, asked, &patch).await
    }
}

impl QueueStage for OpenPr {
    const STAGE: Stage = Stage::OpenPr;

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
        if let Body::PullMerged(told) = &envelope.body {
            return self.merged(invocation, told).await;
        }
        if let Body::PullClosed(told) = &envelope.body {
            return self.closed(invocation, told).await;
        }
        let Body::OpenPr(at) = &envelope.body else {
            return Ok(());
        };
        let asked = self.admit(&invocation.ledger, at).await?;
        match self.open(invocation, &asked).await {
            Ok(sealed) => {
                let pull: PullRequest = sealed.result()?;
                tracing::info!(work.key = %sealed.key(), number = pull.number, "pull request is on record");
                self.pass(invocation, &asked, &sealed).await
            }
            // A parked child is settled too: its siblings do not wait for a person.
            Err(StageError::Parked(parked)) if parked.resume_at().is_none() => {
                self.pass(invocation, &asked, &parked).await
            }
            Err(error) => Err(error),
        }
    }

    /// The merge or closing is on record, or none of ours: nobody hands it over again.
    async fn settled(&self, envelope: &Envelope) -> Result<(), StageError> {
        let (Body::PullMerged(ended) | Body::PullClosed(ended)) = &envelope.body else {
            return Ok(());
        };
        if let Some(event) = &ended.event {
            self.events.consume(event).await?;
        }
        Ok(())
    }
}

/// What follows, as the queues take it.
fn envelopes(invocation: &Invocation, next: Vec<(Stage, Body)>) -> Vec<(&'static str, String)> {
    next.into_iter()
        .map(|(stage, body)| {
            let envelope = Envelope::new(invocation.trace.clone(), body);
            (stage.as_str(), envelope.to_json())
        })
        .collect()
}

/// The claim goes to the one stage that writes entries.
fn credit(claim: CreditAsked) -> (Stage, Body) {
    (Stage::Qualify, Body::Credit(claim))
}
