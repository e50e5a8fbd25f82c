//! Slices of the keys of entries, for whoever compares many entries in little memory.

use ratchet_domain::bill::ENTRY;

/// The first text behind everything that begins with [`ENTRY`]: `$` follows `#`.
const BEHIND_ENTRIES: &str = "entry$";

/// Entries that are compared with what is sealed at once. Reason: up to 24 bytes each, so 3.2 MB, whatever the period has.
pub const AT_ONCE: u64 = 131_072;

/// How finely keys are sliced: by four hex digits. Reason: a bug's id is a digest, so its digits are spread evenly.
const DIGITS: u64 = 0x1_0000;

/// Sort keys from one text up to and without another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slice {
    first: String,
    end: String,
}

impl Slice {
    /// All entries of a partition.
    #[must_use]
    pub fn whole() -> Self {
        Self {
            first: ENTRY.to_owned(),
            end: BEHIND_ENTRIES.to_owned(),
        }
    }

    /// Slices that hold about `at_once` of `entries` each, and together every key that an entry may have, once.
    #[must_use]
    pub fn of(entries: u64, at_once: u64) -> Vec<Self> {
        let count = entries.div_ceil(at_once.max(1)).clamp(1, DIGITS);
        let bound = |at: u64| match at {
            0 => ENTRY.to_owned(),
            at if at == count => BEHIND_ENTRIES.to_owned(),
            at => format!("{ENTRY}{:04x}", DIGITS * at / count),
        };
        let slice = |at| Self {
            first: bound(at),
            end: bound(at + 1),
        };
        (0..count).map(slice).collect()
    }

    /// Where it begins.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.first
    }

    /// Where it ends: the first key that is not in it.
    #[must_use]
    pub fn end(&self) -> &str {
        &self.end
    }

    /// Whether it has that key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.first.as_str() <= key && key < self.end.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_an_entry_is_in_one_slice() {
        let keys = [
            "entry#",
            "entry#0000",
            "entry#1fff#credit",
            "entry#2000",
            "entry#ffff\u{10ffff}",
            "entry#zebra",
            "entry#\u{10ffff}\u{10ffff}",
        ];
        for entries in [0, 1, 10, 11, 79, 80, 100_000, 1_000_000_000_000] {
            let slices = Slice::of(entries, 10);
            assert!(slices.len() as u64 <= DIGITS);
            for key in keys {
                let has = slices.iter().filter(|slice| slice.has(key)).count();
                assert_eq!(has, 1, "{key} of {entries}");
            }
            assert!(
                !slices
                    .iter()
                    .any(|slice| slice.has("total") || slice.has("entry"))
            );
        }
        assert_eq!(Slice::of(10, 10), [Slice::whole()]);
        assert_eq!(Slice::of(80, 10).len(), 8);
    }

    #[test]
    fn digests_are_spread_over_all_slices() {
        let slices = Slice::of(10_000, 1_000);
        let mut held = vec![0; slices.len()];
        for number in 0..10_000_u64 {
            let key = format!("entry#{}", ratchet_domain::ids::digest_of(&[&number.to_string()]));
            let at = slices.iter().position(|slice| slice.has(&key)).unwrap();
            held[at] += 1;
        }
        assert!(held.iter().all(|count| (850..1150).contains(count)), "{held:?}");
    }
}
