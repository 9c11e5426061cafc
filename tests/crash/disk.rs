//! A disk whose power can be cut: a file system in an image file, on a loop device.
//!
//! The cut is the kernel's own "shutdown" of a file system, which throws away what it has not written, as a power cut
//! does. There are two kinds of disks:
//! - *plain*: the file system under test is shut down itself. What it had handed to its device is kept.
//! - *cached*: its image lies on another file system, and that one is shut down. So the device loses its power too,
//!   and with it everything that was written to it and not flushed, like a disk with a write cache. btrfs, which knows no
//!   shutdown, is only ever cut this way.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Ext4,
    Xfs,
    Btrfs,
}

impl FileSystem {
    pub(crate) const ALL: [Self; 3] = [Self::Ext4, Self::Xfs, Self::Btrfs];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Xfs => "xfs",
            Self::Btrfs => "btrfs",
        }
    }

    /// The least that `mkfs` takes, with something to spare.
    fn smallest(self) -> u64 {
        match self {
            Self::Ext4 => 64 * MIB,
            Self::Xfs => 320 * MIB,
            Self::Btrfs => 128 * MIB,
        }
    }

    fn make(self, image: &Path) {
        let flags: &[&str] = match self {
            // Nothing is reserved for root, who runs the tests: full is full.
            Self::Ext4 => &["-q", "-F", "-m", "0"],
            Self::Xfs | Self::Btrfs => &["-q", "-f"],
        };
        run(Command::new(format!("mkfs.{}", self.name())).args(flags).arg(image));
    }
}

pub(crate) const MIB: u64 = 1024 * 1024;

/// What is lost besides the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    /// On a file system of this sort. XFS loses more when its power goes; what it says at that very moment may be wrong (a
    /// sync finds its file let go of and says "fine"), which is no disk's way to fail. ext4 fails honestly.
    Cached(FileSystem),
}

/// A disk with a file system. Everything of it goes with it.
pub(crate) struct Disk {
    inner: Mount,
    outer: Option<Mount>,
    _dir: tempfile::TempDir,
}

impl Disk {
    pub(crate) fn new(fs: FileSystem, kind: Kind, size: u64) -> Self {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let outer = match kind {
            Kind::Plain => None,
            Kind::Cached(outer) => {
                let size = size + FileSystem::Xfs.smallest();
                Some(Mount::new(outer, dir.path().join("outer.img"), dir.path().join("outer"), size))
            }
        };
        let image = outer.as_ref().map_or(dir.path(), |outer| &outer.dir).join("inner.img");
        let inner = Mount::new(fs, image, dir.path().join("inner"), size.max(fs.smallest()));
        Self { inner, outer, _dir: dir }
    }

    /// Where it is mounted.
    pub(crate) fn path(&self) -> &Path {
        &self.inner.dir
    }

    /// What cuts the power.
    pub(crate) fn switch(&self) -> Switch {
        Switch::on(&self.outer.as_ref().unwrap_or(&self.inner).dir)
    }

    /// Unmounts everything and mounts it again, whatever happened to it.
    pub(crate) fn turn_on_again(&mut self) {
        self.inner.unmount();
        if let Some(outer) = &mut self.outer {
            outer.unmount();
            outer.mount();
        }
        self.inner.mount();
    }
}

/// An image file that is mounted. The loop device belongs to the mount and goes with it.
struct Mount {
    image: PathBuf,
    dir: PathBuf,
    is_mounted: bool,
}

impl Mount {
    fn new(fs: FileSystem, image: PathBuf, dir: PathBuf, size: u64) -> Self {
        // It takes room only where something is written.
        File::create_new(&image).unwrap().set_len(size).unwrap();
        fs.make(&image);
        fs::create_dir(&dir).unwrap();
        let mut mount = Self { image, dir, is_mounted: false };
        mount.mount();
        mount
    }

    fn mount(&mut self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.dir));
        self.is_mounted = true;
    }

    /// Who has just died may still have something open for a moment.
    fn unmount(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let output = Command::new("umount").arg(&self.dir).output().unwrap();
            if output.status.success() {
                self.is_mounted = false;
                return;
            }
            assert!(Instant::now() < deadline, "can't unmount {}: {}", self.dir.display(), said(&output));
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.is_mounted {
            // Whatever still uses it: it is gone from here now, and its device goes with the last user.
            let _ = Command::new("umount").arg("--lazy").arg(&self.dir).output();
        }
    }
}

/// A process that waits with its finger on the switch, so that the power goes within microseconds.
pub(crate) struct Switch {
    process: Child,
    finger: Option<ChildStdin>,
}

impl Switch {
    fn on(dir: &Path) -> Self {
        let mut command = Command::new("xfs_io");
        command.arg("-x").arg(dir).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let finger = process.stdin.take();
        Self { process, finger }
    }

    /// What cuts the power when it is called.
    pub(crate) fn trigger(&mut self) -> impl FnOnce() + Send + 'static {
        let mut finger = self.finger.take().unwrap();
        move || finger.write_all(b"shutdown\n").unwrap()
    }

    /// Waits until the power is off.
    pub(crate) fn wait(self) {
        let output = self.process.wait_with_output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "xfs_io: {}", said(&output));
    }
}

#[track_caller]
pub(crate) fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", said(&output));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).trim().to_owned()
}
