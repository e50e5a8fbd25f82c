//! The cloud on a laptop.

pub mod sandbox;
