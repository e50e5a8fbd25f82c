//! What a cart comes to.

use crate::calendar::Date;
use crate::cart::{Cart, Line};
use crate::money::Money;
use crate::shipping;
use crate::tax;
use crate::voucher::{Voucher, VoucherError};

/// The amounts that the customer sees before paying.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    pub subtotal: Money,
    pub discount: Money,
    pub shipping: Money,
    /// To pay: subtotal less discount, plus shipping.
    pub total: Money,
    /// The tax that the goods' price includes, for the invoice.
    pub included_tax: Money,
}

/// Prices a cart for a country, with the voucher that the customer gave, if any.
pub fn quote(
    cart: &Cart,
    voucher: Option<&Voucher>,
    today: Date,
    country: &str,
) -> Result<Quote, VoucherError> {
    let subtotal = cart.subtotal();
    let percent = match voucher {
        Some(voucher) => {
            voucher.check(today, subtotal)?;
            voucher.percent
        }
        None => 0,
    };
    let discount: Money = cart.lines().map(|(_, line)| line_discount(line, percent)).sum();
    let goods = (subtotal - discount).or_zero();
    let shipping = if cart.is_empty() {
        Money::ZERO
    } else {
        shipping::cost(country, goods, cart.weight_grams())
    };
    let included_tax = cart
        .lines()
        .map(|(_, line)| tax::included(line.total() - line_discount(line, percent), line.tax_class))
        .sum();
    Ok(Quote {
        subtotal,
        discount,
        shipping,
        total: goods + shipping,
        included_tax,
    })
}

/// What a voucher takes off one line.
pub fn line_discount(line: &Line, percent: u32) -> Money {
    line.unit_price.percent(percent).times(line.quantity)
}
