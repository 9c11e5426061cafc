//! Adding bytes at the end of an upload: what is checked before the first byte is asked for, and what is settled after
//! the last one came.

use std::sync::Arc;

use jiff::Timestamp;

use super::lease::Lease;
use super::progress::Progress;
use super::quota::Appending;
use super::receive::{End, Floor, Place, Reception};
use super::{
    Body, ChecksumPlan, Interruption, Kind, Length, Operation, Pieces, State, Upload, UploadError, UploadId,
    Uploads,
};
use crate::store::{Store, StoreError, Writer as _};

/// A request that adds bytes.
#[derive(Debug)]
pub struct Append<B> {
    /// The upload.
    pub id: UploadId,
    /// Where the client thinks it ends.
    pub offset: u64,
    /// The length, when the client tells it now.
    pub length: Option<u64>,
    /// The bytes.
    pub body: Body<B>,
}

impl<S: Store> Uploads<S> {
    /// Adds bytes to an upload, and completes it when it has all of them.
    ///
    /// # Errors
    /// What [`UploadError`] lists for the client's, the moment's and the machine's guilt. Whatever it is, the upload
    /// stays consistent and can be continued at the offset that [`inspect`](Self::inspect) tells.
    pub async fn append<B: Pieces>(&self, request: Append<B>) -> Result<Upload, UploadError> {
        self.may(Operation::Append)?;
        // Before anything is disturbed.
        let upload = self.inner.store.peek(request.id).await?;
        self.check_owner(&upload)?;
        check_kind(&upload)?;
        let is_held = self.inner.leases.holder(request.id).is_some();
        if upload.is_filling() && is_held {
            // Chunks that are under way are not broken for a request that is sure to be refused.
            self.check_offset(&upload, request.offset)?;
            self.check_end(&upload, request.body.len)?;
        }
        // Last, because it may have to wait for its turn: what is refused anyway need not.
        let counted = self.count_append(is_held).await?;
        self.append_counted(request, counted).await
    }

    /// The same for an upload that was looked at, and a request that was counted.
    pub(super) async fn append_counted<B: Pieces>(
        &self,
        request: Append<B>,
        counted: Option<Appending>,
    ) -> Result<Upload, UploadError> {
        self.refuse_overtaken(request.id, request.offset)?;
        let lease = self.take_over(request.id).await?;
        let engine = self.clone();
        self.detached(async move {
            let appended = engine.append_held(lease, request).await;
            drop(counted);
            appended
        })
        .await
    }

    /// A healthy append is not broken for a request that is sure to be refused.
    fn refuse_overtaken(&self, id: UploadId, given: u64) -> Result<(), UploadError> {
        let Some(holder) = self.inner.leases.holder(id) else { return Ok(()) };
        match holder.progress() {
            Some(progress) if !progress.is_stalled() && progress.received() != given => {
                Err(UploadError::Overtaken { given })
            }
            _ => Ok(()),
        }
    }

    async fn append_held<B: Pieces>(&self, lease: Lease, request: Append<B>) -> Result<Upload, UploadError> {
        let Append { offset, length, body, .. } = request;
        let mut upload = self.open(&lease).await?;
        check_kind(&upload)?;
        self.check_offset(&upload, offset)?;
        let declared = self.declare_length(&mut upload, length)?;
        self.check_end(&upload, body.len)?;
        if upload.is_complete() {
            // Nothing is changed, and a body that stalls must keep nobody from asking how the upload is.
            drop(lease);
            return self.nothing_more(upload, body).await;
        }
        if declared {
            // Once told it never changes, so it is on the disk before the first byte is; and what it asks for is promised,
            // as at a creation.
            self.inner.store.declare_length(&upload).await?;
        }
        let writer = self.inner.store.writer(&upload).await?;
        let (progress, asks) = Progress::new(upload.offset);
        let progress = Arc::new(progress);
        lease.show(Arc::clone(&progress));
        let limit = upload.length.known().or(self.max_size()).unwrap_or(u64::MAX);
        let mut reception = Reception::new(&self.inner, writer, upload, body, Place::Offset, limit);
        let in_flight = self.inner.metrics.append();
        let end = reception.run(lease.revoked(), &progress, asks).await;
        drop(in_flight);
        // In a box: an append waits for bytes nearly all of its time, and thousands of them may.
        Box::pin(self.settle(reception, end)).await
    }

    fn check_offset(&self, upload: &Upload, given: u64) -> Result<(), UploadError> {
        match upload.offset {
            current if current != given => Err(UploadError::OffsetMismatch { current, given }),
            _ => Ok(()),
        }
    }

    /// Takes the length that the client tells now. `true`: it is new.
    fn declare_length(&self, upload: &mut Upload, length: Option<u64>) -> Result<bool, UploadError> {
        let Some(given) = length else { return Ok(false) };
        match upload.length {
            Length::Known(known) if known == given => return Ok(false),
            Length::Known(known) => return Err(UploadError::LengthChanged { known, given }),
            Length::Deferred if given < upload.offset => {
                return Err(UploadError::LengthBelowOffset { offset: upload.offset, given });
            }
            Length::Deferred => {}
        }
        self.check_size(given)?;
        upload.length = Length::Known(given);
        Ok(true)
    }

    /// Refuses a body that says it would go too far, before a byte of it is read.
    fn check_end(&self, upload: &Upload, len: Option<u64>) -> Result<(), UploadError> {
        let end = upload.offset.saturating_add(len.unwrap_or(0));
        match upload.length {
            Length::Known(length) if end > length => Err(UploadError::BeyondLength { length }),
            _ => self.check_size(end),
        }
    }

    /// An append at the end of a complete upload may only be empty: a client that did not hear the last answer.
    async fn nothing_more<B: Pieces>(&self, upload: Upload, body: Body<B>) -> Result<Upload, UploadError> {
        let length = upload.offset;
        let mut pieces = body.pieces;
        let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut pieces).poll_next(cx));
        if matches!((body.len, body.checksum), (Some(0), ChecksumPlan::None)) {
            return Ok(upload);
        }
        tokio::select! {
            piece = next => match piece {
                Some(Ok(super::Piece::Bytes(_))) => Err(UploadError::BeyondLength { length }),
                _ => Ok(upload),
            },
            () = self.inner.closing.cancelled() => {
                Err(UploadError::Interrupted { cause: Interruption::Shutdown, offset: length })
            }
        }
    }

    /// Decides what of the body stays, makes it durable, and only then says so.
    async fn settle<B: Pieces>(
        &self,
        mut reception: Reception<S, B>,
        end: End,
    ) -> Result<Upload, UploadError> {
        if let End::Cut(cause) = &end {
            self.inner.metrics.interrupted(*cause);
        }
        match end {
            End::Finished | End::Enough => match reception.verify().await {
                Ok(()) => self.keep(reception).await,
                Err(error) => {
                    self.note_mismatch(&error);
                    Err(self.discard(reception, Floor::Told, error).await)
                }
            },
            End::Overlong => {
                let error = match (reception.upload().length, self.max_size()) {
                    (Length::Deferred, Some(max)) => UploadError::TooLarge { max },
                    (length, _) => UploadError::BeyondLength { length: length.known().unwrap_or(u64::MAX) },
                };
                Err(self.discard(reception, Floor::Told, error).await)
            }
            End::Cut(cause) if reception.is_verified() => {
                Err(self.discard(reception, Floor::Told, UploadError::Unverified(cause)).await)
            }
            End::Cut(cause) => {
                let upload = self.keep(reception).await?;
                tracing::info!(id = %upload.id, offset = upload.offset, %cause, "interrupted");
                // The last byte came all the same: nothing was interrupted that had anything left to do.
                if upload.is_complete() && cause != Interruption::TakenOver {
                    return Ok(upload);
                }
                Err(UploadError::Interrupted { cause, offset: upload.offset })
            }
            End::Fault(StoreError::NoSpace) if !reception.is_verified() => {
                let upload = self.keep(reception).await?;
                tracing::warn!(id = %upload.id, offset = upload.offset, "no room left; the upload keeps what it has");
                Err(UploadError::NoSpace)
            }
            // The bytes were right; what a checkpoint has made durable of them is there.
            End::Fault(error) => Err(self.discard(reception, Floor::Durable, error.into()).await),
        }
    }

    async fn keep<B: Pieces>(&self, mut reception: Reception<S, B>) -> Result<Upload, UploadError> {
        let flushed = reception.flush().await;
        if let Err(fault @ StoreError::Unsynced(_)) = flushed {
            // A second sync would say "fine" of what the first one has lost.
            return Err(self.discard(reception, Floor::Durable, fault.into()).await);
        }
        let floor = reception.floor(Floor::Durable);
        let touched = reception.has_touched_the_store();
        let (mut upload, mut writer, written) = reception.into_parts();
        let came = written > upload.offset;
        let is_filling = upload.is_filling();
        if !touched && !upload.has_all_bytes() {
            // Nothing came that could be kept. To record that again might need room that there is not.
            flushed?;
            return Ok(upload);
        }
        upload.reach(written);
        if came {
            self.lifetime(upload.key).renew(&mut upload);
        }
        let is_whole = flushed.is_ok() && upload.has_all_bytes();
        if is_whole {
            self.check_digest(&upload, || ()).await?;
        }
        if is_whole || !is_filling {
            // One with all its bytes is like any other, however they came.
            upload.state = State::Receiving;
        }
        let kept = if is_whole {
            self.inner
                .store
                .publish(upload, Some(&writer))
                .await
                .inspect(|upload| self.note_completion(upload))
        } else {
            self.inner.store.save(&upload, Some(&writer)).await.map(|()| upload)
        };
        if let Err(StoreError::Unsynced(_)) = &kept
            && !is_filling
        {
            // Nobody knows what is on the disk, and a second sync would say "fine". Only what was synced before counts.
            let _ = writer.rewind(floor).await;
        }
        flushed?;
        Ok(kept?)
    }

    /// Forgets the body, down to a floor, and answers the error that made it so.
    async fn discard<B: Pieces>(
        &self,
        mut reception: Reception<S, B>,
        floor: Floor,
        error: UploadError,
    ) -> UploadError {
        reception.finish_writing().await;
        let (floor, touched) = (reception.floor(floor), reception.has_touched_the_store());
        let (mut upload, mut writer, _) = reception.into_parts();
        tracing::info!(id = %upload.id, offset = floor, %error, "discarded a body");
        if !touched {
            return error;
        }
        let lifetime = self.lifetime(upload.key);
        // A body of which nothing stays changes nothing, unless its upload has grown old over it.
        if floor > upload.offset || lifetime.is_running_out(&upload, Timestamp::now()) {
            lifetime.renew(&mut upload);
        }
        upload.reach(floor);
        let discarded = async {
            // Between chunks what is not recorded counts for nothing, and behind it are some that do.
            if !upload.is_filling() {
                upload.state = State::Receiving;
                writer.rewind(floor).await?;
            }
            self.inner.store.save(&upload, Some(&writer)).await
        };
        match discarded.await {
            Ok(()) => error,
            Err(fault) => {
                tracing::error!(id = %upload.id, error = %fault, "could not discard a body");
                fault.into()
            }
        }
    }
}

fn check_kind(upload: &Upload) -> Result<(), UploadError> {
    match upload.kind {
        Kind::Final { .. } => Err(UploadError::FinalIsReadOnly),
        Kind::Whole | Kind::Partial => Ok(()),
    }
}
