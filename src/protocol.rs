//! The adapters: each translates one protocol to and from the engine's words, and has its own header types and its own
//! error table.

pub mod resumablejs;
pub mod tus;
