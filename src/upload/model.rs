//! What an upload is: the same thing whichever protocol started it, and the same in memory as on disk.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::caller::Owner;
use super::chunks::{Chunks, ClientKey};
use super::id::UploadId;
use super::metadata::Metadata;

/// How many bytes the whole upload will have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// Told by the client; never changes again.
    Known(u64),
    /// The client will tell it later (tus: `Upload-Defer-Length: 1`).
    Deferred,
}

impl Length {
    /// The number of bytes, once it is told.
    #[must_use]
    pub fn known(self) -> Option<u64> {
        match self {
            Self::Known(bytes) => Some(bytes),
            Self::Deferred => None,
        }
    }
}

/// What the upload is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum Kind {
    /// A representation of its own.
    Whole,
    /// A piece of a later final upload (tus concatenation).
    Partial,
    /// Made of partial uploads, in this order.
    Final {
        /// The partial uploads.
        parts: Vec<UploadId>,
        /// The list as the client wrote it; HEAD echoes it.
        as_given: String,
    },
}

/// Where an upload is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum State {
    /// Takes bytes at its offset.
    Receiving,
    /// Takes chunks in any order, and bytes at its offset: where the first missing one is.
    Filling(Chunks),
    /// A body with a checksum is being written beyond the offset: until it is verified, what lies there is nobody's,
    /// and a crash must not take it for data.
    Verifying,
    /// A final upload waits for its parts or is being put together from them.
    Assembling,
    /// All bytes are there.
    Complete {
        /// Where the store published it, relative to its finished files; partial uploads are never published.
        file: Option<String>,
        /// When the published file was last changed, which its publication does not do. Another file that somebody put
        /// in its place since, or another upload's, is told by this.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        changed: Option<Timestamp>,
    },
}

/// One upload: all that is known of it, and all that its sidecar holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Its name.
    pub id: UploadId,
    /// What it is for.
    pub kind: Kind,
    /// Where it is in its life.
    pub state: State,
    /// Bytes accepted from the start without a gap. May be told to a client only after the store kept its promise for
    /// them.
    pub offset: u64,
    /// Bytes in the whole.
    pub length: Length,
    /// What the client said of it.
    pub metadata: Metadata,
    /// The client's own name for it, if the protocol works with one.
    pub key: Option<ClientKey>,
    /// Whose it is, if whoever created it had a name.
    pub owner: Option<Owner>,
    /// When it was created.
    pub created: Timestamp,
    /// When its last byte came (or it was created).
    pub modified: Timestamp,
    /// When it is removed if no further byte comes; `None`: never. Means nothing once a whole or final upload is
    /// complete: finished files do not expire.
    pub expires: Option<Timestamp>,
}

impl Upload {
    /// All bytes are there and, unless it is partial, it is published.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self.state, State::Complete { .. })
    }

    /// Counts all bytes before `offset`. Where chunks lie right behind them, the upload reaches further.
    pub fn reach(&mut self, offset: u64) {
        self.offset = match &mut self.state {
            State::Filling(chunks) => {
                chunks.reach(offset);
                chunks.offset()
            }
            _ => offset,
        };
    }

    /// Chunks may lie beyond its offset.
    #[must_use]
    pub fn is_filling(&self) -> bool {
        matches!(self.state, State::Filling(_))
    }

    /// The offset has reached the length; publishing it may still be ahead.
    #[must_use]
    pub fn has_all_bytes(&self) -> bool {
        self.length == Length::Known(self.offset)
    }

    /// When it will expire, if it can: parts do even when they are complete, finished files never, and a final upload
    /// that waits for its parts lives as long as they do.
    #[must_use]
    pub fn expiry(&self) -> Option<Timestamp> {
        match (&self.kind, &self.state) {
            (Kind::Whole | Kind::Final { .. }, State::Complete { .. }) | (_, State::Assembling) => None,
            _ => self.expires,
        }
    }

    /// It has passed its [`expiry`](Self::expiry).
    #[must_use]
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expiry().is_some_and(|expires| expires <= now)
    }
}
