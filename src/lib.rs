#![doc = include_str!("README.md")]

pub mod access;
pub mod admin;
pub mod cli;
pub mod config;
pub mod conn;
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod protocol;
pub mod server;
pub mod store;
pub mod upload;
