//! A body on its way to the store.
//!
//! Two things go on at once: pieces are gathered into a batch while the batch before is being written. The batch is
//! large, so that a hop to a writing thread costs nothing beside it; and it never waits long, so that a slow line's
//! bytes are put away as they come.

mod batch;
mod checkpoint;
mod ending;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use prometheus_client::metrics::counter::Counter;
use tokio::time::{Instant, sleep};

use self::batch::Batch;
pub(super) use self::batch::InHand;
use self::ending::Verification;
use super::lifetime::Lifetime;
use super::progress::{Asks, Progress};
use super::{Body, Checksum, Inner, Interruption, Piece, Pieces, State, Upload};
use crate::store::{Store, StoreError, Writer, Written};

/// How long bytes may wait for company before they are written.
const LINGER: Duration = Duration::from_millis(5);

/// The same for a body that can't be kept before it is verified: writing it early gains nothing but memory.
const LINGER_UNVERIFIED: Duration = Duration::from_millis(250);

/// Why a body ended.
#[derive(Debug)]
pub(super) enum End {
    /// As it should.
    Finished,
    /// It would go beyond the upload's length.
    Overlong,
    /// What follows is there already, in chunks.
    Enough,
    /// Before its end.
    Cut(Interruption),
    /// The store could not go on.
    Fault(StoreError),
}

/// How far a body's bytes are kept that can't be kept all.
#[derive(Debug, Clone, Copy)]
pub(super) enum Floor {
    /// Down to what somebody was told: the bytes are wrong.
    Told,
    /// Down to what a checkpoint has made durable: the bytes are right, and the store failed at what came after.
    Durable,
}

type Running<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Where a body's bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// To the upload's end, or into its first gap: each of them counts as soon as it is written.
    Offset,
    /// To a chunk's place: they count when it is whole.
    Chunk,
}

/// What became of a piece.
enum Taken {
    Whole,
    UpToTheChunks,
    Nothing,
}

/// One body being received.
pub(super) struct Reception<S: Store, B> {
    store: S,
    writer: S::Writer,
    /// As it was when the body began; its offset is where the body begins.
    upload: Upload,
    pieces: B,
    place: Place,
    limit: u64,
    /// Where chunks begin that are there already. They are not written again: they were acknowledged.
    chunks_from: Option<u64>,
    verification: Verification,
    trailer: Option<Result<Checksum, String>>,
    batch: Batch,
    /// Where the body has come to.
    came: u64,
    /// Bytes in hand, as an offset.
    received: u64,
    /// Bytes written, as an offset.
    written: u64,
    /// The greatest offset that somebody was told.
    told: u64,
    /// The greatest offset that was recorded: it is never smaller than what was told.
    durable: u64,
    /// The sidecar says that what lies beyond the offset is not verified.
    marked: bool,
    writing: Option<Running<Written>>,
    checkpoint: Option<(u64, Running<Result<(), StoreError>>)>,
    last_checkpoint: u64,
    /// See [`Rules::checkpoint`](super::Rules::checkpoint).
    checkpoint_after: u64,
    lifetime: Lifetime,
    /// Counts what was written.
    stored: Counter,
}

impl<S: Store, B: Pieces> Reception<S, B> {
    pub(super) fn new(
        engine: &Inner<S>,
        writer: S::Writer,
        upload: Upload,
        body: Body<B>,
        place: Place,
        limit: u64,
    ) -> Self {
        let base = upload.offset;
        let chunks_from = match &upload.state {
            State::Filling(chunks) if place == Place::Offset => chunks.end_of_gap(),
            _ => None,
        };
        let rules = engine.rules.load();
        let lifetime = Lifetime::of(&rules, upload.key);
        Self {
            store: engine.store.clone(),
            writer,
            upload,
            pieces: body.pieces,
            place,
            limit,
            chunks_from,
            verification: Verification::of(body.checksum),
            trailer: None,
            batch: Batch::new(engine.in_hand.clone()),
            came: base,
            received: base,
            written: base,
            told: base,
            durable: base,
            marked: false,
            writing: None,
            checkpoint: None,
            last_checkpoint: base,
            checkpoint_after: rules.checkpoint,
            lifetime,
            stored: engine.metrics.bytes.clone(),
        }
    }

    /// The body is kept only if it sums up.
    pub(super) fn is_verified(&self) -> bool {
        !matches!(self.verification, Verification::None)
    }

    pub(super) fn upload(&self) -> &Upload {
        &self.upload
    }

    /// Down to where the offset falls.
    pub(super) fn floor(&self, floor: Floor) -> u64 {
        match floor {
            Floor::Told => self.told,
            Floor::Durable => self.durable,
        }
    }

    /// The store holds more than before the body began.
    pub(super) fn has_touched_the_store(&self) -> bool {
        self.marked || self.written > self.upload.offset || self.last_checkpoint > self.upload.offset
    }

    pub(super) fn into_parts(self) -> (Upload, S::Writer, u64) {
        (self.upload, self.writer, self.written)
    }

    /// Receives until the body ends, one way or the other. What is in the batch then is not written yet.
    pub(super) async fn run(
        &mut self,
        revoked: impl Future<Output = Interruption>,
        progress: &Progress,
        mut asks: Asks,
    ) -> End {
        let mut revoked = pin!(revoked);
        let mut linger = pin!(sleep(LINGER));
        let linger_for = if self.is_verified() { LINGER_UNVERIFIED } else { LINGER };
        loop {
            if self.writing.is_none()
                && self.batch.is_due()
                && let Err(fault) = self.submit().await
            {
                return End::Fault(fault);
            }
            let has_room = self.batch.has_room();
            let may_write = self.writing.is_none() && self.batch.len() > 0;
            tokio::select! {
                biased;
                cause = &mut revoked => return End::Cut(cause),
                Some(ask) = asks.recv() => match self.tell().await {
                    Ok(offset) => drop(ask.send(offset)),
                    Err(fault) => return End::Fault(fault),
                },
                written = running(&mut self.writing), if self.writing.is_some() => {
                    if let Err(fault) = self.note_written(written) {
                        return End::Fault(fault);
                    }
                    if self.checkpoint.is_none() && self.is_checkpoint_due() {
                        self.begin_checkpoint();
                    }
                }
                saved = saving(&mut self.checkpoint), if self.checkpoint.is_some() => {
                    if let Err(fault) = self.note_saved(saved) {
                        return End::Fault(fault);
                    }
                }
                piece = poll_fn(|cx| Pin::new(&mut self.pieces).poll_next(cx)), if has_room => match piece {
                    Some(Ok(Piece::Bytes(bytes))) => {
                        if self.batch.len() == 0 {
                            linger.as_mut().reset(Instant::now() + linger_for);
                        }
                        let taken = self.take(bytes);
                        progress.advance(if self.is_verified() { self.upload.offset } else { self.received });
                        match taken {
                            Taken::Whole => {}
                            // The checksum is over all of it.
                            Taken::UpToTheChunks if self.is_verified() => {}
                            Taken::UpToTheChunks => return End::Enough,
                            Taken::Nothing => return End::Overlong,
                        }
                    }
                    Some(Ok(Piece::Checksum(checksum))) => self.trailer = Some(checksum),
                    Some(Err(cut)) => return End::Cut(cut.into()),
                    None => return End::Finished,
                },
                () = &mut linger, if may_write => if let Err(fault) = self.submit().await {
                    return End::Fault(fault);
                },
            }
        }
    }

    /// Takes a piece into the batch, as far as it is wanted.
    fn take(&mut self, mut bytes: Bytes) -> Taken {
        let end = self.came.saturating_add(bytes.len() as u64);
        if end > self.limit {
            return Taken::Nothing;
        }
        self.came = end;
        if let Verification::Given(_, hasher) = &mut self.verification {
            hasher.update(&bytes);
        }
        let wanted = self.chunks_from.unwrap_or(u64::MAX).saturating_sub(self.received);
        let taken = if bytes.len() as u64 <= wanted { Taken::Whole } else { Taken::UpToTheChunks };
        bytes.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));
        self.received += bytes.len() as u64;
        self.batch.push(bytes);
        taken
    }

    /// Begins to write the batch. Nothing is being written at the moment.
    async fn submit(&mut self) -> Result<(), StoreError> {
        // In a gap between chunks what is not recorded counts for nothing anyway.
        if self.is_verified() && !self.marked && !self.upload.is_filling() {
            // From here on bytes lie beyond the offset that may have to go again, also after a crash.
            let marked = self.record();
            self.store.save(&marked, None).await?;
            self.marked = true;
        }
        let batch = self.batch.take();
        self.writing = Some(Box::pin(self.writer.write(batch)));
        Ok(())
    }

    fn note_written(&mut self, written: Written) -> Result<(), StoreError> {
        self.writing = None;
        self.batch.has_left();
        self.written += written.bytes;
        self.stored.inc_by(written.bytes);
        if let Some(fault) = written.fault {
            // What was in hand behind it can't be written either.
            self.batch.clear();
            (self.received, self.came) = (self.written, self.written);
            return Err(fault);
        }
        Ok(())
    }
}

/// Goes on with what is running, if anything is.
async fn running(writing: &mut Option<Running<Written>>) -> Written {
    match writing {
        Some(writing) => writing.await,
        None => std::future::pending().await,
    }
}

async fn saving(checkpoint: &mut Option<(u64, Running<Result<(), StoreError>>)>) -> Result<(), StoreError> {
    match checkpoint {
        Some((_, saved)) => saved.await,
        None => std::future::pending().await,
    }
}
