//! Real clients at work on the real binary, mostly through a network that misbehaves: tus-js-client from npm, tuspy and
//! aiotus from PyPI, curl. Whatever happens on the way, the published file has every byte of the one on this side.
//!
//! A client that is not there is left out, and one line says so; see `README.md`.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "the helpers fail the test that calls them"
)]

mod curl;
mod cut;
mod figures;
mod python;
mod refused;
mod support;
mod tus_js;
