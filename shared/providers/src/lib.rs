//! One module per outside service: errors, wire types, client.

pub mod transport;
