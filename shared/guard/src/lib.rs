//! Exactly-once effects on DynamoDB: claim, act, seal, and a probe where others hope.

pub mod clock;
#[cfg(feature = "embedded")]
pub mod embedded;
