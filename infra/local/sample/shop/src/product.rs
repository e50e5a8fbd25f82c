//! What the shop sells.

use std::fmt;

use crate::money::Money;

/// The key of a product, as on its label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sku(String);

impl Sku {
    /// Wraps a key.
    pub fn new(key: &str) -> Self {
        Self(key.to_owned())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a product is taxed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaxClass {
    /// Most things.
    Standard,
    /// Books and food.
    Reduced,
}

/// One thing to buy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    pub sku: Sku,
    pub name: String,
    /// For one piece, tax included.
    pub price: Money,
    pub weight_grams: u32,
    pub tax_class: TaxClass,
}

impl Product {
    /// A product of the standard tax class.
    pub fn new(key: &str, name: &str, cents: i64, weight_grams: u32) -> Self {
        Self {
            sku: Sku::new(key),
            name: name.to_owned(),
            price: Money::of_cents(cents),
            weight_grams,
            tax_class: TaxClass::Standard,
        }
    }

    /// The same product in the reduced tax class.
    pub fn reduced(self) -> Self {
        Self {
            tax_class: TaxClass::Reduced,
            ..self
        }
    }
}
