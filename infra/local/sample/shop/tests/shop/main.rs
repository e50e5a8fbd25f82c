//! What the shop promises, by area.

mod cart;
mod delivery;
mod invoice;
mod orders;
mod pricing;
mod shipping;
mod stock;
mod vouchers;
