//! The engine: what an upload is and what may happen to it, whichever protocol asks.
//!
//! [`Uploads`] is the whole API: create, append, inspect, read, concatenate, terminate. The rules live here; HTTP and
//! files do not. Each change is made under a [lease], in a task of its own: a client that goes away ends its
//! wait, not the work.

mod append;
mod caller;
mod checksum;
mod chunks;
mod concat;
mod create;
mod error;
mod expire;
mod fill;
mod hex;
mod id;
mod inspect;
pub mod lease;
mod lifetime;
mod metadata;
mod metrics;
mod model;
pub mod progress;
mod quota;
mod receive;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use bytes::Bytes;
use futures_core::Stream;
use jiff::Timestamp;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub use self::append::Append;
pub use self::caller::{Caller, Operation, Operations, Owner, Sees};
pub use self::checksum::{Algorithm, Checksum, Hasher};
pub use self::chunks::{Chunks, ClientKey, Contradiction};
pub use self::concat::Concatenation;
use self::concat::Waiting;
pub use self::create::NewUpload;
pub use self::error::{Interruption, UploadError};
use self::expire::Agenda;
pub use self::fill::{Chunk, Filling};
use self::fill::{Lost, Seats};
pub use self::id::{NotAnId, UploadId};
use self::lease::{Lease, Leases};
use self::lifetime::Lifetime;
pub use self::metadata::{Metadata, MetadataError};
use self::metrics::Metrics;
pub use self::model::{Kind, Length, State, Upload};
use self::quota::Quotas;
pub use self::quota::{Client, ClientLimits};
use self::receive::InHand;
use crate::store::{ByteStream, Store, StoreError};

/// What the engine is told to enforce.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The largest upload in bytes; `None`: any.
    pub max_size: Option<u64>,
    /// How long after its last byte an unfinished upload expires; `None`: never.
    pub expire_after: Option<Duration>,
    /// The same for uploads that are filled by chunks.
    pub fill_expire_after: Option<Duration>,
    /// Whether a digest that a client sent with its chunks is checked before the file is published.
    pub verify: bool,
    /// What each client may do.
    pub clients: ClientLimits,
    /// After this many bytes a running append is made durable behind its back, so that a power cut in the thirtieth
    /// gigabyte of one PATCH costs seconds and not thirty gigabytes.
    pub checkpoint: u64,
}

impl Rules {
    /// What a disk of today writes in a moment, and a client on a slow line does not want to send again.
    pub const CHECKPOINT: u64 = 64 * 1024 * 1024;
}

/// A piece of a body.
#[derive(Debug)]
pub enum Piece {
    /// The next bytes.
    Bytes(Bytes),
    /// After the bytes: the checksum over all of them, or why what came in its place is none.
    Checksum(Result<Checksum, String>),
}

/// Why a body ended before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyCut {
    /// The connection broke, or what came is no body.
    #[error("the body was cut")]
    Gone,
    /// No byte came for too long.
    #[error("no byte of the body came for too long")]
    Idle,
    /// Fewer bytes came than the least that is asked for.
    #[error("the body came too slowly")]
    TooSlow,
}

impl From<BodyCut> for Interruption {
    fn from(cut: BodyCut) -> Self {
        match cut {
            BodyCut::Gone => Self::ClientGone,
            BodyCut::Idle => Self::Idle,
            BodyCut::TooSlow => Self::TooSlow,
        }
    }
}

/// A body as an adapter hands it to the engine.
pub trait Pieces: Stream<Item = Result<Piece, BodyCut>> + Send + Unpin + 'static {}
impl<B: Stream<Item = Result<Piece, BodyCut>> + Send + Unpin + 'static> Pieces for B {}

/// A body and what its sender said of it.
#[derive(Debug)]
pub struct Body<B> {
    /// The bytes.
    pub pieces: B,
    /// How many there will be, if it was said.
    pub len: Option<u64>,
    /// What they shall sum to.
    pub checksum: ChecksumPlan,
}

/// What a body shall sum to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChecksumPlan {
    /// Nobody said. (One that comes behind the body all the same is checked.)
    None,
    /// Said before the body.
    Given(Checksum),
    /// Announced: it comes behind the body.
    Trailer,
}

/// All uploads: the engine's whole API. Clones are the same engine, for the same caller.
#[derive(Clone)]
pub struct Uploads<S: Store> {
    inner: Arc<Inner<S>>,
    caller: Arc<Caller>,
}

struct Inner<S: Store> {
    store: S,
    rules: ArcSwap<Rules>,
    leases: Leases,
    waiting: Waiting,
    agenda: Agenda,
    seats: Seats<S>,
    lost: Lost,
    in_hand: InHand,
    metrics: Metrics,
    quotas: Quotas,
    closing: CancellationToken,
}

impl<S: Store> Uploads<S> {
    /// An engine over a store, for those who may do all.
    #[must_use]
    pub fn new(store: S, rules: Rules) -> Self {
        let inner = Inner {
            store,
            rules: ArcSwap::from_pointee(rules),
            leases: Leases::default(),
            waiting: Waiting::default(),
            agenda: Agenda::default(),
            seats: Seats::default(),
            lost: Lost::default(),
            in_hand: InHand::default(),
            metrics: Metrics::default(),
            quotas: Quotas::default(),
            closing: CancellationToken::new(),
        };
        Self { inner: Arc::new(inner), caller: Arc::new(Caller::anyone()) }
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Guard<Arc<Rules>> {
        self.inner.rules.load()
    }

    /// Adds what the engine counts to a registry.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.inner.metrics.register(registry);
    }

    /// Enforces these from now on. What has begun goes on as it began.
    pub fn set_rules(&self, rules: Rules) {
        self.inner.rules.store(Arc::new(rules));
    }

    /// Removes an upload; a transfer that is running ends first. Its finished file goes with it.
    ///
    /// # Errors
    /// It is not there, has expired, or its holder does not let go.
    pub async fn terminate(&self, id: UploadId) -> Result<(), UploadError> {
        self.may(Operation::Delete)?;
        // Before anything is disturbed: a client that guesses gets nothing but this read.
        let upload = self.inner.store.peek(id).await?;
        self.check_owner(&upload)?;
        if self.has_expired(&upload) {
            return Err(UploadError::Expired);
        }
        self.take_away(id).await?;
        self.inner.metrics.terminated.inc();
        Ok(())
    }

    /// The same for whoever keeps the uploads: one that has expired is still there to him.
    ///
    /// # Errors
    /// It is not there, or its holder does not let go.
    pub async fn remove(&self, id: UploadId) -> Result<(), UploadError> {
        self.take_away(id).await?;
        self.inner.metrics.terminated.inc();
        Ok(())
    }

    async fn take_away(&self, id: UploadId) -> Result<(), UploadError> {
        self.inner.store.peek(id).await?;
        let lease = self.take_over(id).await?;
        let engine = self.clone();
        self.detached(async move {
            let upload = engine.inner.store.load(lease.id()).await?;
            engine.remove_stored(&upload).await?;
            tracing::info!(%id, offset = upload.offset, "terminated");
            drop(lease);
            engine.forget(&upload).await;
            Ok(())
        })
        .await
    }

    /// The upload, when all of it can be read. Disturbs nobody.
    ///
    /// # Errors
    /// It is not there, has expired, or is not complete.
    pub async fn readable(&self, id: UploadId) -> Result<Upload, UploadError> {
        self.may(Operation::Read)?;
        let upload = self.inner.store.peek(id).await?;
        self.check_owner(&upload)?;
        if self.has_expired(&upload) {
            return Err(UploadError::Expired);
        }
        if !upload.is_complete() {
            return Err(UploadError::Incomplete { offset: upload.offset });
        }
        Ok(upload)
    }

    /// Some bytes of a [`readable`](Self::readable) upload.
    ///
    /// # Errors
    /// The finished file was moved, removed or changed by somebody else.
    pub async fn read(
        &self,
        upload: &Upload,
        range: std::ops::Range<u64>,
    ) -> Result<ByteStream, UploadError> {
        self.inner.store.read(upload, range).await.map_err(|error| match error {
            StoreError::NotFound => UploadError::FileGone,
            other => other.into(),
        })
    }

    /// Ends every append at its next batch, keeping what came, and lets no new one begin.
    pub fn close(&self) {
        self.inner.closing.cancel();
        self.inner.leases.revoke_all();
    }

    /// Waits until [`close`](Self::close) was called: for bodies that the engine does not hold, which would keep the daemon from
    /// going down.
    pub async fn closed(&self) {
        self.inner.closing.cancelled().await;
    }

    /// How many uploads are being changed at the moment.
    #[must_use]
    pub fn busy(&self) -> usize {
        self.inner.leases.count()
    }

    /// How long an upload lives after its last byte, by the rules in force.
    fn lifetime(&self, key: Option<ClientKey>) -> Lifetime {
        Lifetime::of(&self.rules(), key)
    }

    /// The lease, from whoever holds it.
    async fn take_over(&self, id: UploadId) -> Result<Lease, UploadError> {
        if self.inner.leases.holder(id).is_some() {
            self.inner.metrics.takeovers.inc();
        }
        let lease = self.inner.leases.acquire(id).await.map_err(|_| UploadError::Busy)?;
        // After `close` has gone through the list of holders, nobody may become one.
        if self.inner.closing.is_cancelled() {
            return Err(UploadError::Closing);
        }
        Ok(lease)
    }

    /// Reads an upload under its lease, settling what a crash or a failed publication left open.
    async fn open(&self, lease: &Lease) -> Result<Upload, UploadError> {
        let upload = self.inner.store.load(lease.id()).await?;
        if upload.is_expired(Timestamp::now()) {
            return Err(UploadError::Expired);
        }
        if (upload.state == State::Receiving || upload.is_filling()) && upload.has_all_bytes() {
            self.check_digest(&upload, || ()).await?;
            return self.complete(Upload { state: State::Receiving, ..upload }).await;
        }
        Ok(upload)
    }

    /// Publishes an upload that has all its bytes.
    async fn complete(&self, upload: Upload) -> Result<Upload, UploadError> {
        let upload = self.inner.store.publish(upload, None).await?;
        self.note_completion(&upload);
        Ok(upload)
    }

    fn note_mismatch(&self, error: &UploadError) {
        if let UploadError::ChecksumMismatch { .. } = error {
            self.inner.metrics.mismatches.inc();
        }
    }

    /// It has all its bytes now, and had not before.
    fn note_completion(&self, upload: &Upload) {
        self.inner.metrics.completed(upload);
        self.say_complete(upload);
    }

    fn say_complete(&self, upload: &Upload) {
        if let State::Complete { file, .. } = &upload.state {
            tracing::info!(id = %upload.id, bytes = upload.offset, file, "complete");
        }
        if upload.kind == Kind::Partial {
            self.part_completed(upload.id);
        }
    }

    /// Runs work that its caller's end must not cut off. The caller's future holds no more of it than a handle: each
    /// request that waits for an append would carry the append's memory a second time.
    fn detached<T, W>(&self, work: W) -> impl Future<Output = Result<T, UploadError>> + use<S, T, W>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, UploadError>> + Send + 'static,
    {
        let running = tokio::spawn(work.in_current_span());
        async move {
            running.await.unwrap_or_else(|error| {
                let cause = std::io::Error::other(error);
                Err(UploadError::Storage(StoreError::Io("finish its work", cause)))
            })
        }
    }
}
