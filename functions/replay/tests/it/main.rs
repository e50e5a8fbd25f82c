//! `replay` on the whole deployment: the template's tables and queues in memory, the production functions, and a clock
//! that only the test moves.

#![expect(
    clippy::large_futures,
    clippy::indexing_slicing,
    clippy::unit_arg,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic, and its futures live on one stack"
)]

mod cost;
mod dead;
mod heal;
mod parked;
mod tap;
mod triggers;
mod world;
