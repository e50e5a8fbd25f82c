//! One test binary; each module is named by the property that it holds.

mod bans;
mod events;
mod faults;
mod meter;
mod orders;
mod repository;
mod runbook;
mod template;
mod tidy;
mod writers;
