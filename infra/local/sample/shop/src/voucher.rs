//! Codes that take a share off the price.

use crate::calendar::Date;
use crate::money::Money;

/// Why a voucher is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoucherError {
    /// Not yet, or no longer.
    NotValidToday,
    /// The cart is below the voucher's minimum.
    BelowMinimum,
}

/// A code for a share off, within a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    pub code: String,
    pub percent: u32,
    pub first_day: Date,
    /// The last day on which the code may be used, as printed on the voucher.
    pub last_day: Date,
    /// The least that the cart must come to.
    pub minimum: Money,
}

impl Voucher {
    /// Whether the code may be used on that day.
    pub fn valid_on(&self, day: Date) -> bool {
        self.first_day <= day && day < self.last_day
    }

    /// Checks the code against a day and a cart's subtotal.
    pub fn check(&self, day: Date, subtotal: Money) -> Result<(), VoucherError> {
        if !self.valid_on(day) {
            return Err(VoucherError::NotValidToday);
        }
        if subtotal < self.minimum {
            return Err(VoucherError::BelowMinimum);
        }
        Ok(())
    }

    /// Whether this is the code that a customer typed, in any case and with blanks around it.
    pub fn is_typed_as(&self, typed: &str) -> bool {
        self.code.eq_ignore_ascii_case(typed.trim())
    }
}
