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
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::fs::{
    Access, CWD, FallocateFlags, Mode, OFlags, RenameFlags, StatVfsMountFlags, fallocate, fstatvfs,
    renameat_with, syncfs,
};
use rustix::io::Errno;

use super::metrics::{Synced, Syncs};
use super::pool::while_waiting;
use super::saving::Saving;
use super::shared_sync::SharedSync;
use super::spare::Spare;
use crate::store::durability::Durability;

/// `statfs(2)`: the file systems that live in memory.
const TMPFS: rustix::fs::FsWord = 0x0102_1994;
const RAMFS: rustix::fs::FsWord = 0x8584_58f6;

/// Durable changes to files and directories. All calls block.
pub(super) struct Durable {
    /// There is a device to sync to, and the policy wants it.
    syncs: bool,
    directories: Mutex<HashMap<PathBuf, Arc<SharedSync>>>,
    /// Directories that are being made.
    making: Saving<PathBuf>,
    spare: Spare,
    syncs_timed: Syncs,
    trust: Trust,
    #[cfg(test)]
    pub(super) trouble: super::bench::Trouble,
}

/// Whether "fine" means anything. After a sync that failed, the system may say so of everything that was a part of it,
/// whoever asks and whenever (btrfs does): what was changed before is in memory, marked as written, and on no disk. So
/// from then on whole file systems are synced, until one of these goes well.
#[derive(Default)]
struct Trust {
    failures: AtomicU64,
    mended: AtomicU64,
}

impl Trust {
    fn sync(&self, file: &File, sync: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let failures = self.failures.load(Ordering::SeqCst);
        let result = if failures == self.mended.load(Ordering::SeqCst) {
            sync()
        } else {
            sync().and_then(|()| Ok(syncfs(file)?))
        };
        // A sync that meets the end of XFS ("shutdown", when its log can't be written) finds its file let go of and says "fine".
        // To look at a file is refused from then on, and costs next to nothing.
        let result = result.and_then(|()| file.metadata().map(drop));
        // And a file system that has failed meanwhile is read-only (btrfs, ext4).
        let result = result.and_then(|()| match fstatvfs(file)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
            true => Err(Errno::ROFS.into()),
            false => Ok(()),
        });
        match result {
            Ok(()) => drop(self.mended.fetch_max(failures, Ordering::SeqCst)),
            Err(_) => drop(self.failures.fetch_add(1, Ordering::SeqCst)),
        }
        // Whoever has failed meanwhile may have taken what this one was about with it.
        if result.is_ok() && self.failures.load(Ordering::SeqCst) != failures {
            return Err(io::Error::other("another sync has failed at the same time"));
        }
        result
    }
}

impl Durable {
    /// The policy for files below `dir`. In memory (tmpfs) there is nothing to sync to, so nothing is.
    pub(super) fn new(policy: Durability, dir: &Path) -> Self {
        let in_memory = rustix::fs::statfs(dir).is_ok_and(|fs| matches!(fs.f_type, TMPFS | RAMFS));
        if in_memory && policy == Durability::Strict {
            tracing::warn!("the data directory is in memory (tmpfs): no power cut is survived there");
        }
        Self {
            syncs: policy == Durability::Strict && !in_memory,
            directories: Mutex::default(),
            making: Saving::default(),
            spare: Spare::default(),
            syncs_timed: Syncs::default(),
            trust: Trust::default(),
            #[cfg(test)]
            trouble: Default::default(),
        }
    }

    /// How long syncs take.
    pub(super) fn syncs(&self) -> &Syncs {
        &self.syncs_timed
    }

    /// The room that small records fall back on.
    pub(super) fn spare(&self) -> &Spare {
        &self.spare
    }

    /// Runs work that has met a full disk once more, with the room that was kept back.
    fn with_spare<T>(&self, work: impl FnOnce() -> io::Result<T>) -> Option<io::Result<T>> {
        let release = |path: &Path, file: File| {
            // Not emptied: beyond a quota btrfs lets nobody shorten a file, only remove it.
            fs::remove_file(path)?;
            drop(file);
            // Some file systems give room away again only when the removal is on the disk.
            self.sync_file_system(path.parent().unwrap_or(path))
        };
        self.spare.lend(release, work)
    }

    /// Makes the bytes and the size of a file durable.
    pub(super) fn sync_data(&self, file: &File) -> io::Result<()> {
        self.sync_file(Synced::Data, file)
    }

    fn sync_file(&self, synced: Synced, file: &File) -> io::Result<()> {
        if !self.syncs {
            return Ok(());
        }
        while_waiting(|| self.syncs_timed.time(synced, || self.trust.sync(file, || file.sync_data())))
    }

    /// Makes the names in a directory durable. Calls that come while a sync runs share the next one: however many
    /// uploads end together, two syncs serve them all.
    pub(super) fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        #[cfg(test)]
        self.trouble.meet(dir)?;
        if !self.syncs {
            return Ok(());
        }
        let shared = {
            let mut all = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(all.entry(dir.to_owned()).or_default())
        };
        let sync = || {
            let dir = File::open(dir)?;
            self.trust.sync(&dir, || dir.sync_all())
        };
        let result = while_waiting(|| shared.sync(|| self.syncs_timed.time(Synced::Directory, sync)));
        drop(shared);
        let mut all = self.directories.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(dir).is_some_and(|shared| Arc::strong_count(shared) == 1) {
            all.remove(dir);
        }
        result
    }

    /// Makes everything on the file system of `dir` durable, whoever has written it.
    pub(super) fn sync_all(&self, dir: &Path) -> io::Result<()> {
        if self.syncs { self.sync_file_system(dir) } else { Ok(()) }
    }

    fn sync_file_system(&self, dir: &Path) -> io::Result<()> {
        while_waiting(|| {
            let dir = File::open(dir)?;
            self.trust.sync(&dir, || Ok(syncfs(&dir)?))
        })
    }

    /// Makes a file that must not be there yet. Its name is durable only after [`sync_dir`](Self::sync_dir).
    pub(super) fn create(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    /// Whether files can be made in a directory. Leaves none there.
    pub(super) fn can_create(&self, dir: &Path) -> io::Result<()> {
        match rustix::fs::open(dir, OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR) {
            // Not every file system knows files without a name.
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
                Ok(rustix::fs::access(dir, Access::WRITE_OK | Access::EXEC_OK)?)
            }
            made => Ok(made.map(drop)?),
        }
    }

    /// Puts `contents` in the place of the file `path`, all or nothing. The new name is durable only after
    /// [`sync_dir`](Self::sync_dir).
    pub(super) fn replace(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        self.replace_beside(path, contents, || Ok::<_, io::Error>(())).1
    }

    /// The same beside other work, and in place only if that went well. Two syncs at once cost little more than one.
    /// Answers how both went; the second is not tried when the first failed.
    pub(super) fn replace_beside<E: Send>(
        &self,
        path: &Path,
        contents: &[u8],
        work: impl FnOnce() -> Result<(), E> + Send,
    ) -> (Result<(), E>, io::Result<()>) {
        let staged = path.with_extension("json.new");
        let place = |()| fs::rename(&staged, path);
        let (worked, stage) = self.both(work, || self.stage(&staged, contents));
        let placed = match (&worked, stage) {
            (Err(_), _) => Err(io::ErrorKind::Interrupted.into()),
            (Ok(()), Err(error)) if is_full(&error) => {
                // In place, too, before the room is taken back: the record that was there leaves some.
                self.with_spare(|| self.stage(&staged, contents).and_then(place)).unwrap_or(Err(error))
            }
            (Ok(()), stage) => stage.and_then(place),
        };
        if placed.is_err() {
            // Nothing was acknowledged for it; a leftover would only take room.
            let _ = fs::remove_file(&staged);
        }
        (worked, placed)
    }

    fn stage(&self, path: &Path, contents: &[u8]) -> io::Result<()> {
        let mut file = File::create(path)?;
        #[cfg(test)]
        self.trouble.meet_full_disk()?;
        file.write_all(contents)?;
        self.sync_file(Synced::Record, &file)
    }

    /// Does two things that wait for the device, at once.
    pub(super) fn both<A: Send, B>(
        &self,
        one: impl FnOnce() -> A + Send,
        other: impl FnOnce() -> B,
    ) -> (A, B) {
        if !self.syncs {
            return (one(), other());
        }
        while_waiting(|| {
            thread::scope(|scope| {
                let one = scope.spawn(one);
                let other = other();
                let one = one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
                (one, other)
            })
        })
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
            Err(Errno::INVAL | Errno::NOSYS) => {
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
            // Who finds it there waits for whoever makes it: until its name is synced it is not there for good.
            self.making.alone(path.clone(), || match fs::create_dir(&path) {
                Ok(()) => self.sync_dir(&parent).inspect_err(|_| {
                    // The next one shall not take it for durable.
                    let _ = fs::remove_dir(&path);
                }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                Err(error) => Err(error),
            })?;
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

/// Lengthens a file with room on the disk.
pub(super) fn take_room(file: &File, len: u64) -> io::Result<()> {
    Ok(fallocate(file, FallocateFlags::empty(), 0, len)?)
}

/// The disk, or this user's part of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;
    use std::os::unix::fs::MetadataExt as _;
    use std::sync::mpsc;
    use std::time::Duration;

    use rustix::fs::inotify;

    use super::*;
    use crate::store::disk::bench::broken;

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

    #[test]
    fn who_finds_a_directory_waits_until_it_is_there_for_good() {
        let dir = tempfile::tempdir().unwrap();
        let (base, wanted) = (dir.path(), dir.path().join("2026"));
        let durable = Durable::new(Durability::Relaxed, base);
        let (began, first_began) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let (waits, syncs) = (Mutex::new(Some(wait)), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&syncs);
        durable.trouble.begin(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            // The first sync lasts until it is told to fail.
            let Some(wait) = waits.lock().unwrap().take() else { return Ok(()) };
            began.send(()).unwrap();
            wait.recv().unwrap();
            Err(broken())
        });
        thread::scope(|scope| {
            let maker = scope.spawn(|| durable.create_dirs(base, Path::new("2026")));
            first_began.recv().unwrap();
            assert!(wanted.is_dir(), "everybody can find it");
            let (ended, finder_ended) = mpsc::channel();
            let durable = &durable;
            let finder = scope.spawn(move || {
                let made = durable.create_dirs(base, Path::new("2026"));
                ended.send(()).unwrap();
                made
            });
            // Nothing shall come, however long one waits.
            let has_ended = finder_ended.recv_timeout(Duration::from_millis(100)).is_ok();
            go.send(()).unwrap();
            assert!(maker.join().unwrap().is_err());
            // It was not, so the other one has made it again.
            finder.join().unwrap().unwrap();
            assert!(!has_ended && wanted.is_dir());
        });
        assert_eq!(syncs.load(Ordering::SeqCst), 2, "and has synced it");
    }

    #[test]
    fn a_record_that_finds_the_disk_full_takes_the_room_that_is_kept_back() {
        let dir = tempfile::tempdir().unwrap();
        let (spare, record) = (dir.path().join(".spare"), dir.path().join("a.json"));
        let durable = Durable::new(Durability::Relaxed, dir.path());
        durable.trouble.fill_disk(1);
        let refused = durable.replace(&record, b"one").unwrap_err();
        assert!(is_full(&refused), "{refused}");

        durable.spare().keep(&spare);
        let held = || spare.metadata().unwrap().blocks() * 512;
        let all = held();
        durable.trouble.fill_disk(1);
        durable.replace(&record, b"one").unwrap();
        assert_eq!((fs::read(&record).unwrap(), held()), (b"one".to_vec(), all));
        // It was not enough: the record is the old one, nothing lies beside it, and the room is kept back again.
        durable.trouble.fill_disk(2);
        assert!(is_full(&durable.replace(&record, b"two").unwrap_err()));
        assert_eq!((fs::read(&record).unwrap(), held()), (b"one".to_vec(), all));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_record_leaves_its_old_room_to_what_is_kept_back() {
        let dir = tempfile::tempdir().unwrap();
        let record = dir.path().join("a.json");
        let durable = Durable::new(Durability::Relaxed, dir.path());
        durable.spare().keep(&dir.path().join(".spare"));
        durable.replace(&record, b"one").unwrap();
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
        let flags = inotify::WatchFlags::MODIFY | inotify::WatchFlags::MOVED_TO | inotify::WatchFlags::DELETE;
        inotify::add_watch(&watch, dir.path(), flags).unwrap();
        durable.trouble.fill_disk(1);
        durable.replace(&record, b"two").unwrap();

        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watch, &mut buffer);
        let mut seen = Vec::new();
        while let Ok(event) = events.next() {
            seen.push(event.file_name().unwrap().to_str().unwrap().to_owned());
        }
        // Given away, written, in its place, and only then taken back.
        assert_eq!(seen, [".spare", "a.json.new", "a.json", ".spare"]);
    }
}
