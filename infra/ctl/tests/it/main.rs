//! The operator's command line against an embedded store, from its arguments to what it prints.

#![expect(
    clippy::large_futures,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test may panic, and its futures live on one stack"
)]

mod approvals;
mod bench;
mod bills;
mod charges;
mod command;
mod control;
mod cost;
mod credits;
mod decisions;
mod desk;
mod entries;
mod exports;
mod faults;
mod forged_credits;
mod forgeries;
mod forget;
mod held;
mod histories;
mod history;
mod life;
mod line;
mod org;
mod periods;
mod plans;
mod reach;
mod repairs;
mod stack;
mod streams;
mod terms;
mod ticket;
mod usage;
mod whys;
