//! A Merkle tree over a growing list, as certificate transparency logs have it: whoever knows a root can tell that a leaf
//! was changed, added or left out.
//!
//! **Shape**: a leaf is SHA-256 over `0x00` and its parts, each with its length in front; a node is SHA-256 over `0x01`
//! and its two children, so that no node can stand for a leaf. The left child of a node spans the largest power of two
//! below its size. The root of no leaf is SHA-256 of nothing. Source: RFC 6962, section 2.1.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::framed;

/// 32 bytes, as 64 lower-case hex digits in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// A leaf of these parts.
    #[must_use]
    pub fn leaf(parts: &[&str]) -> Self {
        Self(Sha256::digest(framed(&[0], parts)).into())
    }

    fn node(left: Self, right: Self) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([1]);
        hasher.update(left.0);
        hasher.update(right.0);
        Self(hasher.finalize().into())
    }

    /// The first 8 bytes, to find it again in a short list.
    #[must_use]
    pub fn short(self) -> u64 {
        let mut first = [0; 8];
        for (to, from) in first.iter_mut().zip(self.0) {
            *to = from;
        }
        u64::from_be_bytes(first)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl From<Hash> for String {
    fn from(hash: Hash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for Hash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(&text, &mut bytes).map_err(|_| "a hash must be 64 hex digits")?;
        Ok(Self(bytes))
    }
}

/// What is kept of a tree to append to it: the roots of its perfect subtrees, the largest first. At most 64 hashes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// Appends a leaf.
    pub fn push(&mut self, leaf: Hash) {
        self.append(leaf, |_, _, _| {});
    }

    /// Appends a leaf; tells of every two subtrees that it joins, the lowest first: which peak the left one was, the left
    /// one and the right one, which has the new leaf.
    fn append(&mut self, leaf: Hash, mut joins: impl FnMut(usize, Hash, Hash)) {
        let mut joined = leaf;
        // One perfect subtree ends with the new leaf for every trailing one of the old size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                joins(self.peaks.len(), left, joined);
                joined = Hash::node(left, joined);
            }
        }
        self.peaks.push(joined);
        self.size += 1;
    }

    /// How many leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The root of all leaves so far.
    #[must_use]
    pub fn root(&self) -> Hash {
        joined(&self.peaks).unwrap_or_else(|| Hash(Sha256::digest([]).into()))
    }
}

/// Peaks side by side, as one root.
fn joined(peaks: &[Hash]) -> Option<Hash> {
    let (last, before) = peaks.split_last()?;
    Some(before.iter().rfold(*last, |right, left| Hash::node(*left, right)))
}

/// The way from one leaf to the root, found while the leaves go by: at most 128 hashes are kept, whatever the size.
#[derive(Debug, Clone, Default)]
pub struct Prover {
    tree: Frontier,
    wanted: Option<Wanted>,
}

#[derive(Debug, Clone)]
struct Wanted {
    index: u64,
    /// Which peak has it.
    peak: usize,
    way: Vec<Hash>,
}

/// Where a leaf stands in a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Its place, from 0.
    pub index: u64,
    /// The hashes that lead from it to the root, the nearest first.
    pub hashes: Vec<Hash>,
}

impl Prover {
    /// Takes the next leaf.
    pub fn push(&mut self, leaf: Hash) {
        let Some(wanted) = &mut self.wanted else {
            return self.tree.push(leaf);
        };
        let Wanted { peak, way, .. } = wanted;
        self.tree.append(leaf, |at, left, right| {
            if *peak > at {
                way.push(left);
            } else if *peak == at {
                way.push(right);
            }
            // What has joined stands where its left part stood.
            *peak = at.min(*peak);
        });
    }

    /// Takes the next leaf, to which the way is wanted. A later one stands for an earlier one.
    pub fn push_wanted(&mut self, leaf: Hash) {
        let mut way = Vec::new();
        let index = self.tree.size();
        self.tree.append(leaf, |_, left, _| way.push(left));
        let peak = self.tree.peaks.len() - 1;
        self.wanted = Some(Wanted { index, peak, way });
    }

    /// How many leaves went by.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The way to the root of all leaves so far; none where no leaf was wanted.
    #[must_use]
    pub fn way(self) -> Option<Way> {
        let Wanted { index, peak, mut way } = self.wanted?;
        let (before, own_and_behind) = self.tree.peaks.split_at_checked(peak)?;
        let (_, behind) = own_and_behind.split_first()?;
        way.extend(joined(behind));
        way.extend(before.iter().rev());
        Some(Way { index, hashes: way })
    }
}

/// Whether `proof` leads from the leaf at `index` of a list of `size` to `root`. Source: RFC 9162, section 2.1.3.2.
#[must_use]
pub fn proves(proof: &[Hash], leaf: Hash, index: u64, size: u64, root: Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last) = (index, size - 1);
    let mut reached = leaf;
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            reached = Hash::node(*sibling, reached);
            while at != 0 && at.is_multiple_of(2) {
                at /= 2;
                last /= 2;
            }
        } else {
            reached = Hash::node(reached, *sibling);
        }
        at /= 2;
        last /= 2;
    }
    last == 0 && reached == root
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(count: usize) -> Vec<Hash> {
        (0..count).map(|at| Hash::leaf(&[&at.to_string()])).collect()
    }

    /// The definition, word by word.
    fn defined(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => Hash(Sha256::digest([]).into()),
            [one] => *one,
            many => {
                let split = many.len().next_power_of_two() / 2;
                Hash::node(defined(&many[..split]), defined(&many[split..]))
            }
        }
    }

    #[test]
    fn a_tree_that_grew_has_the_root_of_its_definition() {
        let all = leaves(70);
        let mut frontier = Frontier::default();
        for count in 0..all.len() {
            assert_eq!(frontier.root(), defined(&all[..count]), "{count}");
            assert_eq!(frontier.size(), count as u64);
            frontier.push(all[count]);
        }
    }

    /// The way to one of these leaves.
    fn way(leaves: &[Hash], wanted: usize) -> Option<Way> {
        let mut prover = Prover::default();
        for (at, leaf) in leaves.iter().enumerate() {
            if at == wanted {
                prover.push_wanted(*leaf);
            } else {
                prover.push(*leaf);
            }
        }
        assert_eq!(prover.size(), leaves.len() as u64);
        prover.way()
    }

    #[test]
    fn every_leaf_of_every_size_has_a_proof_and_no_other_leaf_or_place_has() {
        for size in 1..=33_usize {
            let all = leaves(size);
            let root = defined(&all);
            for at in 0..size {
                let Way { index, hashes } = way(&all, at).unwrap();
                let count = size as u64;
                assert_eq!(index, at as u64);
                assert!(proves(&hashes, all[at], index, count, root), "{at} of {size}");
                assert!(!proves(&hashes, Hash::leaf(&["x"]), index, count, root));
                assert!(!proves(&hashes, all[at], index, count, Hash::leaf(&["x"])));
                assert!(!proves(&hashes, all[at], count, count, root));
                let mut longer = hashes.clone();
                longer.push(root);
                assert!(!proves(&longer, all[at], index, count, root));
                if size > 1 {
                    let elsewhere = (index + 1) % count;
                    assert!(
                        !proves(&hashes, all[at], elsewhere, count, root),
                        "{at} of {size}"
                    );
                }
            }
            assert!(way(&all, size).is_none());
        }
    }

    #[test]
    fn of_two_wanted_leaves_the_later_one_is_proved() {
        let all = leaves(7);
        let mut prover = Prover::default();
        for (at, leaf) in all.iter().enumerate() {
            if at == 1 || at == 4 {
                prover.push_wanted(*leaf);
            } else {
                prover.push(*leaf);
            }
        }
        let Way { index, hashes } = prover.way().unwrap();
        assert_eq!(index, 4);
        assert!(proves(&hashes, all[4], 4, 7, defined(&all)));
    }

    #[test]
    fn a_leaf_cannot_stand_for_a_node() {
        let two = leaves(2);
        let forged = Hash::leaf(&[&two[0].to_string(), &two[1].to_string()]);
        assert_ne!(defined(&two), forged);
        assert_ne!(Hash::leaf(&["ab", "c"]), Hash::leaf(&["a", "bc"]));
    }

    #[test]
    fn a_frontier_goes_on_from_its_record() {
        let mut frontier = Frontier::default();
        for leaf in leaves(11) {
            frontier.push(leaf);
        }
        let record = serde_json::to_string(&frontier).unwrap();
        let mut again: Frontier = serde_json::from_str(&record).unwrap();
        again.push(Hash::leaf(&["next"]));
        frontier.push(Hash::leaf(&["next"]));
        assert_eq!(again.root(), frontier.root());
        assert!(serde_json::from_str::<Hash>("\"zz\"").is_err());
    }
}
