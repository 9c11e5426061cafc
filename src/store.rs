//! Where uploads live.

pub mod disk;
pub mod durability;
