//! The one home of durability: no other file calls rename, fsync, link, unlink or truncate.
//!
//! What makes what survive a power cut:
//! - bytes of a file: `fdatasync` of that file (its size counts as data);
//! - a new name, a changed name, a removed name: `fsync` of the directory that holds it;
//! - a file replaced by another: the new contents are synced under a name of their own before the rename, so that after
//!   a cut the name leads to the old file or to the new one, whole.
//!
//! With [`Durability::Relaxed`] the same calls are made in the same order without the syncs: the order alone is enough
//! for a process that dies, because the system goes on.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::pool::while_waiting;
use crate::store::durability::Durability;

/// `statfs(2)`: the file systems that live in memory.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
const RAMFS: rustix::fs::FsWord = 0x8584_58f6;

/// Durable changes to files and directories. All calls block.
pub(super) struct Durable {
    /// There is a device to sync to, and the policy wants it.
    syncs: bool,
    directories: Mutex<HashMap<PathBuf, Arc<SharedSync>>>,
}

impl Durable {
    /// The policy for files below `dir`. In memory (tmpfs) there is nothing to sync to, so nothing is.
    pub(super) fn new(policy: Durability, dir: &Path) -> Self {
        let in_memory = rustix::fs::statfs(dir).is_ok_and(|fs| matches!(fs.f_type, TMPFS | RAMFS));
        if in_memory && policy == Durability::Strict {
            tracing::warn!("the data directory is in memory (tmpfs): no power cut is survived there");
        }
        Self { syncs: policy == Durability::Strict && !in_memory, directories: Mutex::default() }
    }

    /// Makes the bytes and the size of a file durable.
    pub(super) fn sync_data(&self, file: &File) -> io::Result<()> {
        if self.syncs { while_waiting(|| file.sync_data()) } else { Ok(()) }
    }

    /// Makes the names in a directory durable. Calls that come while a sync runs share the next one: however many
    /// uploads end together, two syncs serve them all.
    pub(super) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if !self.syncs {
            return Ok(());
        }
        let shared = {
            let mut all = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(dir.to_owned()).or_default())
        };
        let result = while_waiting(|| shared.sync(|| File::open(dir)?.sync_all()));
        drop(shared);
        let mut all = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(dir).is_some_and(|shared| Arc::strong_count(shared) == 1) {
            all.remove(dir);
        }
        result
    }

    /// Makes a file that must not be there yet. Its name is durable only after [`sync_dir`](Self::sync_dir).
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// Puts `contents` in the place of the file `path`, all or nothing. The new name is durable only after
    /// [`sync_dir`](Self::sync_dir).
    pub(super) fn replace(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        let staged = path.with_extension("json.new");
        let result = (|| {
            let mut file = File::create(&staged)?;
            file.write_all(contents)?;
            self.sync_data(&file)?;
            fs::rename(&staged, path)
        })();
        if result.is_err() {
            // Nothing was acknowledged for it; a leftover would only take room.
            let _ = fs::remove_file(&staged);
        }
        result
    }

    /// Moves a file to a name that nobody has. Durable only after [`sync_dir`](Self::sync_dir) of both directories.
    ///
    /// # Errors
    /// [`io::ErrorKind::AlreadyExists`] when somebody has it; nothing has moved then.
    pub(super) fn move_to_free_name(&self, from: &Path, to: &Path) -> io::Result<()> {
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            Ok(()) => Ok(()),
            // Some network file systems know no such rename; a hard link is as exclusive there, and the file has both
            // names for a moment only.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
                fs::hard_link(from, to)?;
                fs::remove_file(from)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file; that it is gone already is no error. Durable only after [`sync_dir`](Self::sync_dir).
    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Makes a directory and those above it, below `base`, durably: a finished file in a directory that a power cut
    /// took away would be lost with it.
    pub(super) fn create_dirs(&self, base: &Path, below: &Path) -> io::Result<()> {
        let mut path = base.to_owned();
        for part in below.components() {
            let parent = path.clone();
            path.push(part);
            match fs::create_dir(&path) {
                Ok(()) => self.sync_dir(&parent)?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes the 256 directories that uploads are spread over, with one sync for all of them.
    pub(super) fn create_shards(&self, parent: &Path) -> io::Result<()> {
        let mut made = false;
        for shard in 0..=u8::MAX {
            match fs::create_dir(parent.join(format!("{shard:02x}"))) {
                Ok(()) => made = true,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        if made { self.sync_dir(parent) } else { Ok(()) }
    }

    /// Cuts a file off, or lengthens it with a hole. Durable only after [`sync_data`](Self::sync_data).
    pub(super) fn set_len(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }
}

/// One sync shared by all who ask while another is running.
#[derive(Default)]
struct SharedSync {
    turn: Mutex<Turn>,
    changed: Condvar,
}

#[derive(Default)]
struct Turn {
    /// The number of the newest request.
    asked: u64,
    /// All requests up to this one are served.
    served: u64,
    running: bool,
}

impl SharedSync {
    fn sync(&self, work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.asked += 1;
        let mine = turn.asked;
        while turn.running {
            turn = self.changed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        if turn.served >= mine {
            return Ok(());
        }
        // What was asked for up to here happened before the sync begins, so it serves all of it. When it fails, those
        // who wait try for themselves: an error belongs to whoever got it.
        let up_to = turn.asked;
        turn.running = true;
        drop(turn);
        let result = work();
        let mut turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        turn.running = false;
        if result.is_ok() {
            turn.served = turn.served.max(up_to);
        }
        drop(turn);
        self.changed.notify_all();
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn requests_that_come_during_a_sync_share_the_next_one() {
        let shared = Arc::new(SharedSync::default());
        let syncs = Arc::new(AtomicU32::new(0));
        let (go, wait) = mpsc::channel::<()>();
        let (began, first_began) = mpsc::channel::<()>();
        let first = std::thread::spawn({
            let (shared, syncs) = (Arc::clone(&shared), Arc::clone(&syncs));
            move || {
                shared.sync(|| {
                    syncs.fetch_add(1, Ordering::SeqCst);
                    began.send(()).unwrap();
                    wait.recv().unwrap();
                    Ok(())
                })
            }
        });
        first_began.recv().unwrap();
        let others: Vec<_> = (0..8)
            .map(|_| {
                let (shared, syncs) = (Arc::clone(&shared), Arc::clone(&syncs));
                std::thread::spawn(move || {
                    shared.sync(|| {
                        syncs.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })
                })
            })
            .collect();
        while shared.turn.lock().unwrap().asked < 9 {
            std::thread::yield_now();
        }
        go.send(()).unwrap();
        first.join().unwrap().unwrap();
        others.into_iter().for_each(|other| other.join().unwrap().unwrap());
        assert_eq!(syncs.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn a_file_never_moves_over_another_one() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&from, "new").unwrap();
        fs::write(&to, "old").unwrap();
        let durable = Durable::new(Durability::Strict, dir.path());
        let refused = durable.move_to_free_name(&from, &to).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!((fs::read(&from).unwrap(), fs::read(&to).unwrap()), (b"new".to_vec(), b"old".to_vec()));
    }
}
