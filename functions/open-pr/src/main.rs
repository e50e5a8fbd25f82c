//! The open-pr function.
fn main() {}
