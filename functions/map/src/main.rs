//! The map function.
fn main() {}
