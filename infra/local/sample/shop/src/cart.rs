//! What a customer is about to buy.

use std::collections::BTreeMap;

use crate::money::Money;
use crate::product::{Product, Sku, TaxClass};

/// One product of a cart, and how many of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub name: String,
    pub unit_price: Money,
    pub unit_weight_grams: u32,
    pub tax_class: TaxClass,
    pub quantity: u32,
}

impl Line {
    /// What the line costs before any discount.
    pub fn total(&self) -> Money {
        self.unit_price.times(self.quantity)
    }
}

/// The lines of one purchase, in the order of their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cart {
    lines: BTreeMap<Sku, Line>,
}

impl Cart {
    /// A cart with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts that many more of a product into the cart.
    pub fn add(&mut self, product: &Product, quantity: u32) {
        let line = Line {
            name: product.name.clone(),
            unit_price: product.price,
            unit_weight_grams: product.weight_grams,
            tax_class: product.tax_class,
            quantity,
        };
        self.lines.insert(product.sku.clone(), line);
    }

    /// Sets how many of a product are in the cart; none takes it out.
    pub fn set_quantity(&mut self, sku: &Sku, quantity: u32) {
        if quantity == 0 {
            self.lines.remove(sku);
        } else if let Some(line) = self.lines.get_mut(sku) {
            line.quantity = quantity;
        }
    }

    /// How many of a product are in the cart.
    pub fn quantity(&self, sku: &Sku) -> u32 {
        self.lines.get(sku).map_or(0, |line| line.quantity)
    }

    /// Every line with its product's key.
    pub fn lines(&self) -> impl Iterator<Item = (&Sku, &Line)> {
        self.lines.iter()
    }

    /// What all lines cost before discount and shipping.
    pub fn subtotal(&self) -> Money {
        self.lines.values().map(Line::total).sum()
    }

    /// What all pieces weigh together.
    pub fn weight_grams(&self) -> u32 {
        self.lines
            .values()
            .map(|line| line.unit_weight_grams * line.quantity)
            .sum()
    }

    /// Whether there is nothing to buy.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}
