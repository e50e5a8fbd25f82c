//! Claims that nobody will work on any more: an attempt at older words of the customer crashed, and the ticket has gone on.
//!
//! A delivery extracts what the ticket says now, so it never takes such a claim over by itself, and the sweep would send
//! the message again for ever. They end once the ticket needs no older words: it is billed, or its newer words are
//! extracted or wait for a person.

use ratchet_domain::bug::Extraction;
use ratchet_domain::ids::TicketRef;
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_guard::{Decision, StageError, State, Work};
use ratchet_runtime::batch::Invocation;
use ratchet_runtime::model::{Answered, Asked};
use ratchet_runtime::stage::AskingParts;
use ratchet_runtime::tokens::Spent;

/// Seals every claim of an extraction whose lease has ended. The ticket's own words are settled when this is called, or
/// it is billed: what is still claimed is older.
///
/// # Errors
/// As [`ratchet_guard::Ledger::claim`] and a seal; a claim that another attempt holds is left to it.
pub(crate) async fn end(
    invocation: &Invocation,
    ticket: &TicketRef,
    own: &AskingParts,
) -> Result<(), StageError> {
    let ledger = &invocation.ledger;
    for record in ledger.life(&ticket.subject()).await? {
        let is_extraction = record.key.step().starts_with(step::EXTRACT);
        if record.state != State::Claimed || !is_extraction {
            continue;
        }
        let work = Work::new(record.key.clone(), record.content.clone())
            .driven_by(Stage::Extract.as_str(), &invocation.message);
        match ledger.claim(&work).await {
            Ok(Decision::Run(claim)) => {
                tracing::info!(work.key = %record.key, "extraction is superseded");
                if claim.unaccounted() > 0 {
                    // The attempt that left this claim may have been answered, and paid for it.
                    let connection = own.parts.connector.org(&ticket.org, ledger).await?;
                    let told = own.tokens.told_before(ticket, connection.settings(), &claim);
                    told.await?;
                }
                claim.decide(nothing_asked()).seal().await?;
            }
            Ok(Decision::Replay(_) | Decision::Parked(_)) | Err(StageError::Busy { .. }) => {}
            // One claim too many.
            Err(error @ StageError::Parked(_)) => {
                let connection = own.parts.connector.org(&ticket.org, ledger).await?;
                let told = own.tokens.told::<()>(Err(error), ticket, connection.settings());
                match told.await {
                    Ok(()) | Err(StageError::Parked(_)) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The result of an extraction that no model was asked for.
fn nothing_asked() -> Asked<Extraction> {
    Asked::Answered(Answered {
        answer: Extraction::NotABug {
            reason: "superseded: the ticket is billed, or its newer words are extracted".to_owned(),
        },
        model: String::new(),
        prompt: String::new(),
        spent: Spent::default(),
    })
}
