//! Token usage: one entry a sealed model step, in the transaction that seals it.
//!
//! **Shape** in the usage table: partition `tokens#<org>#<YYYY-MM>` (and `..+<part>` where the org's charges
//! are spread: a bug's tokens are counted in the part of its charge), sort `call#<subject>#<step>#<fence>` with the fence of
//! the claim that settled (a second one only where a person ran a parked step again); attributes `org`, `ticket`, `step`, `model` (S), `input`, `output`, `cache_read`, `cache_write`, `reasoning`, `calls`, `at_ms` (N);
//! where the settings have a price, `price_input`, `price_output`, `price_cache_read`, `price_cache_write` and `cost` (N), all
//! in millionths of a millionth of a dollar; `lost_attempts` (N): earlier attempts that may have been paid for and left no
//! answer. Sort `total`: `input`, `output` and `calls` (N) of the partition, for the cap. **Lifetime**: for ever.
//! Retries cannot count twice: the entry lands with the seal or not at all.

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use ratchet_domain::bill;
use ratchet_domain::ids::{OrgId, TicketRef};
use ratchet_domain::period::Period;
use ratchet_domain::settings::{Price, Settings};
use ratchet_guard::store::{Item, StoreError};
use ratchet_guard::{Claim, Companion, Park, StageError};
use serde::{Deserialize, Serialize};

use crate::usage::{Usage, number};

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

    /// What it costs, in millionths of a millionth of a dollar; exact. Reasoning is part of the output.
    #[must_use]
    pub fn cost(self, price: Price) -> u128 {
        let parts = [
            (self.input, price.input),
            (self.output, price.output),
            (self.cache_read, price.cache_read),
            (self.cache_write, price.cache_write),
        ];
        parts
            .into_iter()
            .map(|(tokens, price)| u128::from(tokens) * u128::from(price))
            .fold(0, u128::saturating_add)
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

    /// A partition of an org's token usage in a period.
    #[must_use]
    pub fn partition(org: &OrgId, period: &Period, part: u64) -> String {
        format!("tokens#{}", bill::partition(org, period, part))
    }

    /// The entry of a step and its share of the total, to be written with its seal. The period is that of the step's first
    /// claim.
    ///
    /// # Errors
    /// [`StoreError`] when they cannot be built.
    pub fn entries(
        &self,
        ticket: &TicketRef,
        settings: &Settings,
        claim: &Claim,
        model: &str,
        spent: Spent,
    ) -> Result<Vec<Companion>, StoreError> {
        let (key, fence, claimed_at) = (claim.key(), claim.fence(), claim.first_claimed_at());
        let period = Period::of(claimed_at, &settings.billing.time_zone);
        let part = bill::home_part(&ticket.bug(), settings.billing.spread());
        let partition = Self::partition(&ticket.org, &period, part);
        // An attempt before this one may have asked and died with the answer.
        let lost = claim.unaccounted();
        let text = |value: &str| AttributeValue::S(value.to_owned());
        let number = |value: u64| AttributeValue::N(value.to_string());
        let mut item = Item::from([
            ("org_period".to_owned(), text(&partition)),
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
            ("lost_attempts".to_owned(), number(lost)),
        ]);
        if let Some(price) = settings.model.as_ref().and_then(|model| model.price) {
            let cost = spent.cost(price).to_string();
            item.insert("cost".to_owned(), AttributeValue::N(cost));
            for (name, price) in [
                ("price_input", price.input),
                ("price_output", price.output),
                ("price_cache_read", price.cache_read),
                ("price_cache_write", price.cache_write),
            ] {
                item.insert(name.to_owned(), number(price));
            }
        }
        let sums = [
            ("input", spent.input),
            ("output", spent.output),
            ("calls", spent.calls),
        ];
        Ok(vec![
            Companion::entry(&self.table, "org_period", item)?,
            Companion::count(&self.table, total(&partition), &sums, None)?,
        ])
    }
}

fn total(partition: &str) -> Item {
    Item::from([
        ("org_period".to_owned(), AttributeValue::S(partition.to_owned())),
        ("sk".to_owned(), AttributeValue::S(bill::TOTAL.to_owned())),
    ])
}

/// What is left of a period's tokens, asked before a model is.
#[derive(Debug, Clone)]
pub struct Budget {
    usage: Usage,
}

impl Budget {
    /// Reads `table`, the usage table.
    #[must_use]
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        Self {
            usage: Usage::new(client, table),
        }
    }

    /// The claim back, unless the org's period has spent its cap of tokens: then the work waits, on record, and is looked at
    /// again after the longest backoff, until the cap is raised or the period turns. An org without a cap costs no read.
    ///
    /// The slack: what is being asked while the cap is reached is still counted, so a period may end over its cap by as many
    /// answers as there are model steps at once.
    ///
    /// # Errors
    /// [`StageError::Parked`]; or [`StageError::Retry`] when the table does not answer.
    pub async fn within(
        &self,
        claim: Claim,
        ticket: &TicketRef,
        settings: &Settings,
    ) -> Result<Claim, StageError> {
        let Some(cap) = settings.billing.token_cap else {
            return Ok(claim);
        };
        let period = Period::of(claim.now_ms(), &settings.billing.time_zone);
        let (claim, spent) = claim.having(self.spent(&ticket.org, &period).await).await?;
        if spent < cap {
            return Ok(claim);
        }
        let again_at = claim
            .now_ms()
            .saturating_add(claim.ledger().timing().backoff_ms_max);
        let park = Park::until(
            "token_capped",
            "the period's cap of model tokens is reached",
            again_at,
        );
        Err(StageError::Parked(claim.park(park).await?))
    }

    /// Whatever parts the period's tokens were counted in: the settings may have said another number of them before.
    async fn spent(&self, org: &OrgId, period: &Period) -> Result<u64, StageError> {
        let parts = self
            .usage
            .total_rows(|part| TokenMeter::partition(org, period, part));
        let spent = |row: &Item| number(row, "input").saturating_add(number(row, "output"));
        Ok(parts.await?.iter().map(spent).fold(0, u64::saturating_add))
    }
}
