//! `reconcile` on the whole deployment: the template's tables and queues in memory, the production functions, the
//! sandbox's providers, and a clock that only the test moves.

#![expect(
    clippy::large_futures,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic, and its futures live on one stack"
)]

mod asks;
mod findings;
mod healing;
mod jira;
mod linear;
mod totals;
mod trackers;
mod world;
