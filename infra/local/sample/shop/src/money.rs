//! Amounts of money, in whole cents.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Sub};

/// An amount in cents of the shop's one currency.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Money {
    cents: i64,
}

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self { cents: 0 };

    /// So many cents.
    pub const fn of_cents(cents: i64) -> Self {
        Self { cents }
    }

    /// The amount in cents.
    pub const fn cents(self) -> i64 {
        self.cents
    }

    /// The amount so many times.
    pub fn times(self, count: u32) -> Self {
        Self::of_cents(self.cents * i64::from(count))
    }

    /// That share of the amount, half a cent rounded up.
    pub fn percent(self, percent: u32) -> Self {
        Self::of_cents((self.cents * i64::from(percent) + 50).div_euclid(100))
    }

    /// The amount, or nothing where it is below.
    pub fn or_zero(self) -> Self {
        self.max(Self::ZERO)
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::of_cents(self.cents + other.cents)
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self::of_cents(self.cents - other.cents)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.cents < 0 { "-" } else { "" };
        write!(
            f,
            "{sign}{}.{:02}",
            self.cents.abs() / 100,
            self.cents.abs() % 100
        )
    }
}
