//! A Merkle tree over a growing list, as certificate transparency logs have it: whoever knows a root can tell that a leaf
//! was changed, added or left out.
//!
//! **Shape**: a leaf is SHA-256 over `0x00` and its parts, each with its length in front; a node is SHA-256 over `0x01`
//! and its two children, so that no node can stand for a leaf. The left child of a node spans the largest power of two
//! below its size. The root of no leaf is SHA-256 of nothing. Source: RFC 6962, section 2.1.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// 32 bytes, as 64 lower-case hex digits in records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Hash([u8; 32]);

impl Hash {
    /// A leaf of these parts.
    #[must_use]
    pub fn leaf(parts: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update([0]);
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hasher.finalize().into())
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
        let mut joined = leaf;
        // One perfect subtree ends with the new leaf for every trailing one of the old size.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
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
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else {
            return Hash(Sha256::digest([]).into());
        };
        peaks.fold(*last, |right, left| Hash::node(*left, right))
    }
}

/// The root of a whole list.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.push(*leaf);
    }
    frontier.root()
}

/// The hashes that lead from the leaf at `index` to the root, the nearest first; none where there is no such leaf.
#[must_use]
pub fn proof(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    leaves.get(index)?;
    let mut rest = leaves;
    let mut at = index;
    let mut siblings = Vec::new();
    while rest.len() > 1 {
        let split = rest.len().next_power_of_two() / 2;
        let (left, right) = rest.split_at(split);
        if at < split {
            siblings.push(root(right));
            rest = left;
        } else {
            siblings.push(root(left));
            rest = right;
            at -= split;
        }
    }
    siblings.reverse();
    Some(siblings)
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

    #[test]
    fn every_leaf_of_every_size_has_a_proof_and_no_other_leaf_or_place_has() {
        for size in 1..=33_usize {
            let all = leaves(size);
            let root = root(&all);
            for at in 0..size {
                let way = proof(&all, at).unwrap();
                let (index, count) = (at as u64, size as u64);
                assert!(proves(&way, all[at], index, count, root), "{at} of {size}");
                assert!(!proves(&way, Hash::leaf(&["x"]), index, count, root));
                assert!(!proves(&way, all[at], index, count, Hash::leaf(&["x"])));
                assert!(!proves(&way, all[at], count, count, root));
                let mut longer = way.clone();
                longer.push(root);
                assert!(!proves(&longer, all[at], index, count, root));
                if size > 1 {
                    let elsewhere = (index + 1) % count;
                    assert!(!proves(&way, all[at], elsewhere, count, root), "{at} of {size}");
                }
            }
            assert!(proof(&all, size).is_none());
        }
    }

    #[test]
    fn a_leaf_cannot_stand_for_a_node() {
        let two = leaves(2);
        let forged = Hash::leaf(&[&two[0].to_string(), &two[1].to_string()]);
        assert_ne!(root(&two), forged);
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
