//! The words of Ratchet: ids, messages, records and limits.
//!
//! No I/O, no clock, no randomness and no async: everything here is a value that two runs of the same
//! input make equal.
//! A name that is not here is not part of what the stages say to each other.

pub mod bill;
pub mod bug;
pub mod credit;
pub mod decision;
pub mod edits;
pub mod ids;
pub mod limits;
pub mod merkle;
pub mod message;
pub mod park;
pub mod patch;
pub mod period;
pub mod redact;
pub mod score;
pub mod settings;
pub mod stage;
pub mod step;
pub mod ticket;
