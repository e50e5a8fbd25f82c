use shop::inventory::{Stock, StockError};
use shop::product::Sku;

fn stock_of(quantity: u32) -> (Stock, Sku) {
    let sku = Sku::new("POT-09");
    let mut stock = Stock::new();
    stock.receive(&sku, quantity);
    (stock, sku)
}

#[test]
fn what_is_set_aside_is_no_longer_for_sale() {
    let (mut stock, sku) = stock_of(5);
    stock.reserve(&sku, 3).unwrap();
    assert_eq!(stock.available(&sku), 2);
    stock.release(&sku, 1);
    assert_eq!(stock.available(&sku), 3);
}

#[test]
fn more_than_there_is_cannot_be_set_aside() {
    let (mut stock, sku) = stock_of(1);
    assert_eq!(
        stock.reserve(&sku, 2),
        Err(StockError::SoldOut {
            sku: sku.clone(),
            left: 1
        })
    );
}

#[test]
fn the_last_piece_can_be_sold() {
    let (mut stock, sku) = stock_of(1);
    assert_eq!(stock.reserve(&sku, 1), Ok(()));
    assert_eq!(stock.available(&sku), 0);
}
