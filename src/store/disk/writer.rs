//! Positioned, vectored writes in large batches.

use std::fs::File;
use std::io::{self, IoSlice};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::io::{Errno, pwritev};

use super::durable::Durable;
use super::space::Space;
use super::{blocking, fault, pool};
use crate::store::{StoreError, Writer, Written};
use crate::upload::{Hasher, UploadId};

/// As many pieces as one `pwritev` takes (IOV_MAX).
const PIECES: usize = 1024;

/// Copying a whole batch takes a tenth of this.
const SLOW: Duration = Duration::from_millis(5);

/// How much is read back at a time to be hashed.
const READ_BACK: usize = 256 * 1024;

/// Adds bytes to one data file.
pub struct DiskWriter {
    file: Arc<File>,
    durable: Arc<Durable>,
    promise: Arc<Promise>,
    position: u64,
    /// The last write had to wait.
    slow: Arc<AtomicBool>,
}

/// The room that the upload was promised, which its bytes use up.
pub(super) struct Promise {
    pub(super) space: Arc<Space>,
    pub(super) id: UploadId,
    /// Where the upload ends, if bytes come in order and it is known.
    pub(super) length: Option<u64>,
}

impl Promise {
    fn reached(&self, offset: u64) {
        if let Some(length) = self.length {
            self.space.note_written(self.id, length.saturating_sub(offset));
        }
    }
}

impl DiskWriter {
    pub(super) fn new(file: File, durable: Arc<Durable>, promise: Promise, position: u64) -> Self {
        let (file, promise) = (Arc::new(file), Arc::new(promise));
        Self { file, durable, promise, position, slow: Arc::default() }
    }

    /// What it writes to.
    pub(super) fn file(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }
}

impl Writer for DiskWriter {
    fn write(&mut self, batch: Vec<Bytes>) -> impl Future<Output = Written> + Send + 'static {
        let (file, position) = (Arc::clone(&self.file), self.position);
        let len = batch.iter().map(|piece| piece.len() as u64).sum::<u64>();
        self.position += len;
        let (slow, promise) = (Arc::clone(&self.slow), Arc::clone(&self.promise));
        let work = pool::run(move || {
            if !promise.space.has_room(len) {
                return Written { bytes: 0, fault: Some(StoreError::NoSpace) };
            }
            let began = Instant::now();
            let write = || write_all_at(&file, batch, position);
            // A write ends in memory, until the disk falls behind and writers are made to wait: then it is one that
            // waits, and must not keep others from their turn.
            let written = if slow.load(Ordering::Relaxed) { pool::while_waiting(write) } else { write() };
            slow.store(began.elapsed() > SLOW, Ordering::Relaxed);
            promise.reached(position + written.bytes);
            written
        });
        async move {
            let cut_off = || fault("write", io::Error::other("a disk thread panicked"));
            work.await.unwrap_or_else(|| Written { bytes: 0, fault: Some(cut_off()) })
        }
    }

    async fn rewind(&mut self, offset: u64) -> Result<(), StoreError> {
        self.position = offset;
        self.promise.reached(offset);
        let (file, durable) = (Arc::clone(&self.file), Arc::clone(&self.durable));
        blocking(move || durable.set_len(&file, offset).map_err(|error| fault("discard", error))).await
    }

    async fn digest(&self, range: Range<u64>, mut hasher: Hasher) -> Result<Hasher, StoreError> {
        let file = Arc::clone(&self.file);
        blocking(move || {
            let mut buffer = vec![0; READ_BACK];
            let mut at = range.start;
            while at < range.end {
                let want = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(READ_BACK);
                let piece = buffer.get_mut(..want).unwrap_or_default();
                file.read_exact_at(piece, at).map_err(|error| fault("read back", error))?;
                hasher.update(piece);
                at += want as u64;
            }
            Ok(hasher)
        })
        .await
    }
}

/// Writes all pieces from `position` on, whatever the system takes at a time.
pub(super) fn write_all_at(file: &File, batch: Vec<Bytes>, position: u64) -> Written {
    let mut slices: Vec<IoSlice<'_>> =
        batch.iter().filter(|piece| !piece.is_empty()).map(|piece| IoSlice::new(piece)).collect();
    let mut rest = slices.as_mut_slice();
    let mut bytes = 0_u64;
    while !rest.is_empty() {
        let some = rest.get(..rest.len().min(PIECES)).unwrap_or_default();
        match pwritev(file, some, position + bytes) {
            Ok(0) => return Written { bytes, fault: Some(fault("write", io::ErrorKind::WriteZero.into())) },
            Ok(taken) => {
                bytes += taken as u64;
                IoSlice::advance_slices(&mut rest, taken);
            }
            Err(Errno::INTR) => {}
            Err(error) => return Written { bytes, fault: Some(fault("write", error.into())) },
        }
    }
    Written { bytes, fault: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_pieces_than_one_call_takes_are_all_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        let file = File::create_new(&path).unwrap();
        let batch: Vec<Bytes> =
            (0..3000_u32).map(|n| Bytes::from(n.to_string().repeat(n as usize % 7))).collect();
        let all = batch.concat();
        let written = write_all_at(&file, batch, 3);
        assert!(written.fault.is_none());
        assert_eq!(written.bytes, all.len() as u64);
        assert_eq!(std::fs::read(path).unwrap(), [b"\0\0\0", &all[..]].concat());
    }

    #[test]
    fn a_write_that_fails_says_how_far_it_came() {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let written = write_all_at(&full, vec![Bytes::from_static(b"x")], 0);
        assert_eq!(written.bytes, 0);
        assert!(matches!(written.fault, Some(StoreError::NoSpace)));
    }
}
