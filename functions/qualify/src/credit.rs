//! A claim that a bug was mapped wrongly: one credit a bug, and every claim on record.

use ratchet_domain::bill::Flag;
use ratchet_domain::credit::{CreditAsked, Judged, Verdict};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Acted, Decision, Joint, Sealed, StageError, Work};
use ratchet_runtime::batch::Invocation;
use ratchet_runtime::stage::key_of;

use crate::Qualify;
use crate::meter::Refusal;

impl Qualify {
    /// Judges a claim once. Two claims about one bug compete for its credit flag, and one of them gets it.
    pub(crate) async fn credit(
        &self,
        invocation: &Invocation,
        claim: &CreditAsked,
    ) -> Result<(), StageError> {
        let ledger = &invocation.ledger;
        let billed = ledger.sealed(&key_of(&claim.ticket, step::BILL)).await?;
        let flag: Option<Flag> = billed.map(|billed| billed.result()).transpose()?;
        let flag = flag.filter(|flag| flag.is_charge() && claim.is_about(flag));
        let id = claim.id();
        let work = Work::new(key_of(&claim.ticket, step::credit_claim(&id)), id)
            .driven_by(Stage::Qualify.as_str(), &invocation.message);
        let run = match ledger.claim(&work).await? {
            Decision::Run(run) => run,
            Decision::Replay(_) | Decision::Parked(_) => return Ok(()),
        };
        // Whoever waits in a queue is not late for it; a clock that runs ahead gains nothing.
        let asked_at = claim.asked_at_ms.min(run.first_claimed_at());
        let acted = run.decide(Judged {
            verdict: Verdict::NotBilled,
            claim: claim.clone(),
            entry: None,
        });
        let Some(flag) = flag else {
            acted.seal().await?;
            return Ok(());
        };
        if !flag.is_in_time(asked_at) {
            acted.map(|judged| as_is(judged, Verdict::TooLate)).seal().await?;
            return Ok(());
        }
        let sealed = self.give_back(acted, claim, &flag).await?;
        let judged: Judged = sealed.result()?;
        tracing::info!(work.key = %claim.ticket.subject(), verdict = ?judged.verdict, "claim is judged");
        Ok(())
    }

    async fn give_back(
        &self,
        acted: Acted<Judged>,
        claim: &CreditAsked,
        flag: &Flag,
    ) -> Result<Sealed, StageError> {
        let settings = self.orgs.settings(&claim.ticket.org).await?;
        let credited_at = acted.claim().first_claimed_at();
        let ledger = acted.claim().ledger();
        let (key, companions) = self.meter.credit(ledger, claim, flag, &settings, credited_at)?;
        let acted = acted.map(|judged| Judged {
            verdict: Verdict::Credited,
            entry: Some(key),
            ..judged
        });
        match acted.seal_with(companions).await? {
            Joint::OnRecord(sealed) => Ok(sealed),
            Joint::Refused { acted, companion, .. } => match Refusal::of(companion) {
                Refusal::BilledBefore => {
                    acted
                        .map(|judged| as_is(judged, Verdict::CreditedBefore))
                        .seal()
                        .await
                }
                Refusal::EntryTaken | Refusal::Cap => Err(StageError::Conflict {
                    key: acted.claim().key().clone(),
                }),
            },
        }
    }
}

fn as_is(judged: Judged, verdict: Verdict) -> Judged {
    Judged {
        verdict,
        entry: None,
        ..judged
    }
}
