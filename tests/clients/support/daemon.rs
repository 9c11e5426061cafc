//! The real binary, on a free port of loopback.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Where the daemon takes uploads.
pub(crate) const BASE_PATH: &str = "/files/";

/// A running daemon with a data directory of its own; killed when this is dropped.
pub(crate) struct Daemon {
    child: Child,
    pub(crate) address: SocketAddr,
    dir: TempDir,
}

impl Daemon {
    /// Starts it and waits until it has said where it takes uploads.
    pub(crate) fn start(flags: &[&str]) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let log = File::create(dir.path().join("log")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_resumed"))
            .args(["--listen", "127.0.0.1:0", "--log-level", "debug"])
            .args(flags)
            .current_dir(dir.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let stdout = child.stdout.take().unwrap();
        // From here on it is killed whatever happens.
        let mut daemon = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)), dir };
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let url = line.trim().rsplit("http://").next().unwrap();
        let address = url.strip_suffix(BASE_PATH).and_then(|address| address.parse().ok());
        daemon.address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        daemon
    }

    /// Where it publishes.
    pub(crate) fn files(&self) -> PathBuf {
        self.dir.path().join("data/files")
    }

    /// The names of all finished files.
    pub(crate) fn published(&self) -> Vec<String> {
        let entries = fs::read_dir(self.files()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// How many uploads have bytes lying beside the finished files.
    pub(crate) fn unpublished(&self) -> usize {
        let shards = fs::read_dir(self.dir.path().join("data/uploads")).unwrap();
        let files = shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap());
        files.filter(|file| has_bytes(&file.as_ref().unwrap().path())).count()
    }

    /// The record of the only upload.
    pub(crate) fn record(&self) -> PathBuf {
        let shards = fs::read_dir(self.dir.path().join("data/uploads")).unwrap();
        let files = shards.flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap());
        let mut records = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "json"));
        let record = records.next().unwrap();
        assert!(records.next().is_none(), "there are more");
        record
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.dir.path().join("log")).unwrap_or_default()
    }

    /// The most memory it ever had resident, in MiB; 0 where /proc does not tell.
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) / 1024
    }
}

fn has_bytes(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "data")
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<_> = log.lines().collect();
            eprintln!("the daemon's last words:\n{}", lines[lines.len().saturating_sub(25)..].join("\n"));
        }
    }
}
