use shop::calendar::{Date, Weekday};
use shop::delivery::promised_day;
use shop::shipping::Zone;

fn day(year: i64, month: i64, day: i64) -> Date {
    Date::new(year, month, day).unwrap()
}

#[test]
fn days_and_their_parts_agree() {
    assert_eq!(day(2024, 2, 29).plus_days(1).parts(), (2024, 3, 1));
    assert_eq!(day(2025, 12, 31).plus_days(1).to_string(), "2026-01-01");
    assert_eq!(Date::new(2025, 2, 29), None);
    assert_eq!(day(2025, 11, 21).weekday(), Weekday::Friday);
}

#[test]
fn within_the_week_a_parcel_takes_two_days() {
    assert_eq!(promised_day(day(2025, 11, 18), Zone::Home), day(2025, 11, 20));
}

#[test]
fn a_parcel_of_friday_comes_on_tuesday() {
    assert_eq!(promised_day(day(2025, 11, 21), Zone::Home), day(2025, 11, 25));
}
