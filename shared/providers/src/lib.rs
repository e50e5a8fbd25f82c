//! One module per outside service: errors, wire types, client.
//!
//! Every client is a small struct that borrows a [`wire::Wire`] (the transport and the time of the call), an address and
//! the secrets it needs. It sends exactly one request per effect, never retries, and sorts every answer into a value or
//! a [`error::ProviderError`], which answers two questions: is it worth another try, and can something have happened
//! there all the same.
//!
//! Bodies of effects come from pure functions (`comment_body`, `message_body`, ..), so that a stage can put the bytes on
//! record before it sends them and a retry sends the same ones.
//! Nothing here reads a clock, an environment variable or a random.

pub mod effect;
pub mod error;
pub mod event;
pub mod html;
pub mod secret;
pub mod signature;
pub mod text;
pub mod transport;
pub mod wire;

pub mod anthropic;
pub mod github;
pub mod intercom;
pub mod jira;
pub mod linear;
pub mod model;
pub mod openai;
pub mod slack;
pub mod tracker;
pub mod zendesk;

#[cfg(test)]
mod canned;
