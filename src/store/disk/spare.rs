//! Room for small records on a disk that uploads, or somebody else, have filled: a free-space figure knows nothing of
//! quotas, and is old as soon as it is read.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::durable::{is_full, take_room};

/// How much is kept back, in bytes.
pub(super) const SPARE: u64 = 1 << 20;

/// As little as a file system may give.
const STEP: u64 = 64 << 10;

/// A file that takes up to [`SPARE`] bytes of room, until a record needs them.
#[derive(Default)]
pub(super) struct Spare {
    path: OnceLock<PathBuf>,
    /// `None`: there was no room for the file at all.
    file: Mutex<Option<File>>,
    /// It has less than it should.
    short: AtomicBool,
}

impl Spare {
    /// Lays it in, or takes over what an earlier process has laid in: on a full disk that is all there is.
    pub(super) fn keep(&self, path: &Path) {
        let path = self.path.get_or_init(|| path.to_owned());
        match self.fill(path, &mut self.lock()) {
            Ok(()) if self.is_short() => {
                tracing::warn!("the disk is full: too little room is kept back for the records of uploads");
            }
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "no room can be kept back for the records of uploads"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It has less than it should, because there was no more.
    pub(super) fn is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    /// Fills it up again, now that there seems to be room.
    pub(super) fn mend(&self) {
        // Whoever has it at the moment fills it up himself.
        if let (Some(path), Ok(mut file)) = (self.path.get(), self.file.try_lock()) {
            let _ = self.fill(path, &mut file);
        }
    }

    /// Gives the room away for some work, and takes it back as far as it can be had. `None`: there is none to give.
    pub(super) fn lend<T>(
        &self,
        release: impl FnOnce(&Path, File) -> io::Result<()>,
        work: impl FnOnce() -> io::Result<T>,
    ) -> Option<io::Result<T>> {
        let path = self.path.get()?;
        let mut spare = self.lock();
        let released = release(path, spare.take()?);
        let result = released.and_then(|()| work());
        // A record was written or it was not; how much is left for the next one changes nothing about that.
        let _ = self.fill(path, &mut spare);
        Some(result)
    }

    /// As after a time when the disk had no room for it.
    #[cfg(test)]
    pub(super) fn run_short(&self) {
        self.short.store(true, Ordering::Relaxed);
    }

    /// As full as there is room.
    fn fill(&self, path: &Path, spare: &mut Option<File>) -> io::Result<()> {
        let filled = fill(path, spare);
        let short = match &filled {
            Ok(held) => *held < SPARE,
            Err(error) => is_full(error),
        };
        self.short.store(short, Ordering::Relaxed);
        filled.map(drop)
    }
}

/// Answers how much it has.
fn fill(path: &Path, spare: &mut Option<File>) -> io::Result<u64> {
    let file = match spare {
        Some(file) => file,
        none => none.insert(OpenOptions::new().write(true).create(true).truncate(false).open(path)?),
    };
    let mut wanted = SPARE;
    while wanted > 0 {
        match take_room(file, wanted) {
            Ok(()) => break,
            Err(error) if is_full(&error) => wanted -= STEP,
            Err(error) => return Err(error),
        }
    }
    // What could not be had whole may be there in part.
    Ok(file.metadata()?.blocks().saturating_mul(512))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(path: &Path) -> u64 {
        path.metadata().unwrap().blocks() * 512
    }

    #[test]
    fn what_was_lent_is_taken_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spare");
        let spare = Spare::default();
        assert!(spare.lend(|_, _| Ok(()), || Ok(())).is_none(), "there is none yet");
        spare.keep(&path);
        assert!(!spare.is_short());
        let lent = spare.lend(|path, _| std::fs::remove_file(path), || Ok(path.exists()));
        assert_eq!((lent.unwrap().unwrap(), held(&path)), (false, SPARE));
    }

    #[test]
    fn a_spare_of_an_earlier_process_is_taken_over_and_filled_up() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("spare");
        std::fs::write(&path, [1; 8192]).unwrap();
        Spare::default().keep(&path);
        assert_eq!(held(&path), SPARE);
    }
}
