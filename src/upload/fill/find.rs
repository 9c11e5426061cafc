//! From a client's own name to its upload.

use jiff::Timestamp;

use crate::store::{Store, StoreError};
use crate::upload::{ClientKey, Upload, UploadError, Uploads};

impl<S: Store> Uploads<S> {
    /// The upload that a client's own name leads to, as it was last recorded. Disturbs nobody.
    ///
    /// # Errors
    /// The store can't be reached.
    pub async fn find(&self, key: ClientKey) -> Result<Option<Upload>, UploadError> {
        match self.look_up(key).await {
            Err(UploadError::Damaged(StoreError::Damaged(why))) => {
                // Its client can do no better than begin again. What is left of it is the administrator's.
                tracing::error!(%key, why, "what a client's name leads to is damaged");
                Ok(None)
            }
            found => found,
        }
    }

    pub(super) async fn look_up(&self, key: ClientKey) -> Result<Option<Upload>, UploadError> {
        self.may_look()?;
        let found = match self.inner.store.lookup(key).await {
            Ok(Some(id)) => self.inner.store.peek(id).await,
            Ok(None) => return Ok(None),
            Err(error) => Err(error),
        };
        match found {
            Ok(upload) if self.check_owner(&upload).is_err() => Ok(None),
            Ok(upload) if self.is_remembered(&upload) => Ok(Some(upload)),
            Ok(upload) => {
                self.inner.lost.note(&upload);
                Ok(None)
            }
            Err(StoreError::NotFound) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The same for a client who wants to know of one chunk.
    ///
    /// # Errors
    /// The store can't be reached.
    pub async fn find_chunk(&self, key: ClientKey, number: u64) -> Result<Option<Upload>, UploadError> {
        let found = self.find(key).await?;
        if found.is_none() {
            // One that begins from the top says so by asking.
            self.inner.lost.meet(key, number);
        }
        Ok(found)
    }

    /// A client's name leads to its upload until that expires; to a complete one for as long after its last byte, for the
    /// client that did not hear the last answer. After that the same name is a new upload.
    fn is_remembered(&self, upload: &Upload) -> bool {
        upload.expires.is_none_or(|expires| expires > Timestamp::now()) || self.is_growing(upload)
    }
}
