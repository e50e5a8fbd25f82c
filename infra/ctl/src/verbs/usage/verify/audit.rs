//! The audit of one org's period: its seals, then its entries against them, a slice of the keys at a time.
//!
//! What it keeps does not grow with the period: two pages of entries, a few seals, and the leaves of one slice. The price
//! is that the seals are read again for every slice but the first; the entries are read once.

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
        let last = books.usage.last_batch(books.org, period).await?;
        let leaves = last.map_or(0, |last| last.tree.size());
        let mut slices = books.usage.slices(leaves).into_iter();
        let mut leaves = Leaves::of(slices.next().unwrap_or_else(Slice::whole));
        audit.read_seals(books, period, &mut leaves).await?;
        // Behind the seals, so that each sealed entry's part has its total by now.
        let before = books.usage.totals(books.org, period).await?;
        let mut sums = vec![Sum::default(); before.len()];
        loop {
            leaves.none_twice(books, period).await?;
            for ((partition, _), sum) in before.iter().zip(&mut sums) {
                audit.read_entries(books, partition, &mut leaves, sum).await?;
            }
            leaves.nothing_missing(books, period).await?;
            let Some(slice) = slices.next() else { break };
            leaves = Leaves::of(slice);
            leaves.read(books, period, audit.batches).await?;
        }
        let after = books.usage.totals(books.org, period).await?;
        for ((partition, before), sum) in before.iter().zip(&sums) {
            adds_up(partition, *before, *sum, &after)?;
            audit.sum = audit.sum.and(*sum);
        }
        audit.landed = sum(&after).entries().saturating_sub(sum(&before).entries());
        Ok(audit)
    }

    /// Builds the tree again, batch by batch, and takes the leaves of the first slice from them.
    async fn read_seals(
        &mut self,
        books: &Books<'_>,
        period: &Period,
        leaves: &mut Leaves,
    ) -> Result<(), Failure> {
        let mut tree = Frontier::default();
        loop {
            let batches = books
                .usage
                .batches(books.org, period, self.batches, BATCHES_A_READ)
                .await?;
            if batches.is_empty() {
                return Ok(());
            }
            for batch in batches {
                self.take(&mut tree, &batch, leaves)?;
            }
        }
    }

    fn take(&mut self, tree: &mut Frontier, batch: &Batch, leaves: &mut Leaves) -> Result<(), Failure> {
        if batch.seq != self.batches {
            return Err(differs(format!("seal is missing batch=`{}`", self.batches)));
        }
        for leaf in &batch.leaves {
            let hash = leaf.hash();
            tree.push(hash);
            leaves.know(leaf, hash);
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

    /// A slice of a partition: each entry verifies, is as it was sealed, and has its flag on the ledger. The flags of a page
    /// are asked for together with the next page.
    async fn read_entries(
        &mut self,
        books: &Books<'_>,
        partition: &str,
        leaves: &mut Leaves,
        sum: &mut Sum,
    ) -> Result<(), Failure> {
        let slice = leaves.slice().clone();
        let mut next = Some(books.usage.page(partition, &slice, None).await?);
        while let Some(page) = next {
            for entry in &page.entries {
                self.take_entry(entry, leaves, sum)?;
            }
            let behind = async {
                match page.next {
                    Some(start) => books.usage.page(partition, &slice, Some(start)).await.map(Some),
                    None => Ok(None),
                }
            };
            let (flags, behind) = tokio::join!(flags::of_entries(books, &page.entries), behind);
            flags?;
            next = behind?;
        }
        Ok(())
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
