//! One slice of the keys, read whole: each entry verifies, is as it was sealed, and has its flag on the ledger.

use std::sync::Arc;

use ratchet_domain::bill::{Kind, Recorded, Sum};
use ratchet_domain::period::Period;

use super::super::books::Books;
use super::audit::differs;
use super::flags;
use super::leaves::Leaves;
use crate::failure::Failure;

/// What the reading of every slice has to know.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) books: Arc<Books>,
    pub(super) period: Period,
    /// Those that have entries.
    pub(super) partitions: Arc<[String]>,
}

/// What a slice comes to.
#[derive(Debug)]
pub(super) struct Read {
    /// The fold of its entries, partition by partition.
    pub(super) sums: Vec<Sum>,
    /// Entries that the tree has.
    pub(super) sealed: u64,
}

impl Reading {
    /// Reads a slice and ticks its leaves off.
    ///
    /// # Errors
    /// [`Failure::Differs`] with the first difference in the order of partitions and keys.
    pub(super) async fn slice(self, mut leaves: Leaves) -> Result<Read, Failure> {
        leaves.none_twice(&self.books, &self.period).await?;
        let mut read = Read {
            sums: Vec::with_capacity(self.partitions.len()),
            sealed: 0,
        };
        for partition in self.partitions.iter() {
            let sum = self.partition(partition, &mut leaves, &mut read.sealed).await?;
            read.sums.push(sum);
        }
        leaves.nothing_missing(&self.books, &self.period).await?;
        Ok(read)
    }

    /// The flags of a page are asked for together with the next page.
    async fn partition(
        &self,
        partition: &str,
        leaves: &mut Leaves,
        sealed: &mut u64,
    ) -> Result<Sum, Failure> {
        let slice = leaves.slice().clone();
        let mut sum = Sum::default();
        let mut next = Some(self.books.usage.page(partition, &slice, None).await?);
        while let Some(page) = next {
            let mut entries = Vec::with_capacity(page.entries.len());
            for entry in page.entries {
                let kind = kind_of(&entry)?;
                sum.add(kind);
                *sealed += u64::from(leaves.take(&entry)?);
                entries.push((kind, entry));
            }
            let behind = async {
                match page.next {
                    Some(start) => {
                        let page = self.books.usage.page(partition, &slice, Some(start)).await;
                        page.map(Some)
                    }
                    None => Ok(None),
                }
            };
            let (flags, behind) = tokio::join!(flags::of_entries(&self.books, &entries), behind);
            flags?;
            next = behind?;
        }
        Ok(sum)
    }
}

fn kind_of(entry: &Recorded) -> Result<Kind, Failure> {
    entry.verified().map_err(|fault| {
        differs(format!(
            "entry does not verify: {fault} partition=`{}` key=`{}`",
            entry.partition, entry.key
        ))
    })
}
