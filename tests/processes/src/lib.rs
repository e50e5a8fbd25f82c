//! Real processes: the functions' binaries behind the Lambda Runtime API, killed and stopped at named points, and
//! everything outside of them (tables, queues, providers) in another process.
//!
//! A point is the n-th outside call that the outside process sees from a function. At a point the call is held, before
//! it is applied or after, and the function's process is killed, or stopped past its lease and continued.

pub mod cases;
pub mod kills;
pub mod outside;
pub mod rie;
pub mod steps;

mod invariants;
mod world;

pub use world::{Binaries, World};
