//! What every function needs around its five moves: configuration, batches, telemetry, HTTP.
//!
//! [`deployment::Deployment`] is the outside world of a process: two AWS clients, one provider transport, a clock and an
//! environment. A function is made from it once, at cold start, and handed to [`serve`].
//! Everything outside goes through those two doors, so a test that wraps them sees every call.

pub mod answer;
mod aws_http;
pub mod batch;
pub mod config;
pub mod connect;
pub mod deployment;
pub mod guardrails;
pub mod http;
pub mod metric;
pub mod model;
pub mod orgs;
pub mod outcome;
pub mod queues;
pub mod secrets;
pub mod serve;
pub mod signed;
pub mod stage;
pub mod telemetry;
pub mod tokens;
pub mod trace;
pub mod usage;
