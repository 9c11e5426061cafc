//! The record of an upload: read, put in place, and told only once it holds.

use std::fs::{self, File};

use super::sidecar::Sidecar;
use super::{Shared, absent, fault, half_done};
use crate::store::StoreError;
use crate::upload::{Upload, UploadId};

impl Shared {
    pub(super) fn read_sidecar(&self, id: UploadId) -> Result<Sidecar, StoreError> {
        let json = fs::read(self.sidecar_path(id)).map_err(|error| absent(error, "read the sidecar"))?;
        Sidecar::from_json(&json, id).map_err(StoreError::Damaged)
    }

    /// Puts the sidecar in place, once `written` is synced; its name is durable after the shard's sync.
    pub(super) fn stage_sidecar(&self, upload: &Upload, written: Option<&File>) -> Result<(), StoreError> {
        let json = Sidecar::new(upload, self.epoch.as_deref().unwrap_or_default())
            .to_json()
            .map_err(|error| fault("write the sidecar", error.into()))?;
        let path = self.sidecar_path(upload.id);
        match written {
            None => self.durable.replace(&path, &json),
            Some(file) => {
                let sync = || self.durable.sync_data(file);
                let (synced, placed) = self.durable.replace_beside(&path, &json, sync);
                synced.map_err(StoreError::Unsynced)?;
                placed
            }
        }
        .map_err(|error| fault("write the sidecar", error))?;
        self.space.note(upload);
        Ok(())
    }

    pub(super) fn save(&self, upload: &Upload, written: Option<&File>) -> Result<(), StoreError> {
        let saved = self.stage_sidecar(upload, written).and_then(|()| self.sync_shard(upload.id));
        // Also where a crash is mended: the new record can be read by now, and may not be told.
        self.suspects.watch(upload.id, saved)
    }

    /// The upload as it was last saved. What may not have been saved durably is not told.
    pub(super) fn peek(&self, id: UploadId) -> Result<Upload, StoreError> {
        let read = || self.read_sidecar(id).map(Sidecar::into_upload);
        let found = read();
        // In this order: a save that has failed leaves a suspect behind before it ends.
        if !self.saving.contains(&id) && !self.suspects.contains(id) {
            return found;
        }
        self.saving.alone(id, || {
            let found = read();
            match &found {
                _ if !self.suspects.contains(id) => {}
                // Written anew, so that it is synced anew. To sync the same again would prove nothing.
                Ok(upload) => self.save(upload, None)?,
                Err(StoreError::NotFound) => self.settle_removal(id)?,
                Err(_) => {}
            }
            found
        })
    }

    /// Its removal was begun and could not be made durable: a power cut might bring the upload back.
    pub(super) fn settle_removal(&self, id: UploadId) -> Result<(), StoreError> {
        self.sync_shard(id)?;
        self.suspects.clear(id);
        Ok(())
    }

    /// Changes an upload's record, and remembers if that failed.
    pub(super) fn change<T>(
        &self,
        id: UploadId,
        work: impl FnOnce() -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.saving.alone(id, || self.suspects.watch(id, work()))
    }

    pub(super) fn sync_shard(&self, id: UploadId) -> Result<(), StoreError> {
        self.durable.sync_dir(&self.shard(id)).map_err(|error| half_done("sync the directory", error))
    }

    pub(super) fn declare_length(&self, upload: &Upload) -> Result<(), StoreError> {
        self.space.promise_rest(upload)?;
        self.change(upload.id, || self.save(upload, None)).inspect_err(|_| self.space.forget(upload.id))
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::store::Store as _;
    use crate::store::disk::bench;

    #[tokio::test]
    async fn a_deletion_that_may_not_hold_is_told_to_nobody() {
        for is_loaded in [false, true] {
            let (_dir, disk) = bench::disk();
            let trouble = &disk.shared.durable.trouble;
            let upload = disk.create(bench::upload(10), Vec::new()).await.unwrap();
            let look = async || match is_loaded {
                true => disk.load(upload.id).await,
                false => disk.peek(upload.id).await,
            };
            trouble.fail_at("/uploads/");
            disk.remove(&upload).await.unwrap_err();
            // A power cut might bring it back still.
            for _ in 0..2 {
                assert!(matches!(look().await, Err(StoreError::Io(..))), "loaded: {is_loaded}");
            }

            let synced = Arc::new(Mutex::new(Vec::<PathBuf>::new()));
            let seen = Arc::clone(&synced);
            trouble.begin(move |dir| {
                seen.lock().unwrap().push(dir.to_owned());
                Ok(())
            });
            // Whoever asks has it synced first, once.
            for _ in 0..2 {
                assert!(matches!(look().await, Err(StoreError::NotFound)));
                assert_eq!(*synced.lock().unwrap(), [disk.shared.shard(upload.id)]);
            }
        }
    }
}
