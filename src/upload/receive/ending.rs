//! What is done with a body that has ended, before it is decided what stays of it.

use super::Reception;
use crate::store::{Store, StoreError, Writer as _};
use crate::upload::{Checksum, ChecksumPlan, Hasher, Pieces, UploadError};

/// What a body's bytes have to sum to.
pub(super) enum Verification {
    None,
    Given(Checksum, Hasher),
    Trailer,
}

impl Verification {
    pub(super) fn of(plan: ChecksumPlan) -> Self {
        match plan {
            ChecksumPlan::None => Self::None,
            ChecksumPlan::Given(checksum) => {
                let hasher = checksum.algorithm().hasher();
                Self::Given(checksum, hasher)
            }
            ChecksumPlan::Trailer => Self::Trailer,
        }
    }
}

impl<S: Store, B: Pieces> Reception<S, B> {
    /// Writes all that is in hand, and waits for the checkpoint that is under way.
    pub(in crate::upload) async fn flush(&mut self) -> Result<(), StoreError> {
        let written = self.write_out().await;
        // Also after a fault: a record that came later than the one which settles the body would undo it.
        let saved = match &mut self.checkpoint {
            Some((_, saved)) => saved.await,
            None => return written,
        };
        // What is not synced matters more than what is not written.
        self.note_saved(saved).and(written)
    }

    async fn write_out(&mut self) -> Result<(), StoreError> {
        loop {
            if let Some(writing) = &mut self.writing {
                let written = writing.await;
                self.note_written(written)?;
            }
            if self.batch.len() == 0 {
                return Ok(());
            }
            self.submit().await?;
        }
    }

    /// Waits for what is being written and forgets the rest.
    pub(in crate::upload) async fn finish_writing(&mut self) {
        self.batch.clear();
        // The body goes, whatever became of its writes.
        let _ = self.flush().await;
    }

    /// Compares the whole body with its checksum.
    pub(in crate::upload) async fn verify(&mut self) -> Result<(), UploadError> {
        let base = self.upload.offset;
        let (checksum, hasher) =
            match (std::mem::replace(&mut self.verification, Verification::Trailer), self.trailer.take()) {
                (Verification::Given(checksum, hasher), _) => (checksum, hasher),
                (Verification::None, None) => {
                    self.verification = Verification::None;
                    return Ok(());
                }
                (Verification::Trailer, None) => {
                    return Err(UploadError::BadTrailer("it was announced and did not come".to_owned()));
                }
                (Verification::None | Verification::Trailer, Some(checksum)) => {
                    let checksum = checksum.map_err(UploadError::BadTrailer)?;
                    let hasher = self.hash_again(checksum.algorithm().hasher()).await?;
                    (checksum, hasher)
                }
            };
        if checksum.matches(hasher) {
            return Ok(());
        }
        debug_assert!(self.told == base || !self.marked, "nobody is told an offset that is not verified");
        Err(UploadError::ChecksumMismatch { algorithm: checksum.algorithm() })
    }

    /// The algorithm is known only now: what was written is read back (it is still in memory), the rest is in hand.
    async fn hash_again(&mut self, hasher: Hasher) -> Result<Hasher, UploadError> {
        if let Some(writing) = &mut self.writing {
            let written = writing.await;
            self.note_written(written)?;
        }
        if self.came > self.received {
            return Err(UploadError::BadTrailer("it is over chunks that are there already".to_owned()));
        }
        let mut hasher = self.writer.digest(self.upload.offset..self.written, hasher).await?;
        self.batch.bytes().iter().for_each(|bytes| hasher.update(bytes));
        Ok(hasher)
    }
}
