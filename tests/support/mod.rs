//! What the integration tests share: the real daemon on a data directory of its own, and a client that sends raw bytes.
//!
//! Nothing here asserts a time. Waits are bounded, generously, so that a test that would wait for ever fails instead.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "each test binary uses a part of it, and its helpers fail the test that calls them"
)]

pub(crate) mod daemon;
pub(crate) mod data_dir;
pub(crate) mod tls;
pub(crate) mod wire;

use std::thread;
use std::time::{Duration, Instant};

/// The bound of every wait: far more than a healthy daemon needs on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until something is so.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until something is there.
pub(crate) fn eventually_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let mut found = None;
    eventually(what, || {
        found = look();
        found.is_some()
    });
    found.unwrap()
}

/// Bytes that tell their place, so that a shifted, doubled or lost piece is seen.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    (0..len.div_ceil(8) as u64)
        .flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes())
        .take(len)
        .collect()
}

/// tus's notation for the metadata of a file name.
pub(crate) fn filename(name: impl AsRef<[u8]>) -> String {
    format!("Upload-Metadata: filename {}", base64(name))
}

/// Standard Base64.
pub(crate) fn base64(bytes: impl AsRef<[u8]>) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The value of `Upload-Checksum` for these bytes.
pub(crate) fn sha1(bytes: &[u8]) -> String {
    use sha1::Digest as _;
    format!("sha1 {}", base64(sha1::Sha1::digest(bytes)))
}
