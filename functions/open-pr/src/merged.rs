//! A pull request of ours was merged: was the bug where the mapping said?

use ratchet_domain::bill::Flag;
use ratchet_domain::bug::Mapping;
use ratchet_domain::credit::{CreditAsked, Source};
use ratchet_domain::decision::Decision as Gated;
use ratchet_domain::message::{Body, BugAt, Envelope, PullMerged};
use ratchet_domain::patch::{Merged, PullRequest};
use ratchet_domain::settings::{RcaPublish, Settings};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Decision, Ledger, Sealed, StageError, Work, pass};
use ratchet_providers::error::ProviderError;
use ratchet_runtime::batch::Invocation;
use ratchet_runtime::model::answer_of;
use ratchet_runtime::outcome::not_read;
use ratchet_runtime::stage::{key_of, needed};

use crate::OpenPr;

/// What admission found.
struct Found {
    at: BugAt,
    gated: Gated,
    billed_as: String,
    merged: Merged,
}

impl OpenPr {
    pub(crate) async fn merged(&self, invocation: &Invocation, told: &PullMerged) -> Result<(), StageError> {
        let connection = self
            .own
            .parts
            .connector
            .org(&told.ticket.org, &invocation.ledger)
            .await?;
        let Some(found) = self.compare(invocation, told).await? else {
            tracing::info!(work.key = %told.ticket.subject(), number = told.number, "merged pull request is none of ours");
            return Ok(());
        };
        let work = Work::new(
            key_of(&told.ticket, step::merged(&told.repo)),
            found.at.content.as_str(),
        )
        .driven_by(Stage::OpenPr.as_str(), &invocation.message);
        let sealed = match invocation.ledger.claim(&work).await? {
            Decision::Run(claim) => claim.decide(found.merged.clone()).seal().await?,
            Decision::Replay(sealed) => sealed,
            Decision::Parked(_) => return Ok(()),
        };
        self.follow(invocation, &found, connection.settings(), &sealed)
            .await
    }

    /// Nothing where the pull request is not the one on record, or its bug was never billed.
    async fn compare(&self, invocation: &Invocation, told: &PullMerged) -> Result<Option<Found>, StageError> {
        let ledger = &invocation.ledger;
        let flag = ledger.sealed(&key_of(&told.ticket, step::BILL)).await?;
        let pull = ledger.sealed(&key_of(&told.ticket, step::pr(&told.repo))).await?;
        let (Some(flag), Some(pull)) = (flag, pull) else {
            return Ok(None);
        };
        let (flag, pull): (Flag, PullRequest) = (flag.result()?, pull.result()?);
        if pull.number != told.number {
            return Ok(None);
        }
        let gated = needed(ledger, &key_of(&told.ticket, step::qualify(&flag.content)))
            .await?
            .result()?;
        let mapped = needed(ledger, &key_of(&told.ticket, step::map(&flag.content))).await?;
        let mapping = answer_of::<Mapping>(&mapped)?.answer;
        let connection = self.own.parts.connector.org(&told.ticket.org, ledger).await?;
        let github = connection.github().await?;
        let touched_mapped = match github.client().changed_files(&told.repo, told.number).await {
            Ok(files) => mapping
                .locations
                .iter()
                .any(|place| place.repo == told.repo && files.contains(&place.file)),
            // What changes more files than anybody lists proves nothing against the mapping.
            Err(ProviderError::TooLarge { .. }) => true,
            Err(error) => return Err(not_read(&error)),
        };
        Ok(Some(Found {
            at: BugAt {
                ticket: told.ticket.clone(),
                content: flag.content,
            },
            gated,
            billed_as: flag.entry,
            merged: Merged {
                repo: told.repo.clone(),
                number: told.number,
                touched_mapped,
            },
        }))
    }

    /// A root cause that waits for the merge goes out. A bug none of whose pull requests touched a mapped file is claimed
    /// back, once all of them are merged: one that is still open may yet prove the mapping right.
    async fn follow(
        &self,
        invocation: &Invocation,
        found: &Found,
        settings: &Settings,
        sealed: &Sealed,
    ) -> Result<(), StageError> {
        let envelope = |body| Envelope::new(invocation.trace.clone(), body).to_json();
        let mut next = Vec::new();
        if settings.rca.publish == RcaPublish::OnMerge {
            next.push((
                Stage::PublishRca.as_str(),
                envelope(Body::PublishRca(found.at.clone())),
            ));
        }
        let is_charged = !found.billed_as.is_empty();
        if is_charged && let Some(asked_at_ms) = missed(&invocation.ledger, found).await? {
            let claim = CreditAsked {
                ticket: found.at.ticket.clone(),
                source: Source::Merge,
                by: found.billed_as.clone(),
                note: "no merged pull request touched a mapped file".to_owned(),
                charge: None,
                asked_at_ms,
            };
            next.push((Stage::Qualify.as_str(), envelope(Body::Credit(claim))));
        }
        Ok(pass(sealed, &self.own.parts.queues, &next).await?)
    }
}

/// When the last of the bug's pull requests was seen as merged, if none of them touched a mapped file.
async fn missed(ledger: &Ledger, found: &Found) -> Result<Option<u64>, StageError> {
    let mut last = None;
    for repo in &found.gated.repos {
        let Some(sealed) = ledger
            .sealed(&key_of(&found.at.ticket, step::merged(repo)))
            .await?
        else {
            return Ok(None);
        };
        if sealed.result::<Merged>()?.touched_mapped {
            return Ok(None);
        }
        last = last.max(Some(sealed.first_claimed_at()));
    }
    Ok(last)
}
