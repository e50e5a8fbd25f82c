//! Seals: the entries of an org and period, linked into one Merkle tree that only grows.
//!
//! **Shape** in the usage table, partition `seals#<org>#<YYYY-MM>`, sort `batch#<seq>` (six digits, from 0): `body` (S, a
//! [`Batch`] as JSON), `size` (N) and `root` (S) for people. A batch lists the entries that came since the one before, and
//! carries the tree's frontier after them, so that the next one is appended without reading the tree. **Lifetime**: for ever.
//!
//! Sort `stop#<seq>`: where sealing stopped before the batch of that number, see [`Stop`].
//!
//! Charges know nothing of it: they stay independent of each other, and the tree's order is that of the batches. One
//! changed, added or missing entry shows: its leaf, or its absence, does not fit the batches. Who writes all batches behind
//! it anew as well is found only with a root that was kept elsewhere, so the sealer tells its roots outside the table. The
//! terms of a batch are no part of the tree.

mod run;
mod stop;
mod terms;

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use ratchet_domain::bill;
use ratchet_domain::ids::OrgId;
use ratchet_domain::merkle::{Frontier, Hash};
use ratchet_domain::period::Period;
use ratchet_guard::store::Item;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::slice::Slice;
use super::{Usage, UsageError, sum, text};
use run::{Run, Went};

pub use stop::Stop;
pub use terms::Terms;

/// Batches of one read. Reason: a batch is up to 200 KB, and an answer of the store 1 MB.
pub const BATCHES_A_READ: i32 = 4;

/// An entry as the tree knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaf {
    /// The partition that has the entry.
    pub partition: String,
    /// The entry's sort key.
    pub key: String,
    /// The entry's hash.
    pub hash: String,
}

impl Leaf {
    /// Its hash in the tree.
    #[must_use]
    pub fn hash(&self) -> Hash {
        bill::leaf(&self.key, &self.hash)
    }
}

/// Entries that were sealed together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// From 0, without a gap.
    pub seq: u64,
    /// In the tree's order.
    pub leaves: Vec<Leaf>,
    /// The tree after them.
    pub tree: Frontier,
    /// Its root.
    pub root: Hash,
    /// The period was over: this root signs the whole bill off. A charge that was claimed in the period and landed later
    /// makes another final batch.
    pub is_final: bool,
    /// When, in ms.
    pub sealed_at: u64,
    /// What the bill is paid under, from the batch on that first signed it off; none before, and in batches of a build
    /// that kept none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

/// What one sealing came to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sealing {
    /// Entries that were sealed now.
    pub added: u64,
    /// Entries of the tree.
    pub size: u64,
    /// The tree's root; none before the first batch. Kept elsewhere than in the table, it shows whether all of this was
    /// written anew.
    pub root: Option<Hash>,
    /// The period is signed off.
    pub is_final: bool,
    /// An entry does not verify: nothing behind it is sealed, and the period is not signed off, until somebody has looked.
    pub stopped: Option<Stop>,
}

impl Usage {
    /// Batches from `seq` on, a page at a time; fewer than asked for is the end.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn batches(
        &self,
        org: &OrgId,
        period: &Period,
        seq: u64,
        most: i32,
    ) -> Result<Vec<Batch>, UsageError> {
        self.read_batches(org, period, seq, Some(most)).await
    }

    /// The batch that was sealed last.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn last_batch(&self, org: &OrgId, period: &Period) -> Result<Option<Batch>, UsageError> {
        Ok(self.read_batches(org, period, 0, None).await?.pop())
    }

    /// So many batches from `seq` on; the last one alone where no number is said.
    async fn read_batches(
        &self,
        org: &OrgId,
        period: &Period,
        seq: u64,
        most: Option<i32>,
    ) -> Result<Vec<Batch>, UsageError> {
        let output = self
            .client
            .query()
            .table_name(&*self.table)
            .key_condition_expression("org_period = :partition AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":partition", seals(org, period))
            .expression_attribute_values(":first", AttributeValue::S(sort_key(seq)))
            .expression_attribute_values(":last", AttributeValue::S("batch#~".to_owned()))
            .scan_index_forward(most.is_some())
            .consistent_read(true)
            .limit(most.unwrap_or(1))
            .send()
            .await
            .map_err(|error| UsageError::of("Query", &error))?;
        output.items().iter().map(body).collect()
    }

    /// Seals what came since the last batch, up to the first entry that does not verify. Where the totals say that nothing
    /// came, it costs two reads. Two at once are harmless: a batch is only put where none is, and the loser's entries are found by the next run.
    ///
    /// # Errors
    /// [`UsageError`].
    pub async fn seal(
        &self,
        org: &OrgId,
        period: &Period,
        is_over: bool,
        now_ms: u64,
    ) -> Result<Sealing, UsageError> {
        let totals = self.totals(org, period).await?;
        let last = self.last_batch(org, period).await?;
        let root = last.as_ref().map(|last| last.root);
        let (seq, tree, was_final, terms) = match last {
            Some(last) => (last.seq + 1, last.tree, last.is_final, last.terms),
            None => (0, Frontier::default(), false, None),
        };
        let mut sealing = Sealing {
            size: tree.size(),
            root,
            is_final: was_final,
            ..Sealing::default()
        };
        let is_signed_off = was_final || !is_over || (seq == 0 && sum(&totals).entries() == 0);
        if tree.size() == sum(&totals).entries() && is_signed_off {
            return Ok(sealing);
        }
        let mut run = Run {
            usage: self,
            org,
            period,
            next: Batch {
                seq,
                leaves: Vec::new(),
                root: tree.root(),
                tree,
                is_final: false,
                sealed_at: now_ms,
                terms,
            },
        };
        for slice in self.slices(sum(&totals).entries()) {
            match run.slice(&totals, &slice, &mut sealing).await? {
                Went::Through => {}
                Went::Lost => return Ok(sealing),
                Went::Stopped(stop) => {
                    if run.next.leaves.is_empty() || run.put(&mut sealing).await? {
                        self.put_stop(org, period, &stop).await?;
                        sealing.stopped = Some(stop);
                    }
                    return Ok(sealing);
                }
            }
        }
        // Only the batch behind which nothing is left signs the period off.
        run.next.is_final = is_over;
        if is_over && run.next.terms.is_none() {
            run.next.terms = self.terms.as_deref().cloned();
        }
        if !run.next.leaves.is_empty() || (is_over && !sealing.is_final) {
            run.put(&mut sealing).await?;
        }
        Ok(sealing)
    }

    /// The keys of a slice that the tree has: 8 bytes an entry.
    async fn known(&self, org: &OrgId, period: &Period, slice: &Slice) -> Result<BTreeSet<u64>, UsageError> {
        let mut known = BTreeSet::new();
        let mut seq = 0;
        loop {
            let batches = self.batches(org, period, seq, 1).await?;
            let Some(batch) = batches.first() else {
                return Ok(known);
            };
            let keys = batch.leaves.iter().map(|leaf| leaf.key.as_str());
            known.extend(keys.filter(|key| slice.has(key)).map(short));
            seq = batch.seq + 1;
        }
    }

    /// False where another sealer has put this batch.
    async fn put_batch(&self, org: &OrgId, period: &Period, batch: &Batch) -> Result<bool, UsageError> {
        let body = serde_json::to_string(batch).unwrap_or_default();
        let item = Item::from([
            ("org_period".to_owned(), seals(org, period)),
            ("sk".to_owned(), AttributeValue::S(sort_key(batch.seq))),
            (
                "size".to_owned(),
                AttributeValue::N(batch.tree.size().to_string()),
            ),
            ("root".to_owned(), AttributeValue::S(batch.root.to_string())),
            ("body".to_owned(), AttributeValue::S(body.clone())),
        ]);
        let answer = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(org_period)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = answer else { return Ok(true) };
        let Some(PutItemError::ConditionalCheckFailedException(lost)) = error.as_service_error() else {
            return Err(UsageError::of("PutItem", &error));
        };
        // A resend of our own write finds exactly what it wrote.
        Ok(lost.item().and_then(|row| text(row, "body")) == Some(body.as_str()))
    }
}

/// A key, as short as a list of all keys of a period needs it.
fn short(key: &str) -> u64 {
    Hash::leaf(&[key]).short()
}

fn seals(org: &OrgId, period: &Period) -> AttributeValue {
    AttributeValue::S(bill::seals_partition(org, period))
}

fn sort_key(seq: u64) -> String {
    format!("batch#{seq:06}")
}

/// What is kept as JSON in a row's `body`.
fn body<T: DeserializeOwned>(row: &Item) -> Result<T, UsageError> {
    let read = text(row, "body").and_then(|body| serde_json::from_str(body).ok());
    read.ok_or_else(|| UsageError::Row {
        partition: text(row, "org_period").unwrap_or_default().to_owned(),
        key: text(row, "sk").unwrap_or_default().to_owned(),
    })
}
