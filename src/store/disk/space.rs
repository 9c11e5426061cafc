//! Room on the disk: what is free, what is promised to uploads under way, and what is kept back.
//!
//! Room is promised when an upload is created, so that nobody is refused at 99 %. What is promised is a number in
//! memory, as large as what all uploads together have still to bring; after a start it grows as they are found again.

use std::collections::HashMap;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::fstatvfs;

use crate::store::StoreError;
use crate::upload::{Length, State, Upload, UploadId};

/// Bytes of uploads stop here, also when somebody else took the room that was promised: sidecars need some.
const FOR_SIDECARS: u64 = 4 << 20;

pub(super) struct Space {
    /// Anything on the file system.
    dir: File,
    /// How much uploads leave free.
    reserve: AtomicU64,
    /// A copy takes no room (btrfs, XFS).
    shares_blocks: bool,
    promises: Mutex<Promises>,
}

#[derive(Default)]
struct Promises {
    /// What each upload has still to bring, where that is known and not nothing.
    to_come: HashMap<UploadId, u64>,
    sum: u64,
}

impl Promises {
    fn set(&mut self, id: UploadId, bytes: u64) {
        let before = match bytes {
            0 => self.to_come.remove(&id),
            bytes => self.to_come.insert(id, bytes),
        };
        self.sum = self.sum - before.unwrap_or(0) + bytes;
    }
}

impl Space {
    pub(super) fn new(dir: File, reserve: u64, shares_blocks: bool) -> Self {
        Self { dir, reserve: AtomicU64::new(reserve), shares_blocks, promises: Mutex::default() }
    }

    /// Leaves this much free from now on.
    pub(super) fn set_reserve(&self, bytes: u64) {
        self.reserve.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that uploads leave free.
    pub(super) fn reserve(&self) -> u64 {
        self.reserve.load(Ordering::Relaxed)
    }

    fn promises(&self) -> MutexGuard<'_, Promises> {
        self.promises.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes that this process may still take. A file system that does not tell has room until a write fails.
    pub(super) fn free(&self) -> u64 {
        fstatvfs(&self.dir).map_or(u64::MAX, |fs| fs.f_bavail.saturating_mul(fs.f_frsize))
    }

    /// Bytes that uploads under way have still to bring.
    pub(super) fn promised(&self) -> u64 {
        self.promises().sum
    }

    /// Promises room for a new upload.
    ///
    /// # Errors
    /// There is too little, less what is kept back and what is promised to others.
    pub(super) fn promise(&self, upload: &Upload) -> Result<(), StoreError> {
        let needed = self.to_come(upload);
        let mut promises = self.promises();
        if !self.has_beyond(&promises, needed) {
            return Err(StoreError::NoSpace);
        }
        promises.set(upload.id, needed);
        Ok(())
    }

    /// So many bytes are neither kept back nor promised.
    pub(super) fn is_beyond_promises(&self, bytes: u64) -> bool {
        self.has_beyond(&self.promises(), bytes)
    }

    fn has_beyond(&self, promises: &Promises, bytes: u64) -> bool {
        self.free() >= self.reserve().saturating_add(promises.sum).saturating_add(bytes)
    }

    /// Promises room for the rest of an upload that did not say before how long it is. Its bytes have theirs already, so
    /// one of which nothing more is to come is never refused.
    ///
    /// # Errors
    /// As for [`promise`](Self::promise).
    pub(super) fn promise_rest(&self, upload: &Upload) -> Result<(), StoreError> {
        if self.to_come(upload) == 0 { Ok(()) } else { self.promise(upload) }
    }

    /// Notes what an upload has still to bring, now that it is like this.
    pub(super) fn note(&self, upload: &Upload) {
        let bytes = self.to_come(upload);
        self.promises().set(upload.id, bytes);
    }

    /// The same while its bytes are coming.
    pub(super) fn note_written(&self, id: UploadId, bytes_to_come: u64) {
        self.promises().set(id, bytes_to_come);
    }

    /// Notes an upload that an earlier process has left, unless it is in use already.
    pub(super) fn note_found(&self, upload: &Upload) {
        let bytes = self.to_come(upload);
        let mut promises = self.promises();
        if !promises.to_come.contains_key(&upload.id) {
            promises.set(upload.id, bytes);
        }
    }

    /// An upload is gone.
    pub(super) fn forget(&self, id: UploadId) {
        self.promises().set(id, 0);
    }

    /// These bytes may be written. `false`: somebody else has filled the disk, or uploads that did not say how long they
    /// are.
    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.free() >= FOR_SIDECARS.min(self.reserve()).saturating_add(bytes)
    }

    fn to_come(&self, upload: &Upload) -> u64 {
        match (&upload.state, upload.length) {
            (State::Complete { .. }, _) | (_, Length::Deferred) => 0,
            (State::Assembling, Length::Known(_)) if self.shares_blocks => 0,
            (State::Filling(chunks), _) => chunks.total().saturating_sub(chunks.present_bytes()),
            (_, Length::Known(length)) => length.saturating_sub(upload.offset),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::upload::{Chunks, Kind, Metadata};

    fn upload(length: Length) -> Upload {
        Upload {
            id: UploadId::random().unwrap(),
            kind: Kind::Whole,
            state: State::Receiving,
            offset: 0,
            length,
            metadata: Metadata::default(),
            key: None,
            owner: None,
            created: Timestamp::now(),
            modified: Timestamp::now(),
            expires: None,
        }
    }

    /// A disk that has this much beyond its reserve.
    fn space(beyond: u64) -> (tempfile::TempDir, Space) {
        let dir = tempfile::tempdir().unwrap();
        let space = Space::new(File::open(dir.path()).unwrap(), 0, false);
        space.set_reserve(space.free() - beyond);
        (dir, space)
    }

    const GIB: u64 = 1 << 30;

    #[test]
    fn room_is_promised_once() {
        // Other programs use the disk too, so only large amounts are compared.
        let (_dir, space) = space(3 * GIB);
        let (first, second) = (upload(Length::Known(2 * GIB)), upload(Length::Known(2 * GIB)));
        space.promise(&first).unwrap();
        assert!(matches!(space.promise(&second), Err(StoreError::NoSpace)));
        space.note_written(first.id, GIB / 2);
        space.promise(&second).unwrap();
        space.forget(first.id);
        space.note(&Upload { offset: 2 * GIB, ..second });
        assert_eq!(space.promises().sum, 0);
        assert!(space.promises().to_come.is_empty());
    }

    #[test]
    fn who_does_not_say_how_much_gets_what_is_there() {
        let (_dir, space) = space(GIB);
        space.promise(&upload(Length::Deferred)).unwrap();
        assert_eq!(space.promises().sum, 0);
    }

    #[test]
    fn who_says_it_later_is_promised_the_rest() {
        let (_dir, space) = space(2 * GIB);
        let late = Upload { offset: GIB, ..upload(Length::Known(4 * GIB)) };
        assert!(matches!(space.promise_rest(&late), Err(StoreError::NoSpace)));
        assert_eq!(space.promises().sum, 0);
        space.promise_rest(&Upload { length: Length::Known(2 * GIB), ..late.clone() }).unwrap();
        assert_eq!(space.promises().sum, GIB);
        space.set_reserve(u64::MAX);
        space.promise_rest(&Upload { length: Length::Known(GIB), ..late }).unwrap();
    }

    #[test]
    fn nobody_gets_into_the_reserve() {
        let (_dir, space) = space(GIB);
        space.set_reserve(u64::MAX);
        assert!(matches!(space.promise(&upload(Length::Known(0))), Err(StoreError::NoSpace)));
        // But who was promised room may, down to what sidecars need.
        assert!(space.has_room(GIB));
    }

    #[test]
    fn chunks_that_are_there_need_no_room() {
        let (_dir, space) = space(3 * GIB);
        let mut chunks = Chunks::new(4 * GIB, GIB, 4).unwrap();
        chunks.insert(2);
        chunks.insert(4);
        let filled = Upload { state: State::Filling(chunks), ..upload(Length::Known(4 * GIB)) };
        space.note_found(&filled);
        assert_eq!(space.promises().sum, 2 * GIB);
        space.note_found(&upload(Length::Known(GIB / 2)));
        assert!(matches!(space.promise(&upload(Length::Known(GIB))), Err(StoreError::NoSpace)));
    }

    #[test]
    fn a_copy_that_shares_blocks_needs_no_room() {
        let (_dir, mut space) = space(GIB);
        let assembling = Upload { state: State::Assembling, ..upload(Length::Known(2 * GIB)) };
        assert!(matches!(space.promise(&assembling), Err(StoreError::NoSpace)));
        space.shares_blocks = true;
        space.promise(&assembling).unwrap();
    }
}
