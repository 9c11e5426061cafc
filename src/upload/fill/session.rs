//! The chunks of one upload that are under way: received side by side, recorded together.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::Chunk;
use crate::store::{Store, StoreError};
use crate::upload::chunks::Contradiction;
use crate::upload::lease::{Lease, Leases};
use crate::upload::progress::Progress;
use crate::upload::receive::{End, Place, Reception};
use crate::upload::{
    Body, Checksum, ChecksumPlan, Interruption, Pieces, State, Upload, UploadError, Uploads,
};

/// How long a request that was overtaken waits for what the newer one brings.
const WAIT_FOR_NEWER: Duration = Duration::from_secs(60);

/// The chunks of one upload that are under way.
pub(super) struct Session<S: Store> {
    engine: Uploads<S>,
    /// Held as long as one of the chunks is under way.
    pub(super) lease: Lease,
    /// As it was last recorded.
    upload: Mutex<Upload>,
    /// One for each chunk.
    pub(super) writers: Leases<u64>,
    commits: Mutex<Commits>,
}

/// Chunks that were written, each with who waits for its record.
type Batch = Vec<(u64, oneshot::Sender<Result<(), UploadError>>)>;

#[derive(Default)]
struct Commits {
    /// Written, and to be recorded.
    waiting: Batch,
    /// What the whole sums to, as the first chunk said that said it. The record has it from then on.
    digest: Option<Checksum>,
    /// Somebody is recording.
    running: bool,
}

impl<S: Store> Session<S> {
    pub(super) fn new(engine: Uploads<S>, lease: Lease, upload: Upload) -> Self {
        Self {
            engine,
            lease,
            upload: Mutex::new(upload),
            writers: Leases::default(),
            commits: Mutex::default(),
        }
    }

    pub(super) fn snapshot(&self) -> Upload {
        self.upload.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Receives a chunk's bytes to their place.
    pub(super) async fn receive<B: Pieces>(
        &self,
        at: Upload,
        end: u64,
        chunk: Chunk<B>,
        lease: &Lease<u64>,
    ) -> Result<(), UploadError> {
        let start = at.offset;
        let writer = self.engine.inner.store.writer(&at).await?;
        let (progress, asks) = Progress::new(start);
        let body = Body { checksum: ChecksumPlan::None, ..chunk.body };
        let mut reception = Reception::new(&self.engine.inner, writer, at, body, Place::Chunk, end);
        let revoked = async {
            tokio::select! {
                cause = self.lease.revoked() => cause,
                cause = lease.revoked() => cause,
            }
        };
        let in_flight = self.engine.inner.metrics.append();
        let ended = reception.run(revoked, &progress, asks).await;
        drop(in_flight);
        let flushed = reception.flush().await;
        let (_, _, written) = reception.into_parts();
        let wrong_size =
            |given| Contradiction::BodySize { number: chunk.number, expected: end - start, given };
        match ended {
            End::Finished if written == end => Ok(flushed?),
            End::Finished => {
                flushed?;
                Err(wrong_size(written - start).into())
            }
            End::Overlong | End::Enough => Err(wrong_size(end - start + 1).into()),
            End::Cut(cause) => {
                self.engine.inner.metrics.interrupted(cause);
                Err(UploadError::Unverified(cause))
            }
            End::Fault(fault) => Err(fault.into()),
        }
    }

    /// Waits until a newer request has brought the chunk, or has failed to.
    pub(super) async fn wait_for(&self, number: u64) -> Result<(), UploadError> {
        let deadline = Instant::now() + WAIT_FOR_NEWER;
        loop {
            let holder = self.writers.holder(number);
            let changed = holder.as_ref().map(|holder| holder.changed());
            if holder.is_some_and(|holder| !self.writers.is_held_by(number, &holder)) {
                // It let go before we listened.
                continue;
            }
            let is_there = match self.snapshot().state {
                State::Filling(chunks) => chunks.contains(number),
                _ => true,
            };
            if is_there {
                return Ok(());
            }
            let failed = || UploadError::Unverified(Interruption::TakenOver);
            timeout_at(deadline, changed.ok_or_else(failed)?).await.map_err(|_| failed())?;
        }
    }

    /// Has a written chunk recorded. Whoever comes while others are being recorded is recorded with the next ones.
    pub(super) async fn commit(&self, number: u64, digest: Option<Checksum>) -> Result<(), UploadError> {
        let (sender, recorded) = oneshot::channel();
        let is_first = {
            let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            commits.waiting.push((number, sender));
            commits.digest = commits.digest.take().or(digest);
            !std::mem::replace(&mut commits.running, true)
        };
        if is_first {
            while let Some(batch) = self.next_batch() {
                self.record(batch).await;
            }
        }
        recorded.await.unwrap_or(Err(UploadError::Busy))
    }

    fn next_batch(&self) -> Option<Batch> {
        let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let batch = std::mem::take(&mut commits.waiting);
        commits.running = !batch.is_empty();
        commits.running.then_some(batch)
    }

    async fn record(&self, batch: Batch) {
        let numbers: Vec<u64> = batch.iter().map(|(number, _)| *number).collect();
        let mut error = self.record_chunks(&numbers).await.err();
        let kind = error.as_ref().map(same_kind);
        for (_, waiting) in batch {
            // One of them gets the error itself, the others its kind.
            let told = match error.take().or_else(|| kind.as_ref().map(same_kind)) {
                Some(error) => Err(error),
                None => Ok(()),
            };
            // Who does not wait any more will ask again.
            let _ = waiting.send(told);
        }
    }

    async fn record_chunks(&self, numbers: &[u64]) -> Result<(), UploadError> {
        let store = &self.engine.inner.store;
        let mut upload = self.snapshot();
        let State::Filling(chunks) = &mut upload.state else { return Ok(()) };
        numbers.iter().for_each(|number| chunks.insert(*number));
        chunks.note_digest(self.commits.lock().unwrap_or_else(PoisonError::into_inner).digest.clone());
        let complete = chunks.are_complete();
        upload.offset = chunks.offset();
        self.engine.lifetime(upload.key).renew(&mut upload);
        let written = store.writer(&upload).await?;
        if complete {
            // Before it is gone: chunks that are under way would look for it in vain.
            self.engine.check_digest(&upload, || self.lease.give_up()).await?;
            // An upload with all its bytes is like any other. If its publication fails, this chunk was not recorded.
            upload.state = State::Receiving;
            upload = store.publish(upload, Some(&written)).await?;
            self.engine.note_completion(&upload);
        } else {
            store.save(&upload, Some(&written)).await?;
        }
        *self.upload.lock().unwrap_or_else(PoisonError::into_inner) = upload;
        Ok(())
    }
}

/// An error for each of those who waited for the same thing.
fn same_kind(error: &UploadError) -> UploadError {
    let again = |cause: &io::Error| match cause.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => cause.kind().into(),
    };
    match error {
        UploadError::NoSpace => UploadError::NoSpace,
        UploadError::ChecksumMismatch { algorithm } => {
            UploadError::ChecksumMismatch { algorithm: *algorithm }
        }
        UploadError::Storage(StoreError::Io(doing, cause)) => StoreError::Io(doing, again(cause)).into(),
        UploadError::Storage(StoreError::Unsynced(cause)) => StoreError::Unsynced(again(cause)).into(),
        _ => UploadError::Busy,
    }
}
