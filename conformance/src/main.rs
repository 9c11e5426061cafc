//! Placeholder binary, replaced by the suite.
fn main() {}
