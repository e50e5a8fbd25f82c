//! Carts, prices, stock and orders of a small shop.
//!
//! Everything here is a value: no database, no clock, no network. The caller says which day it is.

pub mod calendar;
pub mod cart;
pub mod customer;
pub mod delivery;
pub mod inventory;
pub mod invoice;
pub mod money;
pub mod orders;
pub mod pricing;
pub mod product;
pub mod shipping;
pub mod tax;
pub mod voucher;
