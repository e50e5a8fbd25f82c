//! The workflow, what it calls and what stands in for that: one tree, for the example and for the tests about it.

#![expect(
    unreachable_pub,
    reason = "it reads as the crate that a shop would have; here it is a part of others"
)]

pub mod api;
pub mod backend;
pub mod doubles;
pub mod http;
pub mod orders;
pub mod rebuild;
pub mod run;
pub mod shop;
pub mod view;
