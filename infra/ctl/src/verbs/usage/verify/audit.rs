//! The audit of one org's period: its seals, then its entries against them, a slice of the keys at a time and a few slices
//! beside each other.
//!
//! What it keeps does not grow with the period: a few pages of entries, a few seals, and the leaves of one round of slices.
//! The price is that the seals are read again for every round but the first; the entries are read once.

use std::sync::Arc;

use futures::StreamExt;
use futures::stream;
use ratchet_domain::bill::{self, SPREAD_MAX, Sum};
use ratchet_domain::merkle::{Frontier, Hash};
use ratchet_domain::period::Period;
use ratchet_runtime::usage::seal::{BATCHES_A_READ, Batch};
use ratchet_runtime::usage::slice::Slice;
use ratchet_runtime::usage::sum;

use super::super::books::Books;
use super::Args;
use super::beside::{AT_ONCE, beside};
use super::leaves::Sorted;
use super::reading::Reading;
use crate::failure::Failure;

/// Entries of one slice at most. Reason: slices that run beside each other end together if they are many.
const ENTRIES_A_SLICE: u64 = 8_192;

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
    /// Audits as it is asked to; `tell` hears how far it is.
    ///
    /// # Errors
    /// [`Failure::Differs`] with the first difference: of the seals, else of the first slice that has one.
    pub(super) async fn of(
        books: &Arc<Books>,
        period: &Period,
        args: &Args,
        tell: &(dyn Fn(&str) + Sync),
    ) -> Result<Self, Failure> {
        let mut audit = Self::default();
        let last = books.usage.last_batch(&books.org, period).await?;
        let totals = books.usage.totals(&books.org, period).await?;
        let entries = sum(&totals)
            .entries()
            .max(last.map_or(0, |last| last.tree.size()));
        let a_slice = (args.at_once / AT_ONCE as u64).clamp(1, ENTRIES_A_SLICE);
        let slices = Slice::of(entries, a_slice);
        let mut rounds = slices.chunks(usize::try_from(args.at_once / a_slice).unwrap_or(usize::MAX));
        let mut leaves = Sorted::of(rounds.next().unwrap_or_default());
        audit.read_seals(books, period, args.root, &mut leaves).await?;
        let uncounted = uncounted(books, period, &totals).await?;
        // Behind the seals and the entries without a total, so that each of those has its part's total by now.
        let before = books.usage.totals(&books.org, period).await?;
        if let Some(partition) = uncounted
            .iter()
            .find(|partition| total_of(partition, &before).is_none())
        {
            return Err(differs(format!(
                "partition has entries and no total partition=`{partition}`"
            )));
        }
        let reading = Reading {
            books: Arc::clone(books),
            period: period.clone(),
            partitions: before.iter().map(|(partition, _)| partition.clone()).collect(),
        };
        let mut sums = vec![Sum::default(); before.len()];
        loop {
            let slices = stream::iter(leaves.into_slices());
            let mut reads = beside(slices.map(|leaves| reading.clone().slice(leaves)));
            while let Some(read) = reads.next().await {
                let read = read?;
                audit.sealed += read.sealed;
                for (sum, more) in sums.iter_mut().zip(read.sums) {
                    *sum = sum.and(more);
                }
                let done = sums.iter().map(|sum| sum.entries()).sum::<u64>();
                if entries > ENTRIES_A_SLICE {
                    tell(&format!("{done} of {entries} entries"));
                }
            }
            let Some(round) = rounds.next() else { break };
            leaves = Sorted::read(round, books, period, audit.batches).await?;
        }
        let after = books.usage.totals(&books.org, period).await?;
        for ((partition, before), sum) in before.iter().zip(&sums) {
            adds_up(partition, *before, *sum, &after)?;
            audit.sum = audit.sum.and(*sum);
        }
        audit.landed = sum(&after).entries().saturating_sub(sum(&before).entries());
        Ok(audit)
    }

    /// Builds the tree again, batch by batch, and takes the leaves of the first slices from them. It must have had the root
    /// that was told before.
    async fn read_seals(
        &mut self,
        books: &Books,
        period: &Period,
        mut told: Option<Hash>,
        leaves: &mut Sorted,
    ) -> Result<(), Failure> {
        let mut tree = Frontier::default();
        loop {
            let batches = books
                .usage
                .batches(&books.org, period, self.batches, BATCHES_A_READ)
                .await?;
            if batches.is_empty() {
                return told.map_or(Ok(()), |root| {
                    Err(differs(format!(
                        "seals never had the root that was told before, they were cut off or written anew root=`{root}`"
                    )))
                });
            }
            for batch in batches {
                self.take(&mut tree, &batch, leaves)?;
                told.take_if(|told| *told == batch.root);
            }
        }
    }

    fn take(&mut self, tree: &mut Frontier, batch: &Batch, leaves: &mut Sorted) -> Result<(), Failure> {
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
}

/// The partitions that have entries, of those without a total: whoever goes by the totals alone never sees such entries.
async fn uncounted(
    books: &Arc<Books>,
    period: &Period,
    totals: &[(String, Sum)],
) -> Result<Vec<String>, Failure> {
    let partitions = (0..SPREAD_MAX).map(|part| bill::partition(&books.org, period, part));
    let without = partitions.filter(|partition| total_of(partition, totals).is_none());
    let mut pages = stream::iter(without)
        .map(async |partition: String| {
            let page = books.usage.page(&partition, &Slice::whole(), None).await;
            (partition, page)
        })
        .buffered(AT_ONCE);
    let mut found = Vec::new();
    while let Some((partition, page)) = pages.next().await {
        if !page?.entries.is_empty() {
            found.push(partition);
        }
    }
    Ok(found)
}

fn total_of(partition: &str, totals: &[(String, Sum)]) -> Option<Sum> {
    let total = totals.iter().find(|(other, _)| other == partition);
    total.map(|(_, total)| *total)
}

/// A total counts each entry in the transaction that writes it. So what was read lies between the total before and the
/// total after it, and is the total where nothing landed in between.
fn adds_up(partition: &str, before: Sum, sum: Sum, after: &[(String, Sum)]) -> Result<(), Failure> {
    let after = total_of(partition, after).unwrap_or(before);
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
