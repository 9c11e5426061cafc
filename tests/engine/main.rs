//! The engine and its stores, without HTTP: the store's contract, and the engine's rules against a small model under
//! operations and interleavings that are drawn at random.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers fail the test that calls them"
)]

mod bench;
mod body;
mod contract;
mod interleavings;
mod judge;
mod memory;
mod model;
mod plan;
mod sweeping;
mod watched;
mod world;
