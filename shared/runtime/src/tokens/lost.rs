//! What may have been paid for and left no answer: one row a model step, apart from what is counted, and part of no cap.
//!
//! **Shape** in the usage table: partition `tokens#<org>#<YYYY-MM>`, the first part of the month of the step's first claim, sort
//! `lost#<subject>#<step>`; attributes `org`, `ticket`, `step`, `model` (S), `attempts`, `at_ms` (N). **Lifetime**: for ever.
//! `attempts` counts from the first claim on and only grows, so whoever knows the number may say it again: with the answer,
//! where there is one, and when the step is parked for a person, which may be its end.

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::TicketRef;
use ratchet_domain::period::Period;
use ratchet_domain::settings::Settings;
use ratchet_guard::clock::Millis;
use ratchet_guard::store::{Item, StoreError};
use ratchet_guard::{Claim, StageError, WorkKey};

use super::TokenMeter;

impl TokenMeter {
    /// What a model step came to, as it came. Where it waits for a person now, its attempts that left no word are on the
    /// books first: nobody may ever work on it again.
    ///
    /// Only the step itself may be parked in `ended`: no other work of the ticket asks a model.
    ///
    /// # Errors
    /// The error of the step; [`StageError::Store`] when the row cannot be written.
    pub async fn told<T>(
        &self,
        ended: Result<T, StageError>,
        ticket: &TicketRef,
        settings: &Settings,
    ) -> Result<T, StageError> {
        let Err(StageError::Parked(parked)) = &ended else {
            return ended;
        };
        // What waits for a time is claimed again, and told of then.
        if parked.unaccounted() > 0 && parked.resume_at().is_none() {
            let lost = Lost {
                key: parked.key(),
                attempts: parked.unaccounted(),
                first_claimed_at: parked.first_claimed_at(),
            };
            let model = settings.model.as_ref().map_or("", |model| &model.name);
            self.write(lost, lost.item(ticket, settings, model)).await?;
        }
        ended
    }

    /// Puts the attempts before this claim on the books, for a step that ends without asking a model.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn told_before(
        &self,
        ticket: &TicketRef,
        settings: &Settings,
        claim: &Claim,
    ) -> Result<(), StoreError> {
        let model = settings.model.as_ref().map_or("", |model| &model.name);
        match self.lost_before(ticket, settings, claim, model) {
            Some(item) => self.write(Lost::before(claim), item).await,
            None => Ok(()),
        }
    }

    /// The row of the attempts before this claim that left no word; none where there are none.
    pub(super) fn lost_before(
        &self,
        ticket: &TicketRef,
        settings: &Settings,
        claim: &Claim,
        model: &str,
    ) -> Option<Item> {
        let lost = Lost::before(claim);
        (lost.attempts > 0).then(|| lost.item(ticket, settings, model))
    }

    /// Writes the row, unless it tells of more: whoever wrote that came later.
    async fn write(&self, lost: Lost<'_>, item: Item) -> Result<(), StoreError> {
        let answer = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(attempts) OR attempts < :attempts")
            .expression_attribute_values(":attempts", AttributeValue::N(lost.attempts.to_string()))
            .send()
            .await;
        match answer {
            Ok(_) => Ok(()),
            Err(error) => {
                let service = error.as_service_error();
                if service.is_some_and(|error| error.is_conditional_check_failed_exception()) {
                    return Ok(());
                }
                Err(StoreError::of("PutItem", &error))
            }
        }
    }
}

/// Attempts of a step that may have been paid for and left no word.
#[derive(Debug, Clone, Copy)]
struct Lost<'k> {
    key: &'k WorkKey,
    attempts: u64,
    first_claimed_at: Millis,
}

impl<'k> Lost<'k> {
    fn before(claim: &'k Claim) -> Self {
        Self {
            key: claim.key(),
            attempts: claim.unaccounted(),
            first_claimed_at: claim.first_claimed_at(),
        }
    }

    fn item(self, ticket: &TicketRef, settings: &Settings, model: &str) -> Item {
        let period = Period::of(self.first_claimed_at, &settings.billing.time_zone);
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let number = |value: u64| AttributeValue::N(value.to_string());
        let (subject, step) = (self.key.subject(), self.key.step());
        Item::from([
            (
                "org_period".to_owned(),
                AttributeValue::S(TokenMeter::partition(&ticket.org, &period, 0)),
            ),
            (
                "sk".to_owned(),
                AttributeValue::S(format!("lost#{subject}#{step}")),
            ),
            ("org".to_owned(), text(ticket.org.as_str())),
            ("ticket".to_owned(), AttributeValue::S(ticket.label())),
            ("step".to_owned(), text(step)),
            ("model".to_owned(), text(model)),
            ("attempts".to_owned(), number(self.attempts)),
            ("at_ms".to_owned(), number(self.first_claimed_at)),
        ])
    }
}
