//! Token usage: one entry a sealed model step, in the transaction that seals it.
//!
//! **Shape** in the usage table: partition `tokens#<org>#<YYYY-MM>`, sort `call#<subject>#<step>#<fence>` with the fence of
//! the claim that settled (a second one only where a person ran a parked step again); attributes `org`, `ticket`, `step`, `model` (S), `input`, `output`, `cache_read`, `cache_write`, `reasoning`, `calls`, `at_ms` (N).
//! **Lifetime**: for ever. Retries cannot count twice: the entry lands with the seal or not at all.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::ids::TicketRef;
use ratchet_domain::period::{Period, Zone};
use ratchet_guard::store::{Item, StoreError};
use ratchet_guard::{Claim, Companion};
use serde::{Deserialize, Serialize};

/// What a step spent on a model, summed over the calls of its sealed attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// Tokens read, without those from the cache.
    pub input: u64,
    /// Tokens written, reasoning included.
    pub output: u64,
    /// Tokens read from the provider's cache.
    pub cache_read: u64,
    /// Tokens written to the provider's cache.
    pub cache_write: u64,
    /// Tokens of reasoning, where the provider tells them apart.
    pub reasoning: u64,
    /// Model calls.
    pub calls: u64,
}

impl Spent {
    /// Both together; the counts are the provider's own word, so their sum stops at the largest number.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            input: self.input.saturating_add(other.input),
            output: self.output.saturating_add(other.output),
            cache_read: self.cache_read.saturating_add(other.cache_read),
            cache_write: self.cache_write.saturating_add(other.cache_write),
            reasoning: self.reasoning.saturating_add(other.reasoning),
            calls: self.calls.saturating_add(other.calls),
        }
    }
}

/// Where token usage is counted.
#[derive(Debug, Clone)]
pub struct TokenMeter {
    table: Arc<str>,
}

impl TokenMeter {
    /// Counts in `table`, the usage table.
    #[must_use]
    pub fn new(table: impl Into<Arc<str>>) -> Self {
        Self { table: table.into() }
    }

    /// The partition of an org's token usage in a period.
    #[must_use]
    pub fn partition(org: &str, period: &Period) -> String {
        format!("tokens#{org}#{period}")
    }

    /// The entry of a step, to be written with its seal. The period is that of the step's first claim.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be built.
    pub fn entry(
        &self,
        ticket: &TicketRef,
        zone: &Zone,
        claim: &Claim,
        model: &str,
        spent: Spent,
    ) -> Result<Companion, StoreError> {
        let (key, fence, claimed_at) = (claim.key(), claim.fence(), claim.first_claimed_at());
        let period = Period::of(claimed_at, zone);
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let number = |value: u64| AttributeValue::N(value.to_string());
        let item = Item::from([
            (
                "org_period".to_owned(),
                AttributeValue::S(Self::partition(ticket.org.as_str(), &period)),
            ),
            (
                "sk".to_owned(),
                AttributeValue::S(format!("call#{}#{}#{fence}", key.subject(), key.step())),
            ),
            ("org".to_owned(), text(ticket.org.as_str())),
            ("ticket".to_owned(), AttributeValue::S(ticket.label())),
            ("step".to_owned(), text(key.step())),
            ("model".to_owned(), text(model)),
            ("input".to_owned(), number(spent.input)),
            ("output".to_owned(), number(spent.output)),
            ("cache_read".to_owned(), number(spent.cache_read)),
            ("cache_write".to_owned(), number(spent.cache_write)),
            ("reasoning".to_owned(), number(spent.reasoning)),
            ("calls".to_owned(), number(spent.calls)),
            ("at_ms".to_owned(), number(claimed_at)),
        ]);
        Companion::entry(&self.table, "org_period", item)
    }
}
