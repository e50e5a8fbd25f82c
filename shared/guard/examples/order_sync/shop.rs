//! What the shop's services exchange.

use serde::{Deserialize, Serialize};

/// A paid order, as the store shows it. What changes without the order changing is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The store's id.
    pub id: String,
    /// The customer's id at the store.
    pub customer: String,
    /// Where the confirmation goes.
    pub email: String,
    /// What was paid, in cents.
    pub total_cents: u64,
}

impl Order {
    /// The order as a message that drives its work.
    pub fn message(&self) -> String {
        serde_json::json!(self).to_string()
    }

    /// The order of such a message.
    pub fn of(message: &str) -> Option<Self> {
        serde_json::from_str(message).ok()
    }
}

/// A customer, as the store shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// The store's id, which accounting knows it by as well.
    pub id: String,
    /// The store counts it up with every change.
    pub version: u64,
    /// Name.
    pub name: String,
}

/// A page of paid orders, in the order in which they were paid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Page {
    /// The orders.
    pub orders: Vec<Order>,
    /// The position after the last of them.
    pub next: u64,
}

/// What an invoice is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InvoiceRequest {
    /// The order's id.
    pub order: String,
    /// The customer's id.
    pub customer: String,
    /// In cents.
    pub total_cents: u64,
}

impl InvoiceRequest {
    /// The invoice that an order asks for.
    pub fn of(order: &Order) -> Self {
        Self {
            order: order.id.clone(),
            customer: order.customer.clone(),
            total_cents: order.total_cents,
        }
    }
}

/// An invoice at accounting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Accounting's own number.
    pub number: String,
    /// The order's id.
    pub order: String,
    /// In cents.
    pub total_cents: u64,
}

/// The note on an order that it is in the books.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The invoice's number.
    pub invoice: String,
}

impl Mark {
    /// The note that names this invoice.
    pub fn of(invoice: &Invoice) -> Self {
        Self {
            invoice: invoice.number.clone(),
        }
    }
}

/// A confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// The order's id.
    pub order: String,
    /// The invoice's number.
    pub invoice: String,
}

impl Mail {
    /// The confirmation of an order with its invoice.
    pub fn of(order: &Order, invoice: &Invoice) -> Self {
        Self {
            to: order.email.clone(),
            order: order.id.clone(),
            invoice: invoice.number.clone(),
        }
    }
}

/// A mail that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// The mailer's own id.
    pub id: String,
}
