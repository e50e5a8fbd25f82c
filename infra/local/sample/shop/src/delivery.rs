//! When a parcel arrives.

use crate::calendar::{Date, Weekday};
use crate::shipping::Zone;

/// Days on which the carrier works that a parcel is on its way.
pub fn transit_days(zone: Zone) -> u32 {
    match zone {
        Zone::Home => 2,
        Zone::Neighbours => 4,
        Zone::Europe => 6,
        Zone::World => 12,
    }
}

/// The day that the customer is told for a parcel handed over on `handed_over`.
pub fn promised_day(handed_over: Date, zone: Zone) -> Date {
    let mut day = handed_over;
    let mut left = transit_days(zone);
    while left > 0 {
        day = day.plus_days(1);
        if is_delivery_day(day) {
            left -= 1;
        }
    }
    day
}

/// Whether the carrier delivers on that day: Monday to Friday.
pub fn is_delivery_day(day: Date) -> bool {
    day.weekday() != Weekday::Saturday
}
