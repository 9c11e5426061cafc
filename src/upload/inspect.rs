//! Looking at an upload without disturbing a healthy transfer.

use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};

use super::lease::PATIENCE;
use super::{Sees, State, Upload, UploadError, UploadId, Uploads};
use crate::store::Store;

/// How long an append that may be at its end gets to come to it before it is asked for a checkpoint.
const SETTLE: Duration = Duration::from_millis(50);

impl<S: Store> Uploads<S> {
    /// The upload as it may be told now: everything up to its offset is as durable as the store promises.
    ///
    /// A running append is asked to put away what it has and goes on. One whose connection is silent is ended: the
    /// client that asks is most likely its sender, back on a new connection, and what the old one might still deliver
    /// must not move the offset under its feet.
    ///
    /// # Errors
    /// The upload is not there or has expired, or its holder does not come to an end.
    pub async fn inspect(&self, id: UploadId) -> Result<Upload, UploadError> {
        self.may_look()?;
        if self.caller.sees != Sees::All {
            self.check_owner(&self.inner.store.peek(id).await?)?;
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(lease) = self.inner.leases.try_acquire(id) {
                let engine = self.clone();
                return self.detached(async move { engine.open(&lease).await }).await;
            }
            let Some(holder) = self.inner.leases.holder(id) else { continue };
            let mut changed = std::pin::pin!(holder.changed());
            changed.as_mut().enable();
            if !self.inner.leases.is_held_by(id, &holder) {
                // It let go before we listened, and will not say so again.
                continue;
            }
            match holder.progress() {
                Some(progress) if progress.is_stalled() => {
                    if let Ok(lease) = self.take_over(id).await {
                        let engine = self.clone();
                        return self.detached(async move { engine.open(&lease).await }).await;
                    }
                    // A newer request waits for it. To ask again before the holder has let go would take that one's place
                    // and be robbed of it in turn, round and round.
                }
                Some(progress) => {
                    // A client that lost its connection asks at once, when the last of what it sent is still on its way
                    // through our socket. Told an offset now, it would find it passed a moment later.
                    if timeout(SETTLE, changed.as_mut()).await.is_ok() {
                        continue;
                    }
                    if let Some(offset) = progress.checkpoint().await {
                        let upload = self.inner.store.peek(id).await?;
                        return Ok(Upload { offset, ..upload });
                    }
                }
                None => {
                    // Putting a final upload together can take long, and filling one by chunks too; what is recorded of
                    // them can be told without waiting.
                    let upload = self.inner.store.peek(id).await?;
                    if matches!(upload.state, State::Assembling | State::Filling(_)) {
                        return Ok(upload);
                    }
                }
            }
            if self.inner.closing.is_cancelled() || timeout_at(deadline, changed).await.is_err() {
                return Err(UploadError::Busy);
            }
        }
    }
}
