//! What is put away in the middle of a body: a checkpoint behind its back, or one that somebody asks for.

use jiff::Timestamp;

use super::{Place, Reception};
use crate::store::{Store, StoreError};
use crate::upload::{Pieces, State, Upload};

impl<S: Store, B: Pieces> Reception<S, B> {
    /// Much has come since the last record, or a little and the record is old.
    pub(super) fn is_checkpoint_due(&self) -> bool {
        // A chunk counts when it is whole, so there is nothing to record before.
        if self.place == Place::Chunk {
            return false;
        }
        let came = self.written - self.last_checkpoint;
        (came >= self.checkpoint_after && !self.is_verified())
            || self.lifetime.is_running_out(&self.upload, Timestamp::now())
    }

    pub(super) fn begin_checkpoint(&mut self) {
        let reached = self.record();
        self.last_checkpoint = self.written;
        let written = (!self.is_verified()).then_some(&self.writer);
        let save = self.store.save(&reached, written);
        self.checkpoint = Some((reached.offset, Box::pin(save)));
    }

    pub(super) fn note_saved(&mut self, saved: Result<(), StoreError>) -> Result<(), StoreError> {
        let reached = self.checkpoint.take().map_or(self.durable, |(offset, _)| offset);
        saved?;
        self.durable = self.durable.max(reached);
        Ok(())
    }

    /// The upload as it is recorded in the middle of its body: with what was written, if that counts already, and with a
    /// lifetime before it.
    pub(super) fn record(&mut self) -> Upload {
        if !self.is_verified() || self.lifetime.is_running_out(&self.upload, Timestamp::now()) {
            self.lifetime.renew(&mut self.upload);
        }
        let mut upload = self.upload.clone();
        match self.is_verified() {
            true if upload.is_filling() => {}
            true => upload.state = State::Verifying,
            false => upload.reach(self.written),
        }
        upload
    }

    /// Puts away all that is in hand, and answers the offset that may be told.
    pub(super) async fn tell(&mut self) -> Result<u64, StoreError> {
        if self.is_verified() || self.received <= self.told {
            return Ok(self.told);
        }
        self.flush().await?;
        let reached = self.record();
        self.last_checkpoint = self.written;
        self.store.save(&reached, Some(&self.writer)).await?;
        (self.told, self.durable) = (reached.offset, reached.offset);
        Ok(self.told)
    }
}
