//! The publish-rca function.
fn main() {}
