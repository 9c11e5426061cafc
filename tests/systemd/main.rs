//! The daemon under a service manager: what it is given, what it says, and that nobody notices when it is restarted.
//!
//! The part of systemd is played by the tests, with real sockets of both kinds: most need no systemd that runs. Those in `units`
//! boot one of their own.
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

mod crowd;
mod machine;
mod notify_socket;

mod example;
mod guide;
mod messages;
mod package;
mod restart;
mod sockets;
mod units;
