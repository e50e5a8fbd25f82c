//! The audit of one org's period: its seals, then its entries against them, a slice of the keys at a time.
//!
//! What it keeps does not grow with the period: a page of entries, a few seals, and the leaves of one slice. The price is
//! that the seals are read again for every slice; the entries are read once.

use ratchet_domain::bill::{Recorded, Sum};
use ratchet_domain::merkle::{Frontier, Hash};
use ratchet_domain::period::Period;
use ratchet_runtime::usage::seal::Batch;
use ratchet_runtime::usage::slice::Slice;
use ratchet_runtime::usage::sum;

use super::super::books::Books;
use super::flags;
use super::leaves::Leaves;
use crate::failure::Failure;

/// Batches of one read. Reason: a batch is up to 200 KB, and an answer of the store 1 MB.
pub(super) const BATCHES_A_READ: i32 = 4;

/// Leaves that are compared at once. Reason: 24 bytes each, so 1.6 MB, whatever the period has.
const LEAVES_AT_ONCE: u64 = 65_536;

/// What was found, where nothing differs.
#[derive(Debug, Default)]
pub(super) struct Audit {
    /// The fold of the entries.
    pub(super) sum: Sum,
    /// Entries that landed while the others were read; the next audit looks at them.
    pub(super) landed: u64,
    /// Entries that the tree has.
    pub(super) sealed: u64,
    /// Batches of the tree.
    pub(super) batches: u64,
    /// The tree's root; none without a seal.
    pub(super) root: Option<Hash>,
    /// The last batch signs the period off.
    pub(super) is_final: bool,
}

pub(super) fn differs(what: String) -> Failure {
    Failure::Differs(what)
}

impl Audit {
    pub(super) async fn of(books: &Books<'_>, period: &Period) -> Result<Self, Failure> {
        let mut audit = Self::default();
        let leaves = audit.read_seals(books, period).await?;
        let before = books.usage.totals(books.org, period).await?;
        let mut sums = vec![Sum::default(); before.len()];
        for slice in Slice::of(leaves, LEAVES_AT_ONCE) {
            let mut leaves = Leaves::read(books, period, &slice, audit.batches).await?;
            for ((partition, _), sum) in before.iter().zip(&mut sums) {
                audit
                    .read_entries(books, partition, &slice, &mut leaves, sum)
                    .await?;
            }
            leaves.nothing_missing(books, period).await?;
        }
        let after = books.usage.totals(books.org, period).await?;
        for ((partition, before), sum) in before.iter().zip(&sums) {
            adds_up(partition, *before, *sum, &after)?;
            audit.sum = audit.sum.and(*sum);
        }
        audit.landed = sum(&after).entries().saturating_sub(sum(&before).entries());
        Ok(audit)
    }

    /// Builds the tree again, batch by batch; how many leaves it has.
    async fn read_seals(&mut self, books: &Books<'_>, period: &Period) -> Result<u64, Failure> {
        let mut tree = Frontier::default();
        loop {
            let batches = books
                .usage
                .batches(books.org, period, self.batches, BATCHES_A_READ)
                .await?;
            if batches.is_empty() {
                return Ok(tree.size());
            }
            for batch in batches {
                self.take(&mut tree, &batch)?;
            }
        }
    }

    fn take(&mut self, tree: &mut Frontier, batch: &Batch) -> Result<(), Failure> {
        if batch.seq != self.batches {
            return Err(differs(format!("seal is missing batch=`{}`", self.batches)));
        }
        for leaf in &batch.leaves {
            tree.push(leaf.hash());
        }
        if *tree != batch.tree || tree.root() != batch.root {
            return Err(differs(format!(
                "seal does not have the root of its leaves batch=`{}` root=`{}` computed=`{}`",
                batch.seq,
                batch.root,
                tree.root()
            )));
        }
        self.batches += 1;
        self.root = Some(batch.root);
        self.is_final = batch.is_final;
        Ok(())
    }

    /// A slice of a partition: each entry verifies, is as it was sealed, and has its flag on the ledger.
    async fn read_entries(
        &mut self,
        books: &Books<'_>,
        partition: &str,
        slice: &Slice,
        leaves: &mut Leaves,
        sum: &mut Sum,
    ) -> Result<(), Failure> {
        let mut start = None;
        loop {
            let page = books.usage.page(partition, slice, start).await?;
            for entry in &page.entries {
                self.take_entry(entry, leaves, sum)?;
            }
            flags::of_entries(books, &page.entries).await?;
            start = page.next;
            if start.is_none() {
                return Ok(());
            }
        }
    }

    fn take_entry(&mut self, entry: &Recorded, leaves: &mut Leaves, sum: &mut Sum) -> Result<(), Failure> {
        let kind = entry.verified().map_err(|fault| {
            differs(format!(
                "entry does not verify: {fault} partition=`{}` key=`{}`",
                entry.partition, entry.key
            ))
        })?;
        sum.add(kind);
        if leaves.take(entry)? {
            self.sealed += 1;
        } else if self.is_final {
            return Err(differs(format!(
                "entry came after the period was signed off and is not sealed partition=`{}` key=`{}`",
                entry.partition, entry.key
            )));
        }
        Ok(())
    }
}

/// A total counts each entry in the transaction that writes it. So what was read lies between the total before and the
/// total after it, and is the total where nothing landed in between.
fn adds_up(partition: &str, before: Sum, sum: Sum, after: &[(String, Sum)]) -> Result<(), Failure> {
    let after = after
        .iter()
        .find(|(other, _)| other == partition)
        .map_or(before, |(_, after)| *after);
    let charges = before.mapped_bugs <= sum.mapped_bugs && sum.mapped_bugs <= after.mapped_bugs;
    let credits = before.credits <= sum.credits && sum.credits <= after.credits;
    if charges && credits {
        return Ok(());
    }
    Err(differs(format!(
        "total is not the fold of its entries partition=`{partition}` total=`{before}` entries=`{sum}`"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(mapped_bugs: u64, credits: u64) -> Sum {
        Sum { mapped_bugs, credits }
    }

    #[test]
    fn a_charge_that_lands_while_entries_are_read_is_no_difference_and_one_without_a_total_is() {
        let after = |charges, credits| [("p".to_owned(), sum(charges, credits))];
        assert!(adds_up("p", sum(3, 1), sum(3, 1), &after(3, 1)).is_ok());
        assert!(adds_up("p", sum(3, 1), sum(4, 1), &after(5, 1)).is_ok());
        for (read, after) in [
            (sum(4, 1), after(3, 1)),
            (sum(2, 1), after(3, 1)),
            (sum(3, 2), after(9, 1)),
        ] {
            let said = adds_up("p", sum(3, 1), read, &after).unwrap_err().to_string();
            assert!(
                said.starts_with("total is not the fold of its entries partition=`p`"),
                "{said}"
            );
        }
    }
}
