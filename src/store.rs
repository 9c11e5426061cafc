//! Where uploads live: the contract that every store keeps.
//!
//! In words:
//! - What a method has answered `Ok` for survives whatever the store's [`Durability`](durability::Durability) says it
//!   survives. The engine tells nobody an offset before that.
//! - A method that answered an error has changed nothing that was acknowledged before.
//! - Every method runs to its end once it was begun (its future was polled), also when its caller goes away: a client
//!   that hangs up can't cut a write, a sync or a publication in half.
//! - Whoever calls a method that changes an upload holds the lease on it (see [`crate::upload`]). [`Store::peek`] and
//!   [`Store::read`] need none and disturb nobody.
//! - A finished file appears at once and whole, and never in the place of another one.

pub mod disk;
pub mod durability;

use std::future::Future;
use std::io;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_core::Stream;
use tokio::sync::mpsc;

use crate::upload::{ClientKey, Hasher, Upload, UploadId};

/// The bytes of an upload on their way out.
pub type ByteStream = Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send + Sync>>;

/// Why a store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It holds nothing under this name.
    #[error("there is no such upload")]
    NotFound,
    /// The disk, or what the daemon may use of it, is full, and so nothing was begun (but for [`Written`], which says how far
    /// it came). Passes when somebody makes room.
    #[error("there is no room left for this upload")]
    NoSpace,
    /// What was written could not be made durable, and may be there or not.
    #[error("the disk did not take what was written")]
    Unsynced(#[source] io::Error),
    /// What is stored contradicts itself; the text says how, for the log.
    #[error("the stored upload is damaged")]
    Damaged(String),
    /// The machine failed; the text says at what, for the log.
    #[error("the server could not reach its storage")]
    Io(&'static str, #[source] io::Error),
}

/// A place where uploads live.
pub trait Store: Clone + Send + Sync + 'static {
    /// How bytes are added to one upload.
    type Writer: Writer;

    /// Takes a new upload in, with the first bytes of it, if there is room for the whole of it. When these are all its
    /// bytes, it is complete (and published, unless it is partial) on return.
    fn create(
        &self,
        upload: Upload,
        first: Vec<Bytes>,
    ) -> impl Future<Output = Result<Upload, StoreError>> + Send;

    /// Reads an upload and first brings whatever a crash left of it into a defined state.
    fn load(&self, id: UploadId) -> impl Future<Output = Result<Upload, StoreError>> + Send;

    /// Reads an upload as it was last saved.
    fn peek(&self, id: UploadId) -> impl Future<Output = Result<Upload, StoreError>> + Send;

    /// Records an upload as it is now. What `written` has written is durable before the record speaks of it.
    ///
    /// # Errors
    /// [`StoreError::Unsynced`] when nobody knows what of it is on the disk; the record is the old one then.
    fn save(
        &self,
        upload: &Upload,
        written: Option<&Self::Writer>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static;

    /// Records the length of an upload that had none until now, if there is room for what is still to come of it.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`] when there is not; nothing was changed then.
    fn declare_length(&self, upload: &Upload) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Opens an upload for adding bytes at its offset.
    fn writer(&self, upload: &Upload) -> impl Future<Output = Result<Self::Writer, StoreError>> + Send;

    /// Makes an upload that has all its bytes complete, and its file visible unless it is partial. `written` as in
    /// [`save`](Self::save).
    fn publish(
        &self,
        upload: Upload,
        written: Option<&Self::Writer>,
    ) -> impl Future<Output = Result<Upload, StoreError>> + Send;

    /// Fills a final upload with the bytes of its parts and publishes it.
    fn assemble(
        &self,
        upload: Upload,
        parts: Vec<Upload>,
    ) -> impl Future<Output = Result<Upload, StoreError>> + Send;

    /// Reads some bytes of a complete upload.
    fn read(
        &self,
        upload: &Upload,
        range: Range<u64>,
    ) -> impl Future<Output = Result<ByteStream, StoreError>> + Send;

    /// Removes an upload, its finished file too.
    fn remove(&self, upload: &Upload) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The upload that a client's own name leads to.
    fn lookup(&self, key: ClientKey) -> impl Future<Output = Result<Option<UploadId>, StoreError>> + Send;

    /// Lets a client's own name lead to an upload, and no longer to another one.
    fn bind(&self, key: ClientKey, id: UploadId) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Looks at what an earlier process left, at its own pace: complete files are not in it, and an upload that comes or
    /// goes meanwhile may be missing.
    fn unfinished(&self) -> mpsc::Receiver<(UploadId, Result<Upload, StoreError>)>;
}

/// Adds bytes to one upload.
pub trait Writer: Send + 'static {
    /// Writes the next bytes. Answers how many were written, also when not all could be.
    fn write(&mut self, batch: Vec<Bytes>) -> impl Future<Output = Written> + Send + 'static;

    /// Forgets what was written from `offset` on, and goes on there.
    fn rewind(&mut self, offset: u64) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Takes the bytes of a range that was written into a checksum.
    fn digest(
        &self,
        range: Range<u64>,
        hasher: Hasher,
    ) -> impl Future<Output = Result<Hasher, StoreError>> + Send;
}

/// The outcome of one write.
#[derive(Debug)]
pub struct Written {
    /// Bytes that were written, counted from the batch's start.
    pub bytes: u64,
    /// Why not all of them, if so.
    pub fault: Option<StoreError>,
}
