//! The resumable-upload daemon.

pub mod cli;
pub mod config;
pub mod store;
