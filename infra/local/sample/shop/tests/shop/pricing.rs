use shop::calendar::Date;
use shop::cart::Cart;
use shop::money::Money;
use shop::pricing::quote;
use shop::product::Product;
use shop::voucher::Voucher;

fn day() -> Date {
    Date::new(2025, 11, 3).unwrap()
}

fn five_percent() -> Voucher {
    Voucher {
        code: "SCHOOL5".to_owned(),
        percent: 5,
        first_day: day(),
        last_day: day().plus_days(30),
        minimum: Money::ZERO,
    }
}

#[test]
fn total_is_goods_plus_shipping() {
    let mut cart = Cart::new();
    cart.add(&Product::new("MUG-01", "Mug", 12_50, 400), 2);
    let quote = quote(&cart, None, day(), "DE").unwrap();
    assert_eq!(
        (
            quote.subtotal.cents(),
            quote.shipping.cents(),
            quote.total.cents()
        ),
        (25_00, 4_90, 29_90)
    );
}

#[test]
fn an_empty_cart_ships_for_nothing() {
    assert_eq!(quote(&Cart::new(), None, day(), "DE").unwrap().total, Money::ZERO);
}

#[test]
fn a_discount_is_rounded_once_a_line() {
    let mut cart = Cart::new();
    cart.add(&Product::new("PENCIL-2", "Pencil", 29, 5), 50);
    let quote = quote(&cart, Some(&five_percent()), day(), "DE").unwrap();
    assert_eq!(quote.discount, Money::of_cents(73));
}
