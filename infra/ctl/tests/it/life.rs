//! Lives of tickets, written by the guard and by the stages' own types, as production writes them.

use anyhow::{Result, bail};
use ratchet_domain::bug::{Bug, Extraction, Location, Mapping, PinnedTree, Severity};
use ratchet_domain::ids::{ContentHash, OrgId, Provider, RepoName, TicketNumber, TicketRef};
use ratchet_domain::message::{Body, BugAt, Envelope};
use ratchet_domain::patch::{Edit, Patch, PullRequest};
use ratchet_domain::settings::Settings;
use ratchet_domain::step;
use ratchet_guard::effect::{Act, Effect, accept_duplicates};
use ratchet_guard::{Claim, Decision, Ledger, Outcome, StageError, Work};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::Reader;
use ratchet_runtime::model::{Answered, Asked, settle};
use ratchet_runtime::stage::key_of;
use ratchet_runtime::tokens::{Spent, TokenMeter};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bench::{Bench, acme};

/// How long an invocation may take.
const INVOCATION_MS: u64 = 10_000;

/// What a customer wrote; no command shows it unasked.
pub(crate) const WORDS: &str = "my cart total is wrong";

/// A question whose answer never came.
struct Lost;

impl Effect for Lost {
    type Receipt = ();

    async fn send(&self, _: &Act) -> Outcome<()> {
        Outcome::no_answer()
    }
}

/// A ticket under way.
pub(crate) struct Life<'b> {
    pub(crate) bench: &'b Bench,
    pub(crate) at: BugAt,
    tokens: TokenMeter,
    settings: Settings,
}

impl<'b> Life<'b> {
    pub(crate) fn of(bench: &'b Bench, number: &str) -> Result<Self> {
        let Ok(settings) = Settings::parse(&acme()) else {
            bail!("settings do not validate");
        };
        Ok(Self {
            bench,
            at: BugAt {
                ticket: TicketRef {
                    org: OrgId::parse("acme")?,
                    provider: Provider::Zendesk,
                    number: TicketNumber::parse(number)?,
                },
                content: ContentHash::of(&[WORDS]),
            },
            tokens: TokenMeter::new(bench.world.deployment.dynamo.clone(), "usage"),
            settings,
        })
    }

    /// A ticket of an org with these settings.
    pub(crate) fn priced(bench: &'b Bench, number: &str, settings: &serde_json::Value) -> Result<Self> {
        let Ok(settings) = Settings::parse(settings) else {
            bail!("settings do not validate");
        };
        Ok(Self {
            settings,
            ..Self::of(bench, number)?
        })
    }

    /// An attempt asks and dies: nobody knows whether the answer was paid for.
    pub(crate) async fn asked_and_died(&self, step: String) -> Result<()> {
        let claim = self.claim(step).await?;
        let asking = accept_duplicates(Lost, "only the sealed answer is used");
        drop(claim.act(asking).await);
        Ok(())
    }

    /// The ledger of an invocation that has just begun.
    pub(crate) fn ledger(&self) -> Result<Ledger> {
        let mut reader = Reader::new(&self.bench.world.deployment.env);
        let ledger = self.bench.world.deployment.ledger(&mut reader);
        let ledger = reader.done(ledger)?;
        Ok(ledger.until(ledger.now_ms() + INVOCATION_MS))
    }

    /// Claims a step.
    pub(crate) async fn claim(&self, step: impl Into<String>) -> Result<Claim> {
        let work = Work::new(key_of(&self.at.ticket, step), self.at.content.as_str()).intending(WORDS);
        match self.ledger()?.claim(&work).await? {
            Decision::Run(claim) => Ok(claim),
            other @ (Decision::Replay(_) | Decision::Parked(_)) => bail!("no claim: {other:?}"),
        }
    }

    /// Seals a step whose effect is known by `external_id`.
    pub(crate) async fn seal(
        &self,
        step: impl Into<String>,
        external_id: &str,
        result: impl Serialize,
    ) -> Result<()> {
        let acted = self.claim(step).await?.decide(result);
        acted.known_as(external_id).seal().await?;
        Ok(())
    }

    /// Seals a step with a model's answer, and counts its tokens.
    pub(crate) async fn answer<T: Serialize + DeserializeOwned>(
        &self,
        step: String,
        answer: T,
    ) -> Result<()> {
        let acted = self.claim(step).await?.decide(answered(answer));
        settle(acted, &self.tokens, &self.at.ticket, &self.settings).await?;
        Ok(())
    }

    /// A model's answer that could not be read, as its step leaves it.
    pub(crate) async fn unreadable(&self, step: String) -> Result<()> {
        let asked: Asked<Extraction> = Asked::Unreadable {
            reason: "model_answer_unreadable".to_owned(),
            problem: "`severity` must be one of four words".to_owned(),
            raw: WORDS.to_owned(),
            model: "model-1".to_owned(),
            spent: Spent::default(),
        };
        let acted = self.claim(step).await?.decide(asked);
        match settle(acted, &self.tokens, &self.at.ticket, &self.settings).await {
            Err(StageError::Parked(_)) => Ok(()),
            other => bail!("not parked: {other:?}"),
        }
    }

    pub(crate) async fn extracted(&self, ai_confidence: f64) -> Result<()> {
        self.answer(step::extract(&self.at.content), extraction(ai_confidence))
            .await
    }

    pub(crate) async fn mapped(&self) -> Result<()> {
        self.answer(step::map(&self.at.content), mapping()?).await
    }

    /// Both scores on record at once, without the tokens that they took.
    pub(crate) async fn scored(&self, ai_confidence: f64) -> Result<()> {
        let content = &self.at.content;
        let work = |step: String| Work::new(key_of(&self.at.ticket, step), content.as_str());
        let ledger = self.ledger()?;
        let extraction = answered(extraction(ai_confidence));
        ledger.record(&work(step::extract(content)), &extraction).await?;
        ledger
            .record(&work(step::map(content)), &answered(mapping()?))
            .await?;
        Ok(())
    }

    /// Runs the `qualify` function itself.
    pub(crate) async fn qualified(&self) -> Result<()> {
        let qualify = qualify::Qualify::new(&self.bench.world.deployment)?;
        let envelope = Envelope::new(None, Body::Qualify(self.at.clone()));
        let invocation = Invocation {
            ledger: self.ledger()?,
            message: envelope.to_json(),
            trace: None,
        };
        match qualify.handle(&invocation, &envelope).await {
            Ok(()) | Err(StageError::Parked(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// A good extraction and a good mapping, and what `qualify` makes of them.
    pub(crate) async fn billed(&self) -> Result<()> {
        self.extracted(0.9).await?;
        self.mapped().await?;
        self.qualified().await
    }

    pub(crate) async fn patched(&self) -> Result<()> {
        let repo = RepoName::parse("acme/shop")?;
        let patch = Patch {
            repo: repo.clone(),
            summary: WORDS.to_owned(),
            base_branch: "main".to_owned(),
            base_commit: "c0".to_owned(),
            base_tree: "t0".to_owned(),
            edits: vec![Edit {
                path: "src/cart.rs".to_owned(),
                search: "a".to_owned(),
                replace: "b".to_owned(),
            }],
        };
        self.answer(step::patch(&repo), patch).await
    }

    pub(crate) async fn pulled(&self) -> Result<()> {
        let repo = RepoName::parse("acme/shop")?;
        let url = "https://github.test/acme/shop/pull/7";
        let pull = PullRequest {
            repo: repo.clone(),
            number: 7,
            url: url.to_owned(),
            head: "c1".to_owned(),
        };
        self.seal(step::pr(&repo), url, pull).await
    }
}

fn answered<T>(answer: T) -> Asked<T> {
    Asked::Answered(Answered {
        answer,
        model: "model-1".to_owned(),
        prompt: "prompt/1".to_owned(),
        spent: Spent {
            input: 100,
            output: 20,
            calls: 1,
            ..Spent::default()
        },
    })
}

fn extraction(ai_confidence: f64) -> Extraction {
    Extraction::Bug(Bug {
        title: WORDS.to_owned(),
        severity: Severity::High,
        steps_to_reproduce: vec![WORDS.to_owned()],
        expected: WORDS.to_owned(),
        actual: WORDS.to_owned(),
        affected_feature: WORDS.to_owned(),
        customer_impact: WORDS.to_owned(),
        quote: WORDS.to_owned(),
        quote_note: None,
        ai_confidence,
    })
}

fn mapping() -> Result<Mapping> {
    let repo = RepoName::parse("acme/shop")?;
    Ok(Mapping {
        trees: vec![PinnedTree {
            repo: repo.clone(),
            base_branch: "main".to_owned(),
            commit: "c0".to_owned(),
            tree: "t0".to_owned(),
        }],
        unusable: Vec::new(),
        locations: vec![Location {
            repo,
            file: "src/cart.rs".to_owned(),
            symbol: "total".to_owned(),
            start_line: 10,
            end_line: 12,
            explanation: WORDS.to_owned(),
            confidence: 0.8,
            executable: false,
        }],
        candidates_hash: "h0".to_owned(),
    })
}
