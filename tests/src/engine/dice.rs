//! Chance, from a seed.

use super::fault::Fault;

/// Numbers from a seed: `SplitMix64`.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The numbers of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next of all numbers.
    pub fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.throw() % end.max(1)
    }

    /// A place in a list of this length.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }
}

/// Faults by chance: parts of a thousand, by kind.
#[derive(Debug, Clone)]
pub struct Chance {
    dice: Dice,
    rates: [(Fault, u64); 10],
}

impl Chance {
    /// A swarm's rates: most kinds are off in most seeds, so that each seed leans on few.
    pub fn of(dice: &mut Dice) -> Self {
        let rates = Fault::ALL.map(|fault| {
            let on = dice.below(3) == 0;
            (fault, if on { 1 + dice.below(30) } else { 0 })
        });
        Self {
            dice: Dice::new(dice.throw()),
            rates,
        }
    }

    /// The fault of the next call, if it has one.
    pub fn roll(&mut self) -> Option<Fault> {
        let mut left = self.dice.below(1_000);
        for (fault, rate) in self.rates {
            if left < rate {
                return Some(fault);
            }
            left -= rate;
        }
        None
    }
}
