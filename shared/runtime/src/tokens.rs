//! Token usage: one entry an attempt that is known to have been paid for, in the transaction that seals, parks or releases it.
//!
//! **Shape** in the usage table: partition `tokens#<org>#<YYYY-MM>` (and `..+<part>` where the org's charges
//! are spread: a bug's tokens are counted in the part of its charge) of the month in which the step was taken up, sort
//! `call#<subject>#<step>#<fence>` with the fence of the claim that asked (a second one only where an answer could not be used
//! and the step was run again); attributes `org`, `ticket`, `step`, `model` (S), `input`, `output`, `cache_read`, `cache_write`, `reasoning`, `calls`, `at_ms` (N);
//! where the settings have a price, `price_input`, `price_output`, `price_cache_read`, `price_cache_write` and `cost` (N), all
//! in millionths of a millionth of a dollar. Sort `total`: `input`, `output`, `cache_read`, `cache_write` and `calls` (N) of the
//! partition, for the cap. **Lifetime**: for ever.
//! Retries cannot count twice: the entry lands with the seal or not at all. What may have been paid for and left no answer has
//! a row of its own: see [`TokenMeter::told`].

mod lost;

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

use crate::usage::batch_get::Fresh;
use crate::usage::{Usage, number};

/// What a step spent on a model, summed over the calls of one attempt.
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
    client: Client,
    table: Arc<str>,
}

impl TokenMeter {
    /// Counts in `table`, the usage table.
    #[must_use]
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        let table = table.into();
        Self { client, table }
    }

    /// A partition of an org's token usage in a period.
    #[must_use]
    pub fn partition(org: &OrgId, period: &Period, part: u64) -> String {
        format!("tokens#{}", bill::partition(org, period, part))
    }

    /// The entry of an attempt and its share of the total, to be written as it is settled; and how many earlier ones left no
    /// word, where there are any. The period is that in which the step was taken up, as [`Budget::within`] asks for it.
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
        let (key, fence) = (claim.key(), claim.fence());
        let period = period_of(claim, settings);
        let part = bill::home_part(&ticket.bug(), settings.billing.spread());
        let partition = Self::partition(&ticket.org, &period, part);
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
            ("at_ms".to_owned(), number(claim.taken_up_at())),
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
            ("cache_read", spent.cache_read),
            ("cache_write", spent.cache_write),
            ("calls", spent.calls),
        ];
        let mut entries = vec![
            Companion::entry(&self.table, "org_period", item)?,
            Companion::count(&self.table, total(&partition), &sums, None)?,
        ];
        // An attempt before this one may have asked and died with the answer.
        if let Some(lost) = self.lost_before(ticket, settings, claim, model) {
            entries.push(Companion::put(&self.table, lost)?);
        }
        Ok(entries)
    }
}

/// The month whose cap a step is held to and which its tokens are booked into: the same for every retry of an attempt, and
/// another one when it waited into the next month.
fn period_of(claim: &Claim, settings: &Settings) -> Period {
    Period::of(claim.taken_up_at(), &settings.billing.time_zone)
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
        let period = period_of(&claim, settings);
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

    /// Every token that a vendor bills, at whatever rate: what is read from its cache and written to it too. Reasoning is
    /// output. Whatever parts the period's tokens were counted in: the settings may have said another number of them before.
    async fn spent(&self, org: &OrgId, period: &Period) -> Result<u64, StageError> {
        let parts = self
            .usage
            .total_rows(|part| TokenMeter::partition(org, period, part), Fresh::Lately);
        let rows = parts.await?;
        let billed = ["input", "output", "cache_read", "cache_write"];
        let counts = rows.iter().flat_map(|row| billed.map(|name| number(row, name)));
        Ok(counts.fold(0, u64::saturating_add))
    }
}
