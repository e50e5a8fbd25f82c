//! The guard's example, as it is: orders to invoices.

#[path = "../../../shared/guard/examples/order_sync/api.rs"]
pub mod api;
#[path = "../../../shared/guard/examples/order_sync/backend.rs"]
pub mod backend;
#[path = "../../../shared/guard/examples/order_sync/doubles.rs"]
pub mod doubles;
#[path = "../../../shared/guard/examples/order_sync/orders.rs"]
pub mod orders;
#[path = "../../../shared/guard/examples/order_sync/rebuild.rs"]
pub mod rebuild;
#[path = "../../../shared/guard/examples/order_sync/run.rs"]
pub mod run;
#[path = "../../../shared/guard/examples/order_sync/shop.rs"]
pub mod shop;
