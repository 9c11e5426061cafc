//! What the scenarios stand on: a daemon, a bad network before it, a file to upload, and the clients as processes.

pub(crate) mod bytes;
pub(crate) mod daemon;
pub(crate) mod network;
pub(crate) mod process;
pub(crate) mod tools;
pub(crate) mod wire;

use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use self::daemon::{BASE_PATH, Daemon};
use self::network::{BadNetwork, Fault};

pub(crate) const KIB: u64 = 1024;
pub(crate) const MIB: u64 = 1024 * KIB;

/// A daemon behind a bad network, and a file to upload to it.
pub(crate) struct Scene {
    pub(crate) daemon: Daemon,
    pub(crate) network: BadNetwork,
    pub(crate) source: PathBuf,
    length: u64,
    dir: TempDir,
}

impl Scene {
    /// Nothing goes wrong.
    pub(crate) fn calm(length: u64) -> Self {
        Self::new(length, |_| Fault::None)
    }

    pub(crate) fn new(length: u64, fault: impl Fn(usize) -> Fault + Send + 'static) -> Self {
        Self::with_flags(length, &[], fault)
    }

    pub(crate) fn with_flags(
        length: u64,
        flags: &[&str],
        fault: impl Fn(usize) -> Fault + Send + 'static,
    ) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let source = dir.path().join("source");
        bytes::write_noise(&source, length);
        let network = BadNetwork::new(fault);
        let public_url = format!("http://{}", network.address);
        // aiotus follows absolute Locations only; all other clients are shown the relative ones of the default.
        let flags: Vec<_> =
            flags.iter().map(|flag| if *flag == PUBLIC_URL { public_url.as_str() } else { flag }).collect();
        let daemon = Daemon::start(&flags);
        network.lead_to(daemon.address);
        Self { daemon, network, source, length, dir }
    }

    /// Where clients create uploads, through the network.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}{BASE_PATH}", self.network.address)
    }

    /// A path for something that the client keeps.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The one finished file has this name and every byte of the source.
    pub(crate) fn assert_published(&self, name: &str) {
        assert_eq!(self.daemon.published(), [name]);
        bytes::assert_same(&self.source, &self.daemon.files().join(name));
    }

    /// The network did its worst. Where it strikes every connection long before the file is through, nobody comes to
    /// the end without going on where it was.
    pub(crate) fn assert_struck(&self, faults: usize) {
        assert!(self.network.faults() >= faults, "only {} faults struck", self.network.faults());
    }

    /// Nothing was sent a second time but heads of requests and what lay in a buffer.
    pub(crate) fn assert_sent_once(&self) {
        let sent = self.network.bytes();
        assert!(sent < self.length + 256 * KIB, "{sent} bytes were sent for a file of {}", self.length);
    }
}

/// Stands among a daemon's flags for the address of the network before it.
pub(crate) const PUBLIC_URL: &str = "the network's address";

/// Waits for something that happens in another process.
pub(crate) fn eventually(what: &str, mut happened: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < patience, "{what} did not come");
        sleep(Duration::from_millis(5));
    }
}
