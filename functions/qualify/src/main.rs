//! The qualify function.
fn main() {}
