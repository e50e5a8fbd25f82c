//! What it costs to send a parcel.

use crate::money::Money;

/// From this value of goods on, parcels within the home country go free.
pub const FREE_FROM: Money = Money::of_cents(50_00);

/// Heaviest parcel that the carrier takes; more weight means more parcels.
pub const PARCEL_GRAMS_MAX: u32 = 31_500;

/// How far a parcel goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Home,
    Neighbours,
    Europe,
    World,
}

/// The zone of a country, by its two letters.
pub fn zone(country: &str) -> Zone {
    match country {
        "DE" => Zone::Home,
        "AT" | "BE" | "CH" | "CZ" | "DK" | "FR" | "LU" | "NL" | "PL" => Zone::Neighbours,
        "ES" | "FI" | "GB" | "GR" | "HU" | "IE" | "IT" | "NO" | "PT" | "RO" | "SE" | "SI" | "SK" => {
            Zone::Europe
        }
        _ => Zone::World,
    }
}

/// What sending goods of that value and weight to a country costs.
pub fn cost(country: &str, goods: Money, weight_grams: u32) -> Money {
    let zone = zone(country);
    if zone == Zone::Home && goods >= FREE_FROM {
        return Money::ZERO;
    }
    parcel_price(zone).times(parcels(weight_grams))
}

/// The price of one parcel.
pub fn parcel_price(zone: Zone) -> Money {
    match zone {
        Zone::Home => Money::of_cents(4_90),
        Zone::Neighbours => Money::of_cents(9_90),
        Zone::Europe => Money::of_cents(14_90),
        Zone::World => Money::of_cents(29_90),
    }
}

/// How many parcels it takes; even a feather takes one.
fn parcels(weight_grams: u32) -> u32 {
    weight_grams.div_ceil(PARCEL_GRAMS_MAX).max(1)
}
