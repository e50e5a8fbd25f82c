//! A period's rows of token usage, as they stand in the table.

use anyhow::{Context as _, Result};
use local::aws::Call;
use local::stand::Stand;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_guard::store::Item;
use ratchet_runtime::tokens::TokenMeter;

/// What is on the books of a period.
pub(crate) struct Books {
    /// An answer each.
    pub(crate) calls: Vec<Item>,
    /// A step each of which attempts left no word.
    pub(crate) lost: Vec<Item>,
    /// The sums of the answers.
    pub(crate) total: Item,
}

/// The counters that a total has.
pub(crate) const SUMS: [&str; 5] = ["input", "output", "cache_read", "cache_write", "calls"];

impl Books {
    /// Those of the stand's current month.
    pub(crate) async fn of(stand: &Stand) -> Result<Self> {
        Self::of_month(stand, &stand.month()).await
    }

    /// Those of a month; the total is the sum of its answers.
    pub(crate) async fn of_month(stand: &Stand, month: &Period) -> Result<Self> {
        let partition = TokenMeter::partition(&OrgId::parse("acme")?, month, 0);
        let dynamo = stand.cloud.aws.link().dynamo();
        let rows = dynamo.scan().table_name("UsageTable").send().await?;
        let mut books = Self {
            calls: Vec::new(),
            lost: Vec::new(),
            total: Item::new(),
        };
        for row in rows.items() {
            let key = text(row, "sk");
            if text(row, "org_period") != partition {
                continue;
            }
            match key.split('#').next().context("a key")? {
                "call" => books.calls.push(row.clone()),
                "lost" => books.lost.push(row.clone()),
                _ => books.total = row.clone(),
            }
        }
        for name in SUMS {
            assert_eq!(number(&books.total, name), books.sum(name), "{name}");
        }
        Ok(books)
    }

    /// The sum of the answers.
    pub(crate) fn sum(&self, name: &str) -> u64 {
        self.calls.iter().map(|call| number(call, name)).sum()
    }

    /// How many attempts left no word.
    pub(crate) fn lost_attempts(&self) -> u64 {
        self.lost.iter().map(|row| number(row, "attempts")).sum()
    }

    /// The kinds of steps that were answered, as often as they were.
    pub(crate) fn kinds(&self) -> Vec<String> {
        let kind = |row: &Item| text(row, "step").split('#').next().map(str::to_owned);
        let mut kinds: Vec<String> = self.calls.iter().filter_map(kind).collect();
        kinds.sort();
        kinds
    }
}

pub(crate) fn text(row: &Item, name: &str) -> String {
    let text = row.get(name).and_then(|value| value.as_s().ok());
    text.cloned().unwrap_or_default()
}

pub(crate) fn number(row: &Item, name: &str) -> u64 {
    let digits = row.get(name).and_then(|value| value.as_n().ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// The transaction that puts an answer on record.
pub(crate) fn is_answer(call: &Call) -> bool {
    call.operation == "TransactWriteItems" && call.json().to_string().contains("tokens#")
}
