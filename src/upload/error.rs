//! What can go wrong with an upload, by guilt: the client's, the moment's, the machine's.

use super::caller::Operation;
use super::chunks::Contradiction;
use super::id::UploadId;
use super::metadata::MetadataError;
use crate::store::StoreError;

/// Why an append ended before its body did; the upload lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Interruption {
    /// The connection broke or the client closed it.
    #[error("the client went away")]
    ClientGone,
    /// A newer request wanted the same upload.
    #[error("a newer request took the upload over")]
    TakenOver,
    /// No byte came for too long.
    #[error("no byte came for too long")]
    Idle,
    /// Bytes came more slowly than the server waits for.
    #[error("bytes came too slowly")]
    TooSlow,
    /// The daemon is going down.
    #[error("the server is shutting down")]
    Shutdown,
}

/// Why the engine refused or could not do what was asked. Protocol-neutral: each adapter has its own table from these
/// to status codes.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// Nobody knows this upload.
    #[error("there is no such upload")]
    NotFound,
    /// It was there and has passed its expiration.
    #[error("this upload has expired")]
    Expired,
    /// The bytes do not begin where the upload ends.
    #[error("the upload's offset is {current}, not {given}")]
    OffsetMismatch {
        /// Where the upload ends.
        current: u64,
        /// Where the client thought it does.
        given: u64,
    },
    /// Another request is appending and has passed the offset that this one begins at.
    #[error("another request is appending to this upload, which is not at offset {given} any more")]
    Overtaken {
        /// Where the client thought the upload ends.
        given: u64,
    },
    /// Larger than this server takes, or than the caller may make it.
    #[error("the upload is larger than the {max} bytes that are allowed")]
    TooLarge {
        /// The lower limit of the two, in bytes.
        max: u64,
    },
    /// The body would pass the upload's length.
    #[error("the body goes beyond the upload's length of {length} bytes")]
    BeyondLength {
        /// The declared length in bytes.
        length: u64,
    },
    /// Another length was declared before.
    #[error("the upload's length is {known} bytes and can't become {given}")]
    LengthChanged {
        /// As declared first.
        known: u64,
        /// As declared now.
        given: u64,
    },
    /// The length declared now is less than what is stored already.
    #[error("the upload already has {offset} bytes, so its length can't be {given}")]
    LengthBelowOffset {
        /// Bytes stored.
        offset: u64,
        /// The length that was to be declared.
        given: u64,
    },
    /// The body does not sum to what the client says; it was discarded.
    #[error("the body's {algorithm} is not the one given in the request; the body was discarded")]
    ChecksumMismatch {
        /// The algorithm.
        algorithm: super::Algorithm,
    },
    /// A checksum was announced as a trailer, and the trailer was missing or is not a checksum.
    #[error("the checksum in the trailer can't be used: {0}; the body was discarded")]
    BadTrailer(String),
    /// A body with a checksum broke off: it can't be verified, so nothing of it was kept.
    #[error("{0} before the body's checksum could be verified; nothing of this body was kept")]
    Unverified(Interruption),
    /// The append stopped before its body ended; what had come is kept.
    #[error("{cause}; the upload goes on at offset {offset}")]
    Interrupted {
        /// Why.
        cause: Interruption,
        /// Where the upload ends now.
        offset: u64,
    },
    /// A final upload is made of its parts and takes no bytes.
    #[error("a final upload takes no bytes of its own")]
    FinalIsReadOnly,
    /// A part that can't be concatenated.
    #[error("part {number} ({id}) {reason}")]
    BadPart {
        /// Its place in the list, from 1.
        number: usize,
        /// Its name.
        id: UploadId,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The upload can't be read yet.
    #[error("the upload is not complete: {offset} bytes are stored so far")]
    Incomplete {
        /// Bytes stored.
        offset: u64,
    },
    /// Published, and since then moved or removed by somebody else.
    #[error("the finished file is no longer where it was published")]
    FileGone,
    /// Another request has the upload and did not let go of it in time.
    #[error("another request is busy with this upload")]
    Busy,
    /// A chunk that does not fit what the first request of this upload said.
    #[error("{0}")]
    Contradiction(#[from] Contradiction),
    /// A chunk of an upload that is gone, and with it other chunks that its client counts on.
    #[error("the chunks that were sent before have expired or were removed; send all of them again")]
    ChunksGone,
    /// A chunk that would leave one more gap in an upload that has very many. Passes when some of them are filled.
    #[error("this upload has too many gaps; send the chunks that are missing first")]
    Scattered,
    /// Metadata that is none.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The caller may not do this.
    #[error("you are not allowed to {0} here")]
    Forbidden(Operation),
    /// The caller has created as many uploads as he may for now.
    #[error("you may create {a_minute} uploads a minute here; come again in {wait} s")]
    TooManyCreations {
        /// Creations that are allowed in a minute.
        a_minute: u32,
        /// Seconds after which the next one is.
        wait: u32,
    },
    /// The caller has as many requests adding bytes as he may.
    #[error("you may send to {most} uploads at once here; come again when one of them is done")]
    TooManyAppends {
        /// Requests that are allowed.
        most: u32,
    },
    /// The daemon is going down and begins nothing new.
    #[error("the server is shutting down")]
    Closing,
    /// The disk is full. Passes when somebody makes room; nothing is lost meanwhile.
    #[error("the server has no room left for this upload at the moment")]
    NoSpace,
    /// What is stored contradicts itself; the log says how.
    #[error("the stored upload is damaged")]
    Damaged(#[source] StoreError),
    /// The machine failed; the log says at what.
    #[error("the server could not reach its storage")]
    Storage(#[source] StoreError),
}

fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

impl From<StoreError> for UploadError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::NoSpace => Self::NoSpace,
            error @ StoreError::Damaged(_) => Self::Damaged(error),
            StoreError::Io(_, error) | StoreError::Unsynced(error) if is_full(&error) => Self::NoSpace,
            error @ (StoreError::Io(..) | StoreError::Unsynced(_)) => Self::Storage(error),
        }
    }
}
