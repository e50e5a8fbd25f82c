//! The leaves of one slice of the keys, and which of them have their entry.

use ratchet_domain::bill::Recorded;
use ratchet_domain::merkle::Hash;
use ratchet_domain::period::Period;
use ratchet_runtime::usage::seal::{BATCHES_A_READ, Leaf};
use ratchet_runtime::usage::slice::Slice;

use super::super::books::Books;
use super::audit::differs;
use crate::failure::Failure;

/// A leaf as it is kept in memory: names are read from the seals again where one is needed.
#[derive(Debug, Clone, Copy)]
struct Known {
    /// Of partition and key.
    place: u64,
    leaf: u64,
    has_entry: bool,
}

/// The leaves, by their place.
#[derive(Debug)]
pub(super) struct Leaves {
    slice: Slice,
    known: Vec<Known>,
}

fn place(partition: &str, key: &str) -> u64 {
    Hash::leaf(&[partition, key]).short()
}

impl Leaves {
    /// None yet, of this slice.
    pub(super) fn of(slice: Slice) -> Self {
        let known = Vec::new();
        Self { slice, known }
    }

    pub(super) fn slice(&self) -> &Slice {
        &self.slice
    }

    /// Keeps a leaf of the slice, with its hash in the tree.
    fn know(&mut self, leaf: &Leaf, hash: Hash) {
        self.known.push(Known {
            place: place(&leaf.partition, &leaf.key),
            leaf: hash.short(),
            has_entry: false,
        });
    }

    /// Every place is sealed once. It sorts them, for [`Self::take`].
    pub(super) async fn none_twice(&mut self, books: &Books, period: &Period) -> Result<(), Failure> {
        self.known.sort_unstable_by_key(|leaf| leaf.place);
        let twice = self.known.windows(2).find_map(|pair| match pair {
            [one, other] if one.place == other.place => Some(one.place),
            _ => None,
        });
        match twice {
            Some(place) => Err(named(books, period, place, "entry is sealed twice").await),
            None => Ok(()),
        }
    }

    /// Whether the entry is sealed.
    ///
    /// # Errors
    /// [`Failure::Differs`] where another entry was sealed in its place.
    pub(super) fn take(&mut self, entry: &Recorded) -> Result<bool, Failure> {
        let place = place(&entry.partition, &entry.key);
        let at = self.known.binary_search_by_key(&place, |leaf| leaf.place);
        let Some(known) = at.ok().and_then(|at| self.known.get_mut(at)) else {
            return Ok(false);
        };
        if known.leaf != entry.leaf().short() {
            return Err(differs(format!(
                "entry was changed after it was sealed partition=`{}` key=`{}`",
                entry.partition, entry.key
            )));
        }
        known.has_entry = true;
        Ok(true)
    }

    /// Every leaf has its entry.
    pub(super) async fn nothing_missing(&self, books: &Books, period: &Period) -> Result<(), Failure> {
        match self.known.iter().find(|leaf| !leaf.has_entry) {
            Some(missing) => Err(named(books, period, missing.place, "sealed entry is missing").await),
            None => Ok(()),
        }
    }
}

/// The leaves of slices that lie side by side, in the order of their keys.
#[derive(Debug)]
pub(super) struct Sorted(Vec<Leaves>);

impl Sorted {
    /// None yet.
    pub(super) fn of(slices: &[Slice]) -> Self {
        Self(slices.iter().cloned().map(Leaves::of).collect())
    }

    /// Keeps a leaf with its hash in the tree, if it is of one of the slices.
    pub(super) fn know(&mut self, leaf: &Leaf, hash: Hash) {
        let behind = self
            .0
            .partition_point(|leaves| leaves.slice.first() <= leaf.key.as_str());
        let at = behind.checked_sub(1).and_then(|at| self.0.get_mut(at));
        if let Some(leaves) = at.filter(|leaves| leaves.slice.has(&leaf.key)) {
            leaves.know(leaf, hash);
        }
    }

    /// Reads the leaves of these slices from the first so many batches.
    pub(super) async fn read(
        slices: &[Slice],
        books: &Books,
        period: &Period,
        batches: u64,
    ) -> Result<Self, Failure> {
        let mut sorted = Self::of(slices);
        each(books, period, batches, |leaf| {
            sorted.know(leaf, leaf.hash());
            true
        })
        .await?;
        Ok(sorted)
    }

    /// Slice by slice.
    pub(super) fn into_slices(self) -> Vec<Leaves> {
        self.0
    }
}

/// What is wrong with a leaf, with its name.
async fn named(books: &Books, period: &Period, wanted: u64, what: &str) -> Failure {
    let mut name = "?".to_owned();
    let read = each(books, period, u64::MAX, |leaf| {
        let found = place(&leaf.partition, &leaf.key) == wanted;
        if found {
            name = format!("partition=`{}` key=`{}`", leaf.partition, leaf.key);
        }
        !found
    });
    match read.await {
        Ok(()) => differs(format!("{what} {name}")),
        Err(failure) => failure,
    }
}

/// Each leaf of the first so many batches, in the tree's order, for as long as it is wanted.
async fn each(
    books: &Books,
    period: &Period,
    batches: u64,
    mut wants_more: impl FnMut(&Leaf) -> bool,
) -> Result<(), Failure> {
    let mut seq = 0;
    while seq < batches {
        let read = books
            .usage
            .batches(&books.org, period, seq, BATCHES_A_READ)
            .await?;
        if read.is_empty() {
            return Err(differs(format!("seal is missing batch=`{seq}`")));
        }
        for batch in read.iter().filter(|batch| batch.seq < batches) {
            if !batch.leaves.iter().all(&mut wants_more) {
                return Ok(());
            }
            seq = batch.seq + 1;
        }
    }
    Ok(())
}
