//! The tax that prices include.

use crate::money::Money;
use crate::product::TaxClass;

/// The rate in percent.
pub fn rate_percent(class: TaxClass) -> u32 {
    match class {
        TaxClass::Standard => 19,
        TaxClass::Reduced => 7,
    }
}

/// The tax that a gross amount includes, half a cent rounded up.
pub fn included(gross: Money, class: TaxClass) -> Money {
    let rate = i64::from(rate_percent(class));
    let parts = 100 + rate;
    Money::of_cents((gross.cents() * rate * 2 + parts).div_euclid(parts * 2))
}
