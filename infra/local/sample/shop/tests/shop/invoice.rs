use shop::calendar::Date;
use shop::cart::Cart;
use shop::customer::Customer;
use shop::invoice;
use shop::money::Money;
use shop::pricing::quote;
use shop::product::Product;

#[test]
fn an_invoice_shows_lines_and_total() {
    let mut cart = Cart::new();
    cart.add(&Product::new("BOOK-7", "Atlas", 29_00, 1_200).reduced(), 1);
    let day = Date::new(2025, 11, 3).unwrap();
    let quote = quote(&cart, None, day, "DE").unwrap();
    let text = invoice::render(&invoice::number(day, 42), day, &cart, &quote);
    assert!(text.starts_with("Invoice 2025-000042 of 2025-11-03\n"));
    assert!(text.contains("   1 x Atlas"));
    assert!(text.contains("33.90\n"), "{text}");
    assert!(text.trim_end().ends_with("1.90"), "{text}");
}

#[test]
fn points_follow_whole_units() {
    let mut customer = Customer::new(" Ada ", " Ada@Example.test ", "DE");
    customer.collect(Money::of_cents(33_90));
    assert_eq!(
        (customer.points(), customer.email.as_str()),
        (33, "ada@example.test")
    );
}
