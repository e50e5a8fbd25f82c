//! Who buys, and the points they collect.

use crate::money::Money;

/// A customer's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    pub name: String,
    /// As the customer typed it, without blanks and in lower case.
    pub email: String,
    /// Two letters.
    pub country: String,
    points: u64,
}

impl Customer {
    /// An account without points.
    pub fn new(name: &str, email: &str, country: &str) -> Self {
        Self {
            name: name.trim().to_owned(),
            email: email.trim().to_lowercase(),
            country: country.trim().to_owned(),
            points: 0,
        }
    }

    /// The points collected so far.
    pub fn points(&self) -> u64 {
        self.points
    }

    /// One point for every whole unit of money that was paid.
    pub fn collect(&mut self, paid: Money) {
        self.points += u64::try_from(paid.cents() / 100).unwrap_or(0);
    }
}
