//! The mistakes of the field: each is made by a naive version of the workflow and caught, and prevented or refused by the
//! guarded one; batches, people and rebuilt ledgers; and what the README says about all that.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what a test did not expect ends it"
)]

mod batch;
mod mistakes;
mod naive;
mod people;
mod readme;
mod rebuilt;
mod refused;
mod shop;
mod sockets;
#[path = "../../examples/order_sync/workflow.rs"]
#[expect(dead_code, reason = "the example uses what the tests do not")]
mod workflow;
