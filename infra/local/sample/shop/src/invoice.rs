//! The paper that goes with a parcel.

use std::fmt::Write;

use crate::calendar::Date;
use crate::cart::Cart;
use crate::pricing::Quote;

/// The number printed on an invoice: the year and a running number of that year.
pub fn number(day: Date, running: u32) -> String {
    let (year, _, _) = day.parts();
    format!("{year}-{running:06}")
}

/// The invoice as plain text, one line a product.
pub fn render(number: &str, day: Date, cart: &Cart, quote: &Quote) -> String {
    let mut text = format!("Invoice {number} of {day}\n\n");
    for (sku, line) in cart.lines() {
        // Writing into a String cannot fail.
        let _ = writeln!(
            text,
            "{:>4} x {:<24} {:<10} {:>10}",
            line.quantity,
            line.name,
            sku.as_str(),
            line.total().to_string()
        );
    }
    let _ = writeln!(text, "\n{:<42}{:>9}", "Goods", quote.subtotal.to_string());
    if quote.discount.cents() > 0 {
        let _ = writeln!(text, "{:<42}{:>9}", "Voucher", format!("-{}", quote.discount));
    }
    let _ = writeln!(text, "{:<42}{:>9}", "Shipping", quote.shipping.to_string());
    let _ = writeln!(text, "{:<42}{:>9}", "Total", quote.total.to_string());
    let _ = writeln!(
        text,
        "{:<42}{:>9}",
        "Tax included",
        quote.included_tax.to_string()
    );
    text
}
