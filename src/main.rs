//! The `resumed` binary.
fn main() {}
