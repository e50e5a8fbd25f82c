//! The fan-out function.
fn main() {}
