//! The stores that are tried, each with what it takes to take the process or the power from under it.

use std::fs;
use std::path::Path;
use std::time::Duration;

use jiff::SignedDuration;
use resumed::store::Store;
use resumed::store::disk::layout::Layout;
use resumed::store::disk::{Disk, DiskOptions};
use resumed::store::durability::Durability;

use crate::memory::Memory;

/// A store and the world around it.
pub(crate) trait Bench {
    /// The store.
    type Store: Store;

    /// It works on threads of its own.
    const THREADS: bool;

    /// A world in which nothing was stored yet.
    fn new() -> Self;

    /// The store, as a new process finds it. The one before was dropped.
    fn open(&self) -> Self::Store;

    /// Takes away what is not durable, if that can be done to this store at all.
    fn cut_power(&self) {}

    /// Lets time pass for what is stored, if that can be done.
    ///
    /// Answers whether it was.
    fn age(&self, _time: SignedDuration) -> bool {
        false
    }

    /// Every finished file: name and bytes.
    fn files(&self) -> Vec<(String, Vec<u8>)>;
}

/// [`Memory`], with power cuts.
pub(crate) struct InMemory(Memory);

impl Bench for InMemory {
    type Store = Memory;

    const THREADS: bool = false;

    fn new() -> Self {
        Self(Memory::default())
    }

    fn open(&self) -> Memory {
        self.0.clone()
    }

    fn cut_power(&self) {
        self.0.cut_power();
    }

    fn age(&self, time: SignedDuration) -> bool {
        self.0.age(time);
        true
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        self.0.files()
    }
}

/// [`Disk`], in a directory of its own. (The tests in `tests/crash` cut the power of real file systems.)
pub(crate) struct OnDisk(tempfile::TempDir);

impl Bench for OnDisk {
    type Store = Disk;

    const THREADS: bool = true;

    fn new() -> Self {
        // In memory where there is such a place: the syncs are what takes the time, and here they prove nothing.
        let in_memory = Path::new("/dev/shm");
        let dir = tempfile::Builder::new().prefix("resumed-engine-").tempdir_in(in_memory);
        Self(dir.or_else(|_| tempfile::tempdir()).unwrap())
    }

    fn open(&self) -> Disk {
        let layout = Layout::parse("{filename}").unwrap();
        // What the process before had begun ends first, as it does when a process is killed in the middle of a call.
        for _ in 0..2000 {
            let options = DiskOptions { layout: layout.clone(), durability: Durability::Relaxed, reserve: 0 };
            match Disk::open(self.0.path(), options) {
                Ok(disk) => return disk,
                Err(error) if error.kind() == std::io::ErrorKind::ResourceBusy => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(error) => panic!("{error}"),
            }
        }
        panic!("the store before holds the directory for ever");
    }

    fn files(&self) -> Vec<(String, Vec<u8>)> {
        let entries = fs::read_dir(self.0.path().join("files")).unwrap();
        let read = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            // It may be deleted between the two looks.
            Some((name, fs::read(entry.path()).ok()?))
        };
        entries.map(Result::unwrap).filter_map(read).collect()
    }
}
