//! The gate and the meter: if both scores pass, the bug is billed, once.
//!
//! This crate is the only one that can name the meter, and its function the only one whose role may write billing
//! entries. The decision, the billable flag, the usage entry and the period's total land in one transaction.
//!
//! ```compile_fail,E0603
//! use qualify::meter::Charge; // the meter is private to this crate
//! ```

mod credit;
mod gate;
mod meter;

use ratchet_domain::bill::Flag;
use ratchet_domain::bug::{Bug, Extraction, Mapping};
use ratchet_domain::decision::{Approval, Decision as Gated, Gate};
use ratchet_domain::message::{Body, BugAt, Envelope};
use ratchet_domain::settings::Settings;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{
    Acted, Companion, Decision, Joint, Ledger, Park, Parked, Sealed, StageError, Work, WorkKey, pass,
};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::guardrails::Guardrails;
use ratchet_runtime::metric;
use ratchet_runtime::model::{Answered, answer_of};
use ratchet_runtime::orgs::Orgs;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::stage::{key_of, needed};

use meter::{Charge, Meter, Occasion, Refusal};

/// The stage.
#[derive(Debug)]
pub struct Qualify {
    ledger: Ledger,
    queues: Queues,
    orgs: Orgs,
    guardrails: Guardrails,
    meter: Meter,
    capped_recheck_ms: u64,
}

/// What admission found.
struct Asked {
    settings: std::sync::Arc<Settings>,
    bug: Answered<Bug>,
    mapping: Answered<Mapping>,
    work: Work,
}

impl Asked {
    /// What the gate says, from what is on record and the org's settings.
    fn decision(&self) -> Gated {
        let decided = gate::decide(&self.bug.answer, &self.mapping.answer, self.settings.thresholds);
        if self.mapping.is_vouched_for() && !self.settings.billing.approved_by_person {
            return gate::without_charge(decided);
        }
        decided
    }
}

/// What a transaction came to.
enum Charged {
    /// Billed now.
    OnRecord(Sealed),
    /// Billed before, for another content.
    Before(Sealed),
    /// This part of the period has no room under the cap.
    Full(Box<Acted<Gated>>),
}

impl Qualify {
    /// Made once, at cold start.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(&deployment.env);
        let ledger = deployment.ledger(&mut reader);
        let queues = deployment.queues(&mut reader, &[Stage::Qualify, Stage::FanOut]);
        let orgs = deployment.orgs(&mut reader);
        let guardrails = Guardrails::new(deployment, orgs.clone(), &mut reader);
        let meter = Meter::new(deployment.dynamo.clone(), reader.text("USAGE_TABLE"));
        let capped_recheck_ms = reader.positive("CAPPED_RECHECK_SECONDS").saturating_mul(1000);
        reader.done(Self {
            ledger,
            queues,
            orgs,
            guardrails,
            meter,
            capped_recheck_ms,
        })
    }

    /// Both scores, as they are on record.
    async fn admit(&self, invocation: &Invocation, at: &BugAt) -> Result<Asked, StageError> {
        let ledger = &invocation.ledger;
        let extracted = needed(ledger, &key_of(&at.ticket, step::extract(&at.content))).await?;
        let mapped = needed(ledger, &key_of(&at.ticket, step::map(&at.content))).await?;
        let Answered {
            answer: Extraction::Bug(bug),
            model,
            prompt,
            spent,
        } = answer_of(&extracted)?
        else {
            return Err(StageError::Poison {
                code: "earlier_step_missing",
                detail: "message names a ticket that reports no bug".to_owned(),
            });
        };
        let work = Work::new(
            key_of(&at.ticket, step::qualify(&at.content)),
            at.content.as_str(),
        )
        .driven_by(Stage::Qualify.as_str(), &invocation.message);
        Ok(Asked {
            settings: self.orgs.settings(&at.ticket.org).await?,
            bug: Answered {
                answer: bug,
                model,
                prompt,
                spent,
            },
            mapping: answer_of(&mapped)?,
            work,
        })
    }

    /// Lets a bug through on a person's word: its flag is raised without a charge, so that nothing later charges it, and
    /// it is listed among the org's approvals, where `reconcile` finds what no usage entry tells of.
    async fn approve(&self, at: &BugAt, acted: Acted<Gated>) -> Result<Sealed, StageError> {
        let now_ms = acted.claim().taken_up_at();
        let (ledger, content) = (acted.claim().ledger(), at.content.as_str());
        let flag = Flag::without_charge(at.content.clone(), now_ms);
        let raised = Companion::sealed_step(ledger, &key_of(&at.ticket, step::BILL), content, &flag)?;
        let approval = Approval {
            ticket: at.ticket.clone(),
            content: at.content.clone(),
            repos: acted.receipt().repos.clone(),
            at_ms: now_ms,
        };
        let month = Approval::subject(&at.ticket.org, &Approval::month(now_ms));
        let key = WorkKey::new(month, at.ticket.subject());
        let listed = Companion::sealed_step(ledger, &key, content, &approval)?;
        match acted.seal_with(vec![raised, listed]).await? {
            Joint::OnRecord(sealed) => Ok(sealed),
            Joint::Refused {
                acted, companion: 0, ..
            } => billed_before(*acted).await,
            // Listed without a flag: somebody wrote the ledger by hand.
            Joint::Refused { .. } => Err(StageError::Conflict { key }),
        }
    }

    /// Charges in the first part of the period that has room.
    async fn charge(
        &self,
        asked: &Asked,
        at: &BugAt,
        occasion: &Occasion,
        acted: Acted<Gated>,
    ) -> Result<Sealed, StageError> {
        let charge = Charge::of(
            at,
            &asked.settings,
            &asked.bug,
            &asked.mapping,
            acted.receipt(),
            occasion,
        );
        let mut acted = acted.map(|gated| Gated {
            entry: Some(charge.key().to_owned()),
            ..gated
        });
        for part in charge.parts() {
            match self.charge_in(acted, at, &charge, *part).await? {
                Charged::OnRecord(sealed) => {
                    metric::count(metric::BILLS, "", 1);
                    return Ok(sealed);
                }
                Charged::Before(sealed) => return Ok(sealed),
                Charged::Full(back) => acted = *back,
            }
        }
        Err(StageError::Parked(self.wait_at_cap(acted).await?))
    }

    /// One transaction: the decision, the flag, the entry and the total of one part of the period.
    async fn charge_in(
        &self,
        acted: Acted<Gated>,
        at: &BugAt,
        charge: &Charge,
        part: u64,
    ) -> Result<Charged, StageError> {
        let companions = self.meter.companions(acted.claim().ledger(), at, charge, part)?;
        let (back, companion) = match acted.seal_with(companions).await? {
            Joint::OnRecord(sealed) => return Ok(Charged::OnRecord(sealed)),
            Joint::Refused { acted, companion, .. } => (acted, companion),
        };
        match Refusal::of(companion) {
            Refusal::Cap => Ok(Charged::Full(back)),
            Refusal::BilledBefore => Ok(Charged::Before(billed_before(*back).await?)),
            Refusal::EntryTaken => {
                let place = charge.place(&at.ticket.org, part);
                let detail = format!("usage table has an entry that no charge wrote {place}");
                let acted = back.map(|gated| Gated { entry: None, ..gated });
                let parked = park(acted, Park::for_a_person("entry_taken", detail)).await?;
                Err(StageError::Parked(parked))
            }
        }
    }

    /// The cap is reached: the bug waits, on record, until the cap is raised or the period turns.
    async fn wait_at_cap(&self, acted: Acted<Gated>) -> Result<Parked, StageError> {
        let recheck_at = acted.claim().now_ms().saturating_add(self.capped_recheck_ms);
        let acted = acted.map(|gated| Gated {
            gate: Gate::Capped,
            entry: None,
            ..gated
        });
        park(
            acted,
            Park::until("capped", "the period's cap of mapped bugs is reached", recheck_at),
        )
        .await
    }

    async fn pass(&self, invocation: &Invocation, at: &BugAt, sealed: &Sealed) -> Result<(), StageError> {
        let gated: Gated = sealed.result()?;
        let next = match gated.gate {
            Gate::Billed | Gate::Approved => {
                let next = Envelope::new(invocation.trace.clone(), Body::FanOut(at.clone())).to_json();
                vec![(Stage::FanOut.as_str(), next)]
            }
            Gate::BilledBefore | Gate::Capped | Gate::Held => Vec::new(),
        };
        Ok(pass(sealed, &self.queues, &next).await?)
    }
}

impl QueueStage for Qualify {
    const STAGE: Stage = Stage::Qualify;

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
        if let Body::Credit(claim) = &envelope.body {
            return self.credit(invocation, claim).await;
        }
        let Body::Qualify(at) = &envelope.body else {
            return Ok(());
        };
        let asked = self.admit(invocation, at).await?;
        let claim = match invocation.ledger.claim(&asked.work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => return self.pass(invocation, at, &sealed).await,
            Decision::Parked(_) => return Ok(()),
        };
        let decision = asked.decision();
        let sealed = match decision.gate {
            Gate::Held => {
                let reason = gate::reason(&decision);
                park(
                    claim.decide(decision),
                    Park::for_a_person("below_threshold", reason),
                )
                .await?;
                return Ok(());
            }
            Gate::Approved => self.approve(at, claim.decide(decision)).await?,
            Gate::Billed | Gate::BilledBefore | Gate::Capped => {
                // What waited at its cap, for a person or for a repair falls into the period that lets it through: an older
                // one may be signed off by then, and nobody would see the charge.
                let billed_at = claim.taken_up_at();
                let billing = &asked.settings.billing;
                let occasion = self.meter.occasion(&at.ticket.org, billing, billed_at).await;
                let (claim, occasion) = claim.having(occasion).await?;
                self.charge(&asked, at, &occasion, claim.decide(decision)).await?
            }
        };
        self.pass(invocation, at, &sealed).await
    }
}

async fn billed_before(acted: Acted<Gated>) -> Result<Sealed, StageError> {
    let before = acted.map(|gated| Gated {
        gate: Gate::BilledBefore,
        entry: None,
        ..gated
    });
    before.seal().await
}

async fn park(acted: Acted<Gated>, park: Park) -> Result<Parked, StageError> {
    match acted.park_with(park, Vec::new()).await? {
        Joint::OnRecord(parked) => Ok(parked),
        Joint::Refused { acted, .. } => Err(StageError::Conflict {
            key: acted.claim().key().clone(),
        }),
    }
}
