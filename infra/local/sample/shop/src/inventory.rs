//! What is on the shelves, and what of it is promised.

use std::collections::BTreeMap;

use crate::product::Sku;

/// Why goods cannot be set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockError {
    /// Fewer left than asked for.
    SoldOut { sku: Sku, left: u32 },
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Shelf {
    on_hand: u32,
    reserved: u32,
}

/// The stock of one warehouse.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stock {
    shelves: BTreeMap<Sku, Shelf>,
}

impl Stock {
    /// An empty warehouse.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goods came in.
    pub fn receive(&mut self, sku: &Sku, quantity: u32) {
        self.shelves.entry(sku.clone()).or_default().on_hand += quantity;
    }

    /// How many can still be sold.
    pub fn available(&self, sku: &Sku) -> u32 {
        self.shelves
            .get(sku)
            .map_or(0, |shelf| shelf.on_hand.saturating_sub(shelf.reserved))
    }

    /// Sets goods aside for an order.
    pub fn reserve(&mut self, sku: &Sku, quantity: u32) -> Result<(), StockError> {
        let left = self.available(sku);
        match self.shelves.get_mut(sku) {
            Some(shelf) if left > quantity => {
                shelf.reserved += quantity;
                Ok(())
            }
            _ => Err(StockError::SoldOut {
                sku: sku.clone(),
                left,
            }),
        }
    }

    /// Gives back what was set aside: the order was cancelled.
    pub fn release(&mut self, sku: &Sku, quantity: u32) {
        if let Some(shelf) = self.shelves.get_mut(sku) {
            shelf.reserved = shelf.reserved.saturating_sub(quantity);
        }
    }

    /// What was set aside left the house.
    pub fn ship(&mut self, sku: &Sku, quantity: u32) {
        if let Some(shelf) = self.shelves.get_mut(sku) {
            let shipped = quantity.min(shelf.reserved);
            shelf.reserved -= shipped;
            shelf.on_hand = shelf.on_hand.saturating_sub(shipped);
        }
    }
}
