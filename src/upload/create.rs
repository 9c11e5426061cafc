//! Creation, with or without the first bytes.

use bytes::Bytes;

use jiff::Timestamp;

use super::append::Append;
use super::quota::Appending;
use super::{
    Body, ChecksumPlan, Interruption, Kind, Length, Metadata, Operation, Piece, Pieces, State, Upload,
    UploadError, UploadId, Uploads,
};
use crate::store::{Store, StoreError};

/// A body up to this many bytes is taken in whole before anything is written: then an upload that fits into its
/// creation costs one trip to the disk, and one that breaks off leaves no trace.
const SMALL: u64 = 32 * 1024;

/// What a client wants to upload.
#[derive(Debug)]
pub struct NewUpload {
    /// A representation of its own or a part of one.
    pub kind: Kind,
    /// How long it will be.
    pub length: Length,
    /// What the client says of it.
    pub metadata: Metadata,
}

impl<S: Store> Uploads<S> {
    /// Creates an upload and takes its first bytes, if there are any.
    ///
    /// When an append ends early for a reason that passes (the daemon stops, say), the upload is returned with the
    /// bytes it has: the client learns its name and goes on there. When the client is gone, nobody will ever know the
    /// name, and the upload is removed.
    ///
    /// # Errors
    /// It is too large, or what [`append`](Self::append) refuses; nothing is left of it then.
    pub async fn create<B: Pieces>(
        &self,
        new: NewUpload,
        body: Option<Body<B>>,
    ) -> Result<Upload, UploadError> {
        self.may(Operation::Create)?;
        if body.is_some() {
            self.may(Operation::Append)?;
        }
        self.check_size(new.length.known().unwrap_or(0))?;
        if let Some(Body { len: Some(len), .. }) = &body {
            match new.length {
                Length::Known(length) if *len > length => return Err(UploadError::BeyondLength { length }),
                _ => self.check_size(*len)?,
            }
        }
        // First, because a body that is one too many should not have cost a creation.
        let counted = if body.is_some() { self.count_append(false).await? } else { None };
        self.count_creation().await?;
        let upload = self.new_upload(new).map_err(|error| StoreError::Io("draw a random name", error))?;
        match body {
            None => self.create_with(upload, Vec::new()).await,
            Some(Body { pieces, len: Some(len), checksum }) if len <= SMALL => {
                let first = self.gather(pieces, len, checksum).await?;
                self.create_with(upload, first).await
            }
            Some(body) => self.create_and_append(upload, body, counted).await,
        }
    }

    /// Refuses what is larger than this server takes.
    pub(super) fn check_size(&self, bytes: u64) -> Result<(), UploadError> {
        match self.max_size() {
            Some(max) if bytes > max => Err(UploadError::TooLarge { max }),
            _ => Ok(()),
        }
    }

    /// The largest upload that the caller may make.
    pub(super) fn max_size(&self) -> Option<u64> {
        [self.rules().max_size, self.caller.max_size].into_iter().flatten().min()
    }

    pub(super) fn new_upload(&self, new: NewUpload) -> std::io::Result<Upload> {
        let now = Timestamp::now();
        let NewUpload { kind, length, metadata } = new;
        let state = match kind {
            Kind::Whole | Kind::Partial => State::Receiving,
            Kind::Final { .. } => State::Assembling,
        };
        let (id, expires) = (UploadId::random()?, self.lifetime(None).end(now));
        Ok(Upload {
            id,
            kind,
            state,
            offset: 0,
            length,
            metadata,
            key: None,
            owner: self.owner().cloned(),
            created: now,
            modified: now,
            expires,
        })
    }

    pub(super) async fn create_with(&self, upload: Upload, first: Vec<Bytes>) -> Result<Upload, UploadError> {
        let coming = upload.clone();
        self.inner.metrics.coming(&coming);
        let upload = match self.inner.store.create(upload, first).await {
            Ok(upload) => upload,
            Err(error) => {
                self.inner.metrics.removed(&coming);
                return Err(error.into());
            }
        };
        tracing::debug!(id = %upload.id, length = upload.length.known(), name = upload.metadata.file_name(), "created");
        self.inner.metrics.created(&coming, &upload);
        self.inner.metrics.bytes.inc_by(upload.offset);
        if upload.is_complete() {
            self.inner.metrics.born_complete(&upload);
            self.say_complete(&upload);
        }
        self.inner.agenda.note(&upload);
        Ok(upload)
    }

    /// Takes a small body in whole.
    async fn gather<B: Pieces>(
        &self,
        mut pieces: B,
        len: u64,
        plan: ChecksumPlan,
    ) -> Result<Vec<Bytes>, UploadError> {
        let mut first = Vec::new();
        let mut trailer = None;
        let mut came = 0;
        let end = loop {
            let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut pieces).poll_next(cx));
            // Nothing of it is anywhere yet, so there is nothing that going down would have to put away.
            let piece = tokio::select! {
                piece = next => piece,
                () = self.inner.closing.cancelled() => break Err(Interruption::Shutdown),
            };
            match piece {
                Some(Ok(Piece::Bytes(bytes))) => {
                    came += bytes.len() as u64;
                    first.push(bytes);
                }
                Some(Ok(Piece::Checksum(checksum))) => trailer = Some(checksum),
                None if came >= len => break Ok(()),
                None => break Err(Interruption::ClientGone),
                Some(Err(cut)) => break Err(cut.into()),
            }
        };
        end.map_err(UploadError::Unverified)?;
        let checksum = match (plan, trailer) {
            (ChecksumPlan::Given(checksum), _) => Some(checksum),
            (_, Some(checksum)) => Some(checksum.map_err(UploadError::BadTrailer)?),
            (ChecksumPlan::Trailer, None) => {
                return Err(UploadError::BadTrailer("it was announced and did not come".to_owned()));
            }
            (ChecksumPlan::None, None) => None,
        };
        if let Some(checksum) = checksum {
            let mut hasher = checksum.algorithm().hasher();
            first.iter().for_each(|bytes| hasher.update(bytes));
            if !checksum.matches(hasher) {
                let error = UploadError::ChecksumMismatch { algorithm: checksum.algorithm() };
                self.note_mismatch(&error);
                return Err(error);
            }
        }
        Ok(first)
    }

    async fn create_and_append<B: Pieces>(
        &self,
        upload: Upload,
        body: Body<B>,
        counted: Option<Appending>,
    ) -> Result<Upload, UploadError> {
        let created = self.create_with(upload, Vec::new()).await?;
        let id = created.id;
        let error = match self.append_counted(Append { id, offset: 0, length: None, body }, counted).await {
            Ok(upload) => return Ok(upload),
            Err(error) => error,
        };
        match error {
            // Whoever sent it is there to read the answer, and goes on from where it stopped.
            UploadError::Interrupted {
                cause:
                    Interruption::Idle | Interruption::TooSlow | Interruption::Shutdown | Interruption::TakenOver,
                ..
            } => Ok(self.inner.store.peek(id).await?),
            error => {
                self.take_back(&created).await;
                Err(error)
            }
        }
    }

    /// An upload that could not be made as it was asked for, and that nobody was told of.
    pub(super) async fn take_back(&self, upload: &Upload) {
        if let Err(error) = self.take_away(upload.id).await {
            tracing::warn!(id = %upload.id, %error, "a creation that failed could not be taken back");
        }
    }
}
