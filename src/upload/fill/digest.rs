//! The digest of the whole, which may come with any of the chunks.

use crate::store::{Store, Writer as _};
use crate::upload::{State, Upload, UploadError, Uploads};

impl<S: Store> Uploads<S> {
    /// Holds an upload that has all its bytes against the digest that a client sent with its chunks, if the rules want that.
    /// One that does not sum up is removed: nothing of it can be trusted, and asking for it again chunk by chunk would find
    /// all of them there. `before` comes first then.
    ///
    /// # Errors
    /// It does not sum up; or the store can't be read, which is no reason to lose what was acknowledged.
    pub(in crate::upload) async fn check_digest(
        &self,
        upload: &Upload,
        before: impl FnOnce(),
    ) -> Result<(), UploadError> {
        let State::Filling(chunks) = &upload.state else { return Ok(()) };
        let Some(digest) = chunks.digest().filter(|_| self.rules().verify) else { return Ok(()) };
        let algorithm = digest.algorithm();
        let writer = self.inner.store.writer(upload).await?;
        let hasher = writer.digest(0..upload.offset, algorithm.hasher()).await?;
        if digest.matches(hasher) {
            return Ok(());
        }
        before();
        self.inner.store.remove(upload).await?;
        let error = UploadError::ChecksumMismatch { algorithm };
        self.note_mismatch(&error);
        self.inner.metrics.removed(upload);
        Err(error)
    }
}
