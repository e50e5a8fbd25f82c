use shop::cart::Cart;
use shop::money::Money;
use shop::product::Product;

fn mug() -> Product {
    Product::new("MUG-01", "Mug", 12_50, 400)
}

#[test]
fn an_empty_cart_costs_nothing() {
    assert_eq!(Cart::new().subtotal(), Money::ZERO);
}

#[test]
fn a_product_added_again_adds_up() {
    let mut cart = Cart::new();
    cart.add(&mug(), 2);
    cart.add(&mug(), 1);
    assert_eq!(cart.quantity(&mug().sku), 3);
    assert_eq!(cart.subtotal(), Money::of_cents(37_50));
}

#[test]
fn a_quantity_of_none_takes_the_line_out() {
    let mut cart = Cart::new();
    cart.add(&mug(), 2);
    cart.set_quantity(&mug().sku, 0);
    assert!(cart.is_empty());
}
