//! How far a running append has come, for the requests that ask while it runs.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A body that brought nothing for this long is taken for a dead connection as soon as somebody else asks for the
/// upload. Nobody else asking, it may be silent up to the idle limit.
pub const STALLED_AFTER: Duration = Duration::from_millis(500);

/// Shared between the append and whoever asks for it.
pub struct Progress {
    /// Bytes in hand: the offset if the append were to end now.
    received: AtomicU64,
    /// When the last piece came, in milliseconds since [`epoch`].
    last_piece: AtomicU64,
    asks: mpsc::Sender<oneshot::Sender<u64>>,
}

/// The append's end of the questions that others ask it.
pub type Asks = mpsc::Receiver<oneshot::Sender<u64>>;

impl Progress {
    /// Starts at an offset.
    #[must_use]
    pub fn new(offset: u64) -> (Self, Asks) {
        // One question at a time: whoever comes second waits for a place, and is answered by the next checkpoint.
        let (asks, receiver) = mpsc::channel(1);
        let progress = Self { received: AtomicU64::new(offset), last_piece: AtomicU64::new(0), asks };
        progress.advance(offset);
        (progress, receiver)
    }

    /// A piece came: the append has bytes in hand up to `received`.
    pub fn advance(&self, received: u64) {
        self.received.store(received, Ordering::Relaxed);
        self.last_piece.store(now(), Ordering::Relaxed);
    }

    /// The offset if the append were to end now.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// Nothing has come for [`STALLED_AFTER`].
    #[must_use]
    pub fn is_stalled(&self) -> bool {
        let silent = now().saturating_sub(self.last_piece.load(Ordering::Relaxed));
        u128::from(silent) >= STALLED_AFTER.as_millis()
    }

    /// Asks the append to put away what it has, without ending, and to tell the offset that may be told now.
    /// `None`: it is ending by itself; its lease will be free in a moment.
    pub async fn checkpoint(&self) -> Option<u64> {
        let (sender, receiver) = oneshot::channel();
        self.asks.send(sender).await.ok()?;
        receiver.await.ok()
    }
}

fn now() -> u64 {
    static EPOCH: OnceLock<Instant> = OnceLock::new();
    let elapsed = EPOCH.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}
