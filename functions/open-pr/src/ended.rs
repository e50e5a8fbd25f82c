//! A pull request of ours was merged, or closed: was the bug where the mapping said?

use ratchet_domain::bill::Flag;
use ratchet_domain::bug::Mapping;
use ratchet_domain::decision::Decision as Gated;
use ratchet_domain::ids::ContentHash;
use ratchet_domain::message::{Body, BugAt, PullEnded};
use ratchet_domain::patch::{Closed, Merged, PullRequest};
use ratchet_domain::settings::RcaPublish;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Claim, Decision, Ledger, Sealed, StageError, Work, pass};
use ratchet_providers::error::ProviderError;
use ratchet_runtime::batch::Invocation;
use ratchet_runtime::model::answer_of;
use ratchet_runtime::outcome::not_read;
use ratchet_runtime::stage::{key_of, needed};

use crate::children::Children;
use crate::{OpenPr, credit, envelopes};

/// What is on record of the bug whose pull request ended.
struct Found {
    content: ContentHash,
    gated: Gated,
}

impl OpenPr {
    /// Compares a merged pull request with the mapping, once. A root cause that waits for the merge goes out.
    pub(crate) async fn merged(&self, invocation: &Invocation, told: &PullEnded) -> Result<(), StageError> {
        let ledger = &invocation.ledger;
        let connection = self.own.parts.connector.org(&told.ticket.org, ledger).await?;
        let Some(found) = found(ledger, told).await? else {
            return Ok(());
        };
        let touched_mapped = self.touched_mapped(ledger, told, &found).await?;
        let work = work(invocation, told, &found, step::merged(&told.repo));
        let sealed = match ledger.claim(&work).await? {
            Decision::Run(claim) => {
                let merged = Merged {
                    repo: told.repo.clone(),
                    number: told.number,
                    touched_mapped,
                    at_ms: Some(ended_at(told, &claim)),
                };
                claim.decide(merged).seal().await?
            }
            Decision::Replay(sealed) => sealed,
            Decision::Parked(_) => return Ok(()),
        };
        let is_awaited = connection.settings().rca.publish == RcaPublish::OnMerge;
        self.follow(invocation, told, &found, is_awaited, &sealed).await
    }

    /// Puts a pull request that was closed without a merge on record: the last that its siblings' credit waited for,
    /// perhaps.
    pub(crate) async fn closed(&self, invocation: &Invocation, told: &PullEnded) -> Result<(), StageError> {
        let ledger = &invocation.ledger;
        let Some(found) = found(ledger, told).await? else {
            return Ok(());
        };
        let work = work(invocation, told, &found, step::closed(&told.repo));
        let sealed = match ledger.claim(&work).await? {
            Decision::Run(claim) => {
                let closed = Closed {
                    repo: told.repo.clone(),
                    number: told.number,
                    at_ms: ended_at(told, &claim),
                };
                claim.decide(closed).seal().await?
            }
            Decision::Replay(sealed) => sealed,
            Decision::Parked(_) => return Ok(()),
        };
        self.follow(invocation, told, &found, false, &sealed).await
    }

    /// Whether the pull request touched a file in which the bug was sold: one with a place at or above the threshold that
    /// was in force when it was let through.
    async fn touched_mapped(
        &self,
        ledger: &Ledger,
        told: &PullEnded,
        found: &Found,
    ) -> Result<bool, StageError> {
        let mapped = needed(ledger, &key_of(&told.ticket, step::map(&found.content))).await?;
        let mapping = answer_of::<Mapping>(&mapped)?.answer;
        let connection = self.own.parts.connector.org(&told.ticket.org, ledger).await?;
        let github = connection.github().await?;
        match github.client().changed_files(&told.repo, told.number).await {
            Ok(files) => Ok(mapping
                .places_at(found.gated.location_threshold)
                .any(|place| place.repo == told.repo && files.contains(&place.file))),
            // What changes more files than anybody lists proves nothing against the mapping.
            Err(ProviderError::TooLarge { .. }) => Ok(true),
            Err(error) => Err(not_read(&error)),
        }
    }

    /// Whoever is recorded last sees all the others, and claims the bug back if all of them together say so.
    async fn follow(
        &self,
        invocation: &Invocation,
        told: &PullEnded,
        found: &Found,
        publishes: bool,
        sealed: &Sealed,
    ) -> Result<(), StageError> {
        let mut next = Vec::new();
        if publishes {
            let at = BugAt {
                ticket: told.ticket.clone(),
                content: found.content.clone(),
            };
            next.push((Stage::PublishRca, Body::PublishRca(at)));
        }
        let children = Children::read(&invocation.ledger, &told.ticket).await?;
        next.extend(children.claim(&told.ticket, &found.gated.repos)?.map(credit));
        Ok(pass(sealed, &self.own.parts.queues, &envelopes(invocation, next)).await?)
    }
}

/// Nothing where the pull request is not the one on record, or its bug was never billed or let through.
async fn found(ledger: &Ledger, told: &PullEnded) -> Result<Option<Found>, StageError> {
    let flag = ledger.sealed(&key_of(&told.ticket, step::BILL)).await?;
    let pull = ledger.sealed(&key_of(&told.ticket, step::pr(&told.repo))).await?;
    let pull: Option<PullRequest> = pull.map(|pull| pull.result()).transpose()?;
    let (Some(flag), Some(_)) = (flag, pull.filter(|pull| pull.number == told.number)) else {
        tracing::info!(work.key = %told.ticket.subject(), number = told.number, "pull request that ended is none of ours");
        return Ok(None);
    };
    let Flag { content, .. } = flag.result()?;
    let gated = needed(ledger, &key_of(&told.ticket, step::qualify(&content)))
        .await?
        .result()?;
    Ok(Some(Found { content, gated }))
}

fn work(invocation: &Invocation, told: &PullEnded, found: &Found, step: String) -> Work {
    Work::new(key_of(&told.ticket, step), found.content.as_str())
        .driven_by(Stage::OpenPr.as_str(), &invocation.message)
}

/// GitHub's time, and never later than when we began to look; that, where GitHub did not say.
fn ended_at(told: &PullEnded, claim: &Claim) -> u64 {
    let now_ms = claim.first_claimed_at();
    told.at_ms.map_or(now_ms, |at_ms| at_ms.min(now_ms))
}
