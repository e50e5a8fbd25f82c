//! The cloud on a laptop.

pub mod aws;
pub mod sandbox;
pub mod sqs;
pub mod cloud;
pub mod template;
