//! What the tests of this store share: a disk in a directory of its own, whose syncs do what a test wants.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tempfile::TempDir;

use super::{Disk, DiskOptions};
use crate::store::durability::Durability;
use crate::upload::{Kind, Length, Metadata, State, Upload, UploadId};

/// What happens when a directory is about to be synced.
type OnSync = Arc<dyn Fn(&Path) -> io::Result<()> + Send + Sync>;

/// The hand on the syncs of directories (they are asked for with `relaxed`, too, which then makes none) and on the room for
/// records.
#[derive(Default)]
pub(super) struct Trouble {
    on_sync: Mutex<Option<OnSync>>,
    /// So many records still meet a full disk.
    full: Mutex<u32>,
}

impl Trouble {
    /// From now on this happens first.
    pub(super) fn begin(&self, on_sync: impl Fn(&Path) -> io::Result<()> + Send + Sync + 'static) {
        *self.on_sync.lock().unwrap() = Some(Arc::new(on_sync));
    }

    /// The disk fails at every directory whose path has this in it.
    pub(super) fn fail_at(&self, part: &'static str) {
        self.begin(move |dir| if dir.to_string_lossy().contains(part) { Err(broken()) } else { Ok(()) });
    }

    pub(super) fn end(&self) {
        *self.on_sync.lock().unwrap() = None;
    }

    pub(super) fn meet(&self, dir: &Path) -> io::Result<()> {
        let on_sync = self.on_sync.lock().unwrap().clone();
        on_sync.map_or(Ok(()), |on_sync| on_sync(dir))
    }

    /// The next so many records that are written have no room.
    pub(super) fn fill_disk(&self, records: u32) {
        *self.full.lock().unwrap() = records;
    }

    pub(super) fn meet_full_disk(&self) -> io::Result<()> {
        let mut full = self.full.lock().unwrap();
        if *full == 0 {
            return Ok(());
        }
        *full -= 1;
        Err(io::ErrorKind::StorageFull.into())
    }
}

/// What a disk says that has failed.
pub(super) fn broken() -> io::Error {
    io::Error::from_raw_os_error(5)
}

pub(super) fn disk() -> (TempDir, Disk) {
    let dir = tempfile::tempdir().unwrap();
    let layout = "{filename}".parse().unwrap();
    let options = DiskOptions { layout, durability: Durability::Relaxed, reserve: 0 };
    let disk = Disk::open(dir.path(), options).unwrap();
    (dir, disk)
}

/// An upload of which nothing is there yet.
pub(super) fn upload(length: u64) -> Upload {
    Upload {
        id: UploadId::random().unwrap(),
        kind: Kind::Whole,
        state: State::Receiving,
        offset: 0,
        length: Length::Known(length),
        metadata: Metadata::from_pairs([("filename", "a.bin")]),
        key: None,
        owner: None,
        created: Timestamp::now(),
        modified: Timestamp::now(),
        expires: None,
    }
}
