use shop::calendar::Date;
use shop::money::Money;
use shop::voucher::{Voucher, VoucherError};

fn day(month: i64, day: i64) -> Date {
    Date::new(2025, month, day).unwrap()
}

fn october() -> Voucher {
    Voucher {
        code: "AUTUMN".to_owned(),
        percent: 10,
        first_day: day(10, 1),
        last_day: day(10, 31),
        minimum: Money::of_cents(20_00),
    }
}

#[test]
fn a_voucher_counts_within_its_days() {
    assert!(!october().valid_on(day(9, 30)));
    assert!(october().valid_on(day(10, 1)));
    assert!(!october().valid_on(day(11, 1)));
}

#[test]
fn a_voucher_counts_on_its_last_day() {
    assert_eq!(october().check(day(10, 31), Money::of_cents(30_00)), Ok(()));
}

#[test]
fn a_small_cart_is_below_the_minimum() {
    assert_eq!(
        october().check(day(10, 5), Money::of_cents(19_99)),
        Err(VoucherError::BelowMinimum)
    );
}

#[test]
fn codes_are_read_in_any_case() {
    assert!(october().is_typed_as(" autumn "));
}
