//! Ticket to structured bug.
//!
//! The webhook's event is a hint: the ticket itself is read before anything is decided, and the work is named by the
//! customer's own words. Two events of one content are one extraction; a new customer comment is another.

mod question;
mod superseded;

use ratchet_domain::bug::Extraction;
use ratchet_domain::ids::ContentHash;
use ratchet_domain::message::{Body, BugAt, Envelope, TicketTouched};
use ratchet_domain::stage::Stage;
use ratchet_domain::step;
use ratchet_domain::ticket::Ticket;
use ratchet_guard::effect::accept_duplicates;
use ratchet_guard::intake::Events;
use ratchet_guard::{Decision, Ledger, Sealed, StageError, Work, pass};
use ratchet_runtime::batch::{Invocation, QueueStage};
use ratchet_runtime::config::{ConfigError, Reader};
use ratchet_runtime::connect::Connection;
use ratchet_runtime::deployment::Deployment;
use ratchet_runtime::guardrails::Guardrails;
use ratchet_runtime::model::{ASKING_TWICE, Ask, answer_of, settle};
use ratchet_runtime::outcome::not_read;
use ratchet_runtime::queues::Queues;
use ratchet_runtime::stage::{AskingParts, key_of};

use question::ExtractBug;

/// The stage.
#[derive(Debug)]
pub struct Extract {
    own: AskingParts,
    events: Events,
}

impl Extract {
    /// Made once, at cold start.
    ///
    /// # Errors
    /// [`ConfigError`] with every missing or bad variable.
    pub fn new(deployment: &Deployment) -> Result<Self, ConfigError> {
        let own = AskingParts::of(deployment, &[Stage::Extract, Stage::Map]);
        let mut reader = Reader::new(&deployment.env);
        let events = deployment.events(&mut reader);
        match (own, reader.done(events)) {
            (Ok(own), Ok(events)) => Ok(Self { own, events }),
            (own, events) => Err(ConfigError::of([own.err(), events.err()])),
        }
    }

    /// The ticket as it is now, unless it is billed: a billed bug is not extracted again.
    async fn admit(
        &self,
        invocation: &Invocation,
        touched: &TicketTouched,
    ) -> Result<Option<Asked>, StageError> {
        let ledger = &invocation.ledger;
        if ledger
            .sealed(&key_of(&touched.ticket, step::BILL))
            .await?
            .is_some()
        {
            tracing::info!(work.key = %touched.ticket.subject(), "ticket is billed, its new content is left alone");
            superseded::end(invocation, &touched.ticket, &self.own).await?;
            return Ok(None);
        }
        let connection = self.own.parts.connector.org(&touched.ticket.org, ledger).await?;
        let desk = connection.desk(touched.ticket.provider).await?;
        let ticket = desk
            .ticket(&touched.ticket.number)
            .await
            .map_err(|error| not_read(&error))?;
        let content = ticket.content();
        let work = Work::new(key_of(&touched.ticket, step::extract(&content)), content.as_str())
            .driven_by(Stage::Extract.as_str(), &invocation.message);
        Ok(Some(Asked {
            connection,
            ticket,
            content,
            work,
        }))
    }

    /// The answer on record, of this attempt or of an earlier one.
    async fn extracted(
        &self,
        invocation: &Invocation,
        touched: &TicketTouched,
        asked: &Asked,
    ) -> Result<Sealed, StageError> {
        let claim = match invocation.ledger.claim(&asked.work).await? {
            Decision::Run(claim) => claim,
            Decision::Replay(sealed) => {
                superseded::end(invocation, &touched.ticket, &self.own).await?;
                return Ok(sealed);
            }
            Decision::Parked(parked) => {
                superseded::end(invocation, &touched.ticket, &self.own).await?;
                return Err(StageError::Parked(parked));
            }
        };
        let settings = asked.connection.settings();
        let claim = self.own.budget.within(claim, &touched.ticket, settings).await?;
        let (claim, model) = claim.having(asked.connection.model().await).await?;
        let extract_bug = Ask::new(&model, ExtractBug::of(&asked.ticket));
        let acted = claim.act(accept_duplicates(extract_bug, ASKING_TWICE)).await?;
        settle(acted, &self.own.tokens, &touched.ticket, settings).await
    }

    async fn pass(
        &self,
        invocation: &Invocation,
        touched: &TicketTouched,
        content: &ContentHash,
        sealed: &Sealed,
    ) -> Result<(), StageError> {
        match answer_of::<Extraction>(sealed)?.answer {
            Extraction::NotABug { .. } => pass(sealed, &self.own.parts.queues, &[]).await?,
            Extraction::Bug(_) => {
                let at = BugAt {
                    ticket: touched.ticket.clone(),
                    content: content.clone(),
                };
                let next = Envelope::new(invocation.trace.clone(), Body::Map(at)).to_json();
                pass(sealed, &self.own.parts.queues, &[(Stage::Map.as_str(), next)]).await?;
            }
        }
        Ok(())
    }
}

/// What admission found.
struct Asked {
    connection: Connection,
    ticket: Ticket,
    content: ContentHash,
    work: Work,
}

impl QueueStage for Extract {
    const STAGE: Stage = Stage::Extract;

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
        let Body::Extract(touched) = &envelope.body else {
            return Ok(());
        };
        let Some(asked) = self.admit(invocation, touched).await? else {
            return Ok(());
        };
        let ended = Box::pin(self.extracted(invocation, touched, &asked)).await;
        let settings = asked.connection.settings();
        let sealed = self.own.tokens.told(ended, &touched.ticket, settings).await?;
        self.pass(invocation, touched, &asked.content, &sealed).await
    }

    /// The event has become work on record, or will never: nobody hands it over again.
    async fn settled(&self, envelope: &Envelope) -> Result<(), StageError> {
        if let Body::Extract(TicketTouched {
            event: Some(event), ..
        }) = &envelope.body
        {
            self.events.consume(event).await?;
        }
        Ok(())
    }
}
