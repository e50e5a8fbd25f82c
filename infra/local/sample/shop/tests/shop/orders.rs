use shop::calendar::Date;
use shop::cart::Cart;
use shop::money::Money;
use shop::orders::{Order, OrderError, State};
use shop::pricing::quote;
use shop::product::Product;

fn paid_order() -> Order {
    let mut cart = Cart::new();
    cart.add(&Product::new("LAMP-3", "Lamp", 60_00, 2_000), 1);
    let quote = quote(&cart, None, Date::new(2025, 11, 3).unwrap(), "DE").unwrap();
    let mut order = Order::place(1, &quote);
    order.pay(Money::of_cents(60_00)).unwrap();
    order
}

#[test]
fn an_order_is_paid_once_and_in_full() {
    let mut order = paid_order();
    assert_eq!(
        order.pay(Money::of_cents(60_00)),
        Err(OrderError::WrongState(State::Paid))
    );
    assert_eq!(order.ship(), Ok(()));
    assert_eq!(order.state(), State::Shipped);
}

#[test]
fn a_refund_over_the_payment_is_refused() {
    assert_eq!(
        paid_order().refund(Money::of_cents(60_01)),
        Err(OrderError::RefundTooLarge)
    );
}

#[test]
fn refunds_together_never_exceed_the_payment() {
    let mut order = paid_order();
    assert_eq!(order.refund(Money::of_cents(40_00)), Ok(()));
    assert_eq!(
        order.refund(Money::of_cents(40_00)),
        Err(OrderError::RefundTooLarge)
    );
    assert_eq!(order.refund(Money::of_cents(20_00)), Ok(()));
    assert_eq!(order.kept(), Money::ZERO);
}
