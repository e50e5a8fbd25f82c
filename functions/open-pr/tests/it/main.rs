//! The stage on the embedded cloud, with a GitHub that answers as a test says.
#![expect(clippy::unwrap_used, reason = "a test fails by it, with the error")]

mod edits;
mod ends;
mod merges;
mod siblings;
mod world;
