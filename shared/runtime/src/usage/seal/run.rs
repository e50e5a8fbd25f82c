//! One sealing under way: it fills a batch, entry by entry, a slice of the keys at a time.
//!
//! What it keeps does not grow with the period: a page of entries, a batch, and the keys of one slice that are sealed.

use std::collections::BTreeSet;

use ratchet_domain::bill::Sum;
use ratchet_domain::ids::OrgId;
use ratchet_domain::period::Period;

use super::super::slice::Slice;
use super::super::{Usage, UsageError};
use super::{Batch, Leaf, Sealing, Stop, short};

/// Most entries of one batch. Reason: a batch is one row, and a row holds 400 KB.
const BATCH_ENTRIES_MAX: usize = 1000;

/// How a slice went, or a partition of it.
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
}

impl Run<'_> {
    /// Takes in what the tree does not have of a slice, partition by partition.
    pub(super) async fn slice(
        &mut self,
        partitions: &[(String, Sum)],
        slice: &Slice,
        sealing: &mut Sealing,
    ) -> Result<Went, UsageError> {
        let mut known = self.usage.known(self.org, self.period, slice).await?;
        for (partition, _) in partitions {
            match self.partition(partition, slice, &mut known, sealing).await? {
                Went::Through => {}
                ended @ (Went::Lost | Went::Stopped(_)) => return Ok(ended),
            }
        }
        Ok(Went::Through)
    }

    async fn partition(
        &mut self,
        partition: &str,
        slice: &Slice,
        known: &mut BTreeSet<u64>,
        sealing: &mut Sealing,
    ) -> Result<Went, UsageError> {
        let mut start = None;
        loop {
            let page = self.usage.page(partition, slice, start).await?;
            for entry in page.entries {
                if !known.insert(short(&entry.key)) {
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
        sealing.root = Some(self.next.root);
        sealing.is_final = self.next.is_final;
        self.next.seq += 1;
        self.next.leaves.clear();
        Ok(true)
    }
}
