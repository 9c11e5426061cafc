//! The daemon as a whole: the real binary, real files, real sockets. Each file is one subject, and reads like a
//! transcript: what is sent, what comes back, what lies on the disk afterwards.
//!
//! What the tus specification says, statement by statement, is the business of the crate `conformance`; here is what
//! only this daemon promises.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers fail the test that calls them"
)]

#[path = "../support/mod.rs"]
mod support;

mod access;
mod both_doors;
mod concatenation;
mod cors;
mod crash;
mod damage;
mod downloads;
mod early_answers;
mod expiration;
mod http2;
mod layout;
mod leases;
mod limits;
mod location;
mod log;
mod page;
mod refusals;
mod reload;
mod resumable;
mod resumable_clients;
mod shutdown;
mod slow_clients;
mod space;
mod tls;
mod watch;
