//! Uploads that are filled by chunks, in any order and by several requests at once.
//!
//! Every chunk is written at its own place of one file, so there is no merge step. Requests for chunks of one upload share
//! a [`Session`]: it holds the lease on the upload as long as one of them runs, and it has the chunks that end together
//! recorded together, by one sync. A chunk is there when it is recorded, never before; and the request that records the
//! last one publishes the file, once, whichever chunk that is.

mod digest;
mod find;
mod lost;
mod session;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

pub(super) use self::lost::Lost;
use self::session::Session;

use super::chunks::{Chunks, ClientKey, Contradiction};
use super::lease::Lease;
use super::{
    Body, Checksum, Interruption, Kind, Length, Metadata, NewUpload, Operation, Pieces, State, Upload,
    UploadError, Uploads,
};
use crate::store::{Store, StoreError};

/// What a client says of the upload with each of its chunks.
#[derive(Debug, Clone)]
pub struct Filling {
    /// The client's own name for it.
    pub key: ClientKey,
    /// How it is cut.
    pub chunks: Chunks,
    /// What the client says of it.
    pub metadata: Metadata,
    /// What the whole sums to, if the client says so.
    pub digest: Option<Checksum>,
}

/// One chunk.
#[derive(Debug)]
pub struct Chunk<B> {
    /// Its number, from 1.
    pub number: u64,
    /// Its bytes.
    pub body: Body<B>,
}

/// Where requests for the same client's name meet.
pub(super) struct Seats<S: Store> {
    by_key: Mutex<HashMap<ClientKey, Arc<Seat<S>>>>,
}

impl<S: Store> Default for Seats<S> {
    fn default() -> Self {
        Self { by_key: Mutex::default() }
    }
}

type Seat<S> = tokio::sync::Mutex<Weak<Session<S>>>;

impl<S: Store> Seats<S> {
    fn at(&self, key: ClientKey) -> Arc<Seat<S>> {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(by_key.entry(key).or_default())
    }

    /// Forgets a name that nobody is at any more.
    fn leave(&self, key: ClientKey, seat: Arc<Seat<S>>) {
        let mut by_key = self.by_key.lock().unwrap_or_else(PoisonError::into_inner);
        drop(seat);
        if by_key.get(&key).is_some_and(|seat| Arc::strong_count(seat) == 1) {
            by_key.remove(&key);
        }
    }
}

enum Seated<S: Store> {
    /// The upload takes chunks.
    Open(Arc<Session<S>>),
    /// It is complete already.
    Complete(Box<Upload>),
}

impl<S: Store> Uploads<S> {
    /// Takes one chunk of an upload, which its first chunk creates. A chunk that is there already is not taken again.
    ///
    /// # Errors
    /// What contradicts itself or an earlier request, and what [`append`](Self::append) refuses. A chunk is taken whole
    /// or not at all.
    pub async fn write_chunk<B: Pieces>(
        &self,
        filling: Filling,
        chunk: Chunk<B>,
    ) -> Result<Upload, UploadError> {
        self.may(Operation::Append)?;
        self.check_size(filling.chunks.total())?;
        let expected = filling.chunks.range(chunk.number)?;
        let expected = expected.end - expected.start;
        if let Some(given) = chunk.body.len.filter(|given| *given != expected) {
            return Err(Contradiction::BodySize { number: chunk.number, expected, given }.into());
        }
        let counted = self.count_append(false).await?;
        let engine = self.clone();
        self.detached(async move {
            let seat = engine.inner.seats.at(filling.key);
            let result = engine.write_chunk_at(&seat, filling.clone(), chunk).await;
            engine.inner.seats.leave(filling.key, seat);
            drop(counted);
            result
        })
        .await
    }

    async fn write_chunk_at<B: Pieces>(
        &self,
        seat: &Seat<S>,
        filling: Filling,
        chunk: Chunk<B>,
    ) -> Result<Upload, UploadError> {
        let session = match self.join(seat, &filling, chunk.number).await? {
            Seated::Open(session) => session,
            Seated::Complete(upload) => return Ok(*upload),
        };
        let upload = session.snapshot();
        let State::Filling(chunks) = &upload.state else { return Ok(upload) };
        chunks.check_same(&filling.chunks)?;
        let digest = filling.digest.filter(|_| self.rules().verify);
        chunks.check_digest(digest.as_ref())?;
        if chunks.contains(chunk.number) {
            return Ok(upload);
        }
        if chunks.would_scatter(chunk.number) {
            return Err(UploadError::Scattered);
        }
        let range = chunks.range(chunk.number)?;
        let lease = session.writers.acquire(chunk.number).await.map_err(|_| UploadError::Busy)?;
        if session.lease.is_revoked() {
            // It was taken from all its chunks, or did not sum up and is gone.
            return Err(UploadError::Busy);
        }
        // The request before may have brought it to an end meanwhile.
        let upload = session.snapshot();
        if matches!(&upload.state, State::Filling(chunks) if chunks.contains(chunk.number))
            || upload.is_complete()
        {
            return Ok(upload);
        }
        let at = Upload { offset: range.start, ..upload };
        let number = chunk.number;
        match session.receive(at, range.end, chunk, &lease).await {
            Ok(()) => session.commit(number, digest).await?,
            // Two tabs with one file, or a client that tried again: what the newer request brings serves both.
            Err(UploadError::Unverified(Interruption::TakenOver)) if !session.lease.is_revoked() => {
                drop(lease);
                session.wait_for(number).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(session.snapshot())
    }

    async fn join(&self, seat: &Seat<S>, filling: &Filling, number: u64) -> Result<Seated<S>, UploadError> {
        let mut seat = seat.lock().await;
        if let Some(session) = seat.upgrade().filter(|session| !session.lease.is_revoked()) {
            return Ok(Seated::Open(session));
        }
        let found = match self.look_up(filling.key).await {
            Err(error @ UploadError::Damaged(_)) => return Err(self.begin_after(error, filling).await),
            found => found?,
        };
        let (lease, upload) = match found {
            Some(upload) if upload.is_complete() => {
                if let Length::Known(known) = upload.length
                    && known != filling.chunks.total()
                {
                    let given = filling.chunks.total();
                    return Err(Contradiction::Changed { what: "the total size", known, given }.into());
                }
                return Ok(Seated::Complete(Box::new(upload)));
            }
            Some(upload) => {
                let lease = self.take_over(upload.id).await?;
                match self.open(&lease).await {
                    Ok(upload) => (lease, upload),
                    // It was removed while this request waited for it, so the name is free.
                    Err(UploadError::NotFound) => {
                        self.inner.lost.note(&upload);
                        self.begin_filling(filling, number).await?
                    }
                    Err(error @ UploadError::Damaged(_)) => {
                        return Err(self.begin_after(error, filling).await);
                    }
                    Err(error) => return Err(error),
                }
            }
            None => self.begin_filling(filling, number).await?,
        };
        if upload.is_complete() {
            return Ok(Seated::Complete(Box::new(upload)));
        }
        let upload = self.as_filling(upload, &filling.chunks).await?;
        let session = Session::new(self.clone(), lease, upload);
        let session = Arc::new(session);
        *seat = Arc::downgrade(&session);
        Ok(Seated::Open(session))
    }

    /// Chunks are lost that were acknowledged. Were the next one taken, its client would believe that all are there; so it is
    /// refused, once, and whoever asks from now on hears that none is.
    async fn begin_after(&self, damage: UploadError, filling: &Filling) -> UploadError {
        self.create_filling(filling).await.err().unwrap_or(damage)
    }

    async fn begin_filling(&self, filling: &Filling, number: u64) -> Result<(Lease, Upload), UploadError> {
        if self.inner.lost.meet(filling.key, number) {
            return Err(UploadError::ChunksGone);
        }
        let upload = self.create_filling(filling).await?;
        Ok((self.take_over(upload.id).await?, upload))
    }

    async fn create_filling(&self, filling: &Filling) -> Result<Upload, UploadError> {
        self.may(Operation::Create)?;
        self.count_creation().await?;
        let length = Length::Known(filling.chunks.total());
        let new = NewUpload { kind: Kind::Whole, length, metadata: filling.metadata.clone() };
        let upload = self.new_upload(new).map_err(|error| StoreError::Io("draw a random name", error))?;
        let expires = self.lifetime(Some(filling.key)).end(upload.created);
        let state = State::Filling(filling.chunks.clone());
        let upload =
            self.create_with(Upload { key: Some(filling.key), state, expires, ..upload }, Vec::new()).await?;
        if let Err(error) = self.inner.store.bind(filling.key, upload.id).await {
            // Nothing leads to it, and its client will ask for another one: it would keep its room until it expires.
            self.take_back(&upload).await;
            return Err(error.into());
        }
        Ok(upload)
    }

    /// An upload that takes bytes at its end takes chunks, too: those before its offset are there. Its record says so before
    /// the first of them is written far beyond that: what lies there would count as arrived.
    async fn as_filling(&self, mut upload: Upload, cut: &Chunks) -> Result<Upload, UploadError> {
        if let Length::Known(known) = upload.length
            && known != cut.total()
        {
            return Err(Contradiction::Changed { what: "the total size", known, given: cut.total() }.into());
        }
        if !upload.is_filling() {
            let offset = upload.offset;
            upload.state = State::Filling(cut.clone());
            upload.reach(offset);
            self.inner.store.save(&upload, None).await?;
        }
        Ok(upload)
    }
}
