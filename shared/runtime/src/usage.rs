//! Reading bills: entries, totals and seals of the usage table. Nothing here can write a charge.

pub mod batch_get;
pub mod explain;
pub mod seal;
pub mod slice;

use std::sync::Arc;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::AttributeValue;
use batch_get::Fresh;
use ratchet_domain::bill::{self, Entry, Field, Recorded, SPREAD_MAX, Sum};
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;
use ratchet_guard::store::Item;
use slice::{AT_ONCE, Slice};
use thiserror::Error;

/// Entries of one read. Reason: their flags are one read too, which takes a hundred keys.
const ENTRIES_A_PAGE: i32 = 100;

/// The usage table could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum UsageError {
    /// It did not answer.
    #[error("usage table did not answer operation=`{operation}` code=`{code}`")]
    Unread {
        /// The operation, as `Query`.
        operation: &'static str,
        /// The service's code.
        code: String,
    },
    /// A row does not hold what it should.
    #[error("row of the usage table does not read partition=`{partition}` key=`{key}`")]
    Row {
        /// Where.
        partition: String,
        /// Which.
        key: String,
    },
}

impl UsageError {
    fn of<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Self {
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
        Self::Unread {
            operation,
            code: code.unwrap_or("NoAnswer").to_owned(),
        }
    }
}

impl From<UsageError> for ratchet_guard::StageError {
    fn from(error: UsageError) -> Self {
        Self::NotRead {
            why: error.to_string(),
            retry_after_ms: None,
        }
    }
}

/// Entries of a partition, in the order of their keys, and where the next page begins.
#[derive(Debug, Clone, Default)]
pub struct Page {
    /// The entries.
    pub entries: Vec<Recorded>,
    /// Give it to the next call; none at the end.
    pub next: Option<Item>,
}

/// The usage table, to read.
#[derive(Debug, Clone)]
pub struct Usage {
    client: Client,
    table: Arc<str>,
    at_once: u64,
    terms: Option<Arc<seal::Terms>>,
}

impl Usage {
    /// The usage table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        Self {
            client,
            table: table.into(),
            at_once: AT_ONCE,
            terms: None,
        }
    }

    /// Signs periods off under these terms.
    #[must_use]
    pub fn with_terms(self, terms: seal::Terms) -> Self {
        Self {
            terms: Some(Arc::new(terms)),
            ..self
        }
    }

    /// Compares about so many entries at once with what is sealed, [`AT_ONCE`] unless said. Fewer take less memory, and the
    /// seals are read more often.
    #[must_use]
    pub fn with_at_once(self, at_once: u64) -> Self {
        Self { at_once, ..self }
    }

    /// The slices in which so many entries are compared.
    #[must_use]
    pub fn slices(&self, entries: u64) -> Vec<Slice> {
        Slice::of(entries, self.at_once)
    }

    /// The totals of a period, one a part: a charge and its part's total land together, so a part without a total has no
    /// charge. The first part is always there, so that an entry without any total is seen. One read.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn totals(&self, org: &OrgId, period: &Period) -> Result<Vec<(String, Sum)>, UsageError> {
        let partition = |part| bill::partition(org, period, part);
        let rows = self.in_parts(partition, bill::TOTAL, Fresh::Now).await?;
        let found = rows.iter().filter_map(|row| {
            let partition = text(row, "org_period")?;
            Some((partition.to_owned(), sum_of(row)))
        });
        let mut found: Vec<(String, Sum)> = found.collect();
        let first = bill::partition(org, period, 0);
        if !found.iter().any(|(partition, _)| *partition == first) {
            found.push((first, Sum::default()));
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(found)
    }

    /// How many bugs each part of a period had charged a moment ago, by its number. One read.
    ///
    /// A moment ago is enough for [`bill::limit_of`]: a charge that a limit lets through moves no other limit, and a
    /// transaction holds its own part's count against its limit.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn counted(&self, org: &OrgId, period: &Period) -> Result<Vec<u64>, UsageError> {
        let partition = |part| bill::partition(org, period, part);
        let rows = self.in_parts(partition, bill::TOTAL, Fresh::Lately).await?;
        let part = |part| {
            let partition = partition(part);
            let row = rows
                .iter()
                .find(|row| text(row, "org_period") == Some(&partition));
            row.map_or(0, |row| sum_of(row).mapped_bugs)
        };
        Ok((0..SPREAD_MAX).map(part).collect())
    }

    /// The totals that there are, of every part of what is counted under these partitions. One read.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn total_rows(
        &self,
        partition: impl Fn(u64) -> String,
        fresh: Fresh,
    ) -> Result<Vec<Item>, UsageError> {
        self.in_parts(partition, bill::TOTAL, fresh).await
    }

    /// The rows of that sort key in every part, whether or not the part has a total. One read.
    async fn in_parts(
        &self,
        partition: impl Fn(u64) -> String,
        key: &str,
        fresh: Fresh,
    ) -> Result<Vec<Item>, UsageError> {
        let key = |part| {
            Item::from([
                ("org_period".to_owned(), AttributeValue::S(partition(part))),
                ("sk".to_owned(), AttributeValue::S(key.to_owned())),
            ])
        };
        let keys: Vec<Item> = (0..SPREAD_MAX).map(key).collect();
        batch_get::rows(&self.client, &self.table, &keys, &[], fresh).await
    }

    /// A page of a partition's entries whose keys are in the slice.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn page(
        &self,
        partition: &str,
        slice: &Slice,
        start: Option<Item>,
    ) -> Result<Page, UsageError> {
        let output = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("org_period = :partition AND sk BETWEEN :first AND :end")
            .expression_attribute_values(":partition", AttributeValue::S(partition.to_owned()))
            .expression_attribute_values(":first", AttributeValue::S(slice.first().to_owned()))
            .expression_attribute_values(":end", AttributeValue::S(slice.end().to_owned()))
            .consistent_read(true)
            .limit(ENTRIES_A_PAGE)
            .set_exclusive_start_key(start)
            .send()
            .await
            .map_err(|error| UsageError::of("Query", &error))?;
        // The store's range includes its end, and a slice does not.
        let entries = output.items.into_iter().flatten().map(recorded);
        Ok(Page {
            entries: entries.filter(|entry| slice.has(&entry.key)).collect(),
            next: output.last_evaluated_key,
        })
    }

    /// One entry.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn entry(&self, partition: &str, key: &str) -> Result<Option<Recorded>, UsageError> {
        let output = self
            .client
            .get_item()
            .table_name(&*self.table)
            .key("org_period", AttributeValue::S(partition.to_owned()))
            .key("sk", AttributeValue::S(key.to_owned()))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| UsageError::of("GetItem", &error))?;
        Ok(output.item.map(recorded))
    }

    /// One entry, whichever part of the period it is in, also one without a total. One read.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn find(
        &self,
        org: &OrgId,
        period: &Period,
        key: &str,
    ) -> Result<Option<Recorded>, UsageError> {
        let found = self
            .in_parts(|part| bill::partition(org, period, part), key, Fresh::Now)
            .await?;
        let found = found.into_iter().map(recorded);
        Ok(found.min_by(|a, b| a.partition.cmp(&b.partition)))
    }
}

/// What the totals of a period's parts come to.
#[must_use]
pub fn sum(totals: &[(String, Sum)]) -> Sum {
    totals
        .iter()
        .fold(Sum::default(), |sum, (_, part)| sum.and(*part))
}

/// Reads an entry's row: every attribute but the table's key and the hash is a field, so that an added one shows.
#[must_use]
pub fn recorded(mut row: Item) -> Recorded {
    let mut own = |name: &str| match row.remove(name) {
        Some(AttributeValue::S(text)) => text,
        Some(_) | None => String::new(),
    };
    let (partition, key, hash) = (own("org_period"), own("sk"), own("hash"));
    Recorded {
        partition,
        key,
        hash,
        entry: Entry::new(row.into_iter().map(|(name, value)| (name, field(value)))),
    }
}

fn field(value: AttributeValue) -> Field {
    match value {
        AttributeValue::S(text) => Field::Text(text),
        AttributeValue::N(digits) => Field::number(digits),
        // No entry has a field of another type, so such a one's hash does not fit.
        AttributeValue::Bool(_) | _ => Field::text("field of a type that no entry has"),
    }
}

fn sum_of(row: &Item) -> Sum {
    Sum {
        mapped_bugs: number(row, "mapped_bugs"),
        credits: number(row, "credits"),
    }
}

fn text<'r>(row: &'r Item, name: &str) -> Option<&'r str> {
    row.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn number(row: &Item, name: &str) -> u64 {
    let digits = row.get(name).and_then(|value| value.as_n().ok());
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}
