//! Where the bytes go: a directory in memory if there is one, since the bench measures a daemon and not a disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::{Failure, cleanup};

/// A directory of its own for one run, removed at its end.
pub(crate) struct WorkDir {
    dir: TempDir,
    /// The name of its file system, as mount(8) shows it.
    pub(crate) file_system: String,
}

impl WorkDir {
    /// Makes the directory below `parent`; without one, below /dev/shm where that is tmpfs, else below the
    /// directory for temporary files.
    pub(crate) fn create(parent: Option<&Path>) -> Result<Self, Failure> {
        let shm = Path::new("/dev/shm");
        let parent = match parent {
            Some(given) => given.to_owned(),
            None if shm.is_dir() && file_system_of(shm)? == "tmpfs" => shm.to_owned(),
            None => std::env::temp_dir(),
        };
        let dir = tempfile::Builder::new()
            .prefix("resumed-bench-")
            .tempdir_in(&parent)
            .map_err(|error| format!("{}: {error}", parent.display()))?;
        cleanup::remember_dir(dir.path());
        let file_system = file_system_of(dir.path())?;
        Ok(Self { dir, file_system })
    }

    pub(crate) fn in_memory(&self) -> bool {
        self.file_system == "tmpfs"
    }

    /// How many bytes can be written here. On tmpfs that is memory, and a tmpfs may be promised more than there is.
    pub(crate) fn room(&self) -> Result<u64, Failure> {
        let space = rustix::fs::statvfs(self.dir.path())?;
        let room = space.f_bavail.saturating_mul(space.f_frsize);
        Ok(if self.in_memory() { room.min(available_memory()?) } else { room })
    }

    /// An empty directory for one server in one round.
    pub(crate) fn fresh(&self, name: &str) -> Result<PathBuf, Failure> {
        let dir = self.dir.path().join(name);
        fs::create_dir(&dir)?;
        Ok(dir)
    }

    /// Writes and removes this many bytes. A virtual machine gets a page of memory from its host at the first
    /// touch, which takes several times as long as every later use, and may hand it back after it was free for a
    /// few seconds. So this belongs right before each measurement: otherwise the servers would pay for the
    /// host's memory, and each for as much as chance has it.
    pub(crate) fn touch(&self, bytes: u64) -> Result<(), Failure> {
        let path = self.dir.path().join("touch");
        let mut file = File::create(&path)?;
        let buffer = vec![1_u8; 1 << 20];
        for _ in 0..bytes >> 20 {
            file.write_all(&buffer)?;
        }
        drop(file);
        Ok(fs::remove_file(path)?)
    }
}

/// The type of the mount that holds `path`: the longest mount point that the path starts with, and of equal ones
/// the last, which hides the others.
fn file_system_of(path: &Path) -> Result<String, Failure> {
    let path = path.canonicalize()?;
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let mut found = (0, "an unknown file system");
    for line in mounts.lines() {
        let mut fields = line.split(' ').skip(1);
        if let (Some(point), Some(kind)) = (fields.next(), fields.next())
            && path.starts_with(point)
            && point.len() >= found.0
        {
            found = (point.len(), kind);
        }
    }
    Ok(found.1.to_owned())
}

fn available_memory() -> Result<u64, Failure> {
    let kib = fs::read_to_string("/proc/meminfo")?
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok())
        .ok_or("no MemAvailable in /proc/meminfo")?;
    Ok(kib.saturating_mul(1024))
}

/// All regular files below `dir` that have exactly this length.
pub(crate) fn files_of_length(dir: &Path, length: u64) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            let meta = entry.metadata()?;
            if meta.is_dir() {
                dirs.push(entry.path());
            } else if meta.is_file() && meta.len() == length {
                found.push(entry.path());
            }
        }
    }
    Ok(found)
}
