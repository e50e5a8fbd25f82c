//! A noun a module, a verb a file below it.
//!
//! To add a verb: a file with `Args` and `run`, a variant in its noun's `Verb`, and an arm in its noun's `run`.

pub mod control;
pub mod effects;
pub mod forget;
pub mod org;
pub mod reconcile;
pub mod replay;
pub mod review;
pub mod ticket;
pub mod usage;
