//! Bytes from outside, as plain functions: one for each door, from the raw bytes to a decision.
//!
//! A [`Target`] says what became of its input in a few words, its class, or which promise was broken.
//! The corpus in `tests/fuzz/corpus` holds inputs by target; [`search`] changes them at random, from a seed, and keeps
//! whatever reaches a class that nothing reached before.
//! The crate beside, `tests/fuzz`, hands the same functions to libFuzzer.

pub mod corpus;
pub mod search;

mod headers;
mod intake;
mod message;
mod model;
mod settings;
mod signature;
mod state;
mod webhook;

/// What became of an input: its class, or the promise that it broke.
pub type Verdict = Result<String, String>;

/// One door.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, and its corpus' folder.
    pub name: &'static str,
    /// Hands the bytes over.
    pub run: fn(&[u8]) -> Verdict,
    /// Inputs that the search may try within `cargo test`.
    pub inputs: u64,
}

/// Every door.
pub const TARGETS: [Target; 14] = [
    target("webhook-zendesk", webhook::zendesk, 1_000),
    target("webhook-intercom", webhook::intercom, 1_000),
    target("webhook-github", webhook::github, 1_000),
    target("event", webhook::event, 1_500),
    target("signature", signature::run, 5_000),
    target("settings", settings::run, 3_000),
    target("message", message::run, 6_000),
    target("batch", message::batch, 150),
    target("answer-anthropic", model::anthropic, 2_500),
    target("answer-openai", model::openai, 2_500),
    target("model-extract", model::extract, 25),
    target("model-map", model::map, 25),
    target("model-patch", model::patch, 25),
    target("model-rca", model::rca, 25),
];

const fn target(name: &'static str, run: fn(&[u8]) -> Verdict, inputs: u64) -> Target {
    Target { name, run, inputs }
}

pub use intake::one_bit_changes;
