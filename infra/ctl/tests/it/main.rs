//! The operator's command line against an embedded store, from its arguments to what it prints.

mod bench;
mod command;
mod life;
mod line;
mod org;
mod reach;
mod stack;
mod ticket;
mod usage;
