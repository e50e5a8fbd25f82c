//! One sealing under way: it fills a batch, entry by entry.

use std::collections::BTreeSet;

use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;

use super::super::slice::Slice;
use super::super::{Usage, UsageError};
use super::{Batch, Leaf, Sealing, Stop, short};

/// Most entries of one batch. Reason: a batch is one row, and a row holds 400 KB.
const BATCH_ENTRIES_MAX: usize = 1000;

/// How a partition went.
pub(super) enum Went {
    /// All of it is in the tree, or in the batch that is being filled.
    Through,
    /// Another sealer is at it.
    Lost,
    /// An entry does not verify; what came before it is in the batch.
    Stopped(Stop),
}

/// The sealing.
pub(super) struct Run<'a> {
    pub(super) usage: &'a Usage,
    pub(super) org: &'a OrgId,
    pub(super) period: &'a Period,
    /// The batch that is being filled.
    pub(super) next: Batch,
    /// The keys that the tree has.
    pub(super) known: BTreeSet<u64>,
}

impl Run<'_> {
    /// Takes in what the tree does not have of a partition.
    pub(super) async fn partition(
        &mut self,
        partition: &str,
        sealing: &mut Sealing,
    ) -> Result<Went, UsageError> {
        let mut start = None;
        loop {
            let page = self.usage.page(partition, &Slice::whole(), start).await?;
            for entry in page.entries {
                if !self.known.insert(short(&entry.key)) {
                    continue;
                }
                if let Err(fault) = entry.verified() {
                    return Ok(Went::Stopped(Stop {
                        before: self.next.seq + u64::from(!self.next.leaves.is_empty()),
                        partition: entry.partition,
                        key: entry.key,
                        fault: fault.to_string(),
                        stopped_at: self.next.sealed_at,
                    }));
                }
                self.next.tree.push(entry.leaf());
                self.next.leaves.push(Leaf {
                    partition: entry.partition,
                    key: entry.key,
                    hash: entry.hash,
                });
                if self.next.leaves.len() >= BATCH_ENTRIES_MAX && !self.put(sealing).await? {
                    return Ok(Went::Lost);
                }
            }
            start = page.next;
            if start.is_none() {
                return Ok(Went::Through);
            }
        }
    }

    /// Puts the batch; false where another sealer has put one of that number.
    pub(super) async fn put(&mut self, sealing: &mut Sealing) -> Result<bool, UsageError> {
        self.next.root = self.next.tree.root();
        let added = self.next.leaves.len() as u64;
        if !self.usage.put_batch(self.org, self.period, &self.next).await? {
            return Ok(false);
        }
        sealing.added += added;
        sealing.size = self.next.tree.size();
        sealing.is_final = self.next.is_final;
        self.next.seq += 1;
        self.next.leaves.clear();
        Ok(true)
    }
}
