//! What a crash left of an upload, brought into a defined state on first touch.
//!
//! | the sidecar says | beside it | then |
//! |---|---|---|
//! | receiving | data longer than its offset, same epoch | the process died: all that arrived is kept |
//! | receiving | data longer than its offset, other epoch | a power cut: what was not synced is cut off |
//! | receiving | data shorter than its offset | the disk lost bytes: the offset goes back to what is there |
//! | filling | data shorter than its last chunk | the disk lost bytes: the chunks beyond are forgotten |
//! | verifying | data longer than its offset | the body was not verified: it is cut off |
//! | complete, published | data still under its own name | the rename is done again |
//! | receiving, and a sync has failed in this process | data longer than its offset | it is cut off, as after a power cut |
//! | anything | no data where there must be some | damaged: an error, and nothing is touched |

use std::fs::{self, File, Metadata, OpenOptions};
use std::io;

use super::{Shared, changed, fault};
use crate::store::StoreError;
use crate::upload::{State, Upload, UploadId};

impl Shared {
    pub(super) fn recover(&self, id: UploadId) -> Result<Upload, StoreError> {
        let suspect = self.suspects.contains(id);
        let sidecar = match self.read_sidecar(id) {
            Err(StoreError::NotFound) if suspect => {
                self.settle_removal(id)?;
                return Err(StoreError::NotFound);
            }
            read => read?,
        };
        let same_epoch = self.epoch.as_deref().is_some_and(|epoch| epoch == sidecar.epoch());
        let upload = self.recover_as(sidecar.into_upload(), same_epoch && !suspect)?;
        if suspect {
            // Written anew, so that it is synced anew.
            self.save(&upload, None)?;
            self.suspects.clear(id);
        }
        Ok(upload)
    }

    fn recover_as(&self, upload: Upload, same_epoch: bool) -> Result<Upload, StoreError> {
        let id = upload.id;
        match &upload.state {
            State::Receiving | State::Verifying => self.recover_data(upload, same_epoch),
            State::Complete { file: Some(name), .. } if fs::exists(self.data_path(id)).unwrap_or(false) => {
                let name = name.clone();
                self.finish_publication(upload, &name)
            }
            State::Filling(_) => self.recover_chunks(upload),
            State::Complete { .. } | State::Assembling => Ok(upload),
        }
    }

    fn recover_data(&self, mut upload: Upload, same_epoch: bool) -> Result<Upload, StoreError> {
        let file = OpenOptions::new().read(true).write(true).open(self.data_path(upload.id));
        let file = file.map_err(|error| no_data(error, "open the data"))?;
        let data = file.metadata().map_err(|error| fault("look at the data", error))?;
        let stored = data.len();
        let was = upload.offset;
        let trusted = upload.state == State::Receiving && same_epoch;
        upload.offset = match upload.length.known() {
            _ if !trusted => was.min(stored),
            Some(length) => stored.min(length),
            None => stored,
        };
        if upload.offset == was && stored == was && trusted {
            return Ok(upload);
        }
        if upload.offset > was {
            keep_alive(&mut upload, &data);
        }
        if upload.offset != was {
            tracing::info!(id = %upload.id, from = was, to = upload.offset, "recovered an upload after a crash");
        }
        self.settle(&file, upload, stored)
    }

    /// Chunks are recorded after they are synced, so all that is recorded is there, unless the disk lost bytes.
    fn recover_chunks(&self, mut upload: Upload) -> Result<Upload, StoreError> {
        let stored = fs::metadata(self.data_path(upload.id))
            .map_err(|error| no_data(error, "look at the data"))?
            .len();
        let State::Filling(chunks) = &mut upload.state else { return Ok(upload) };
        if chunks.end_of_last() > stored {
            chunks.forget_beyond(stored);
            upload.offset = chunks.offset();
            tracing::warn!(id = %upload.id, "the disk lost chunks; they will be asked for again");
            self.save(&upload, None)?;
        }
        Ok(upload)
    }

    /// Makes files and sidecar agree, durably: from here on the offset may be told.
    fn settle(&self, file: &File, mut upload: Upload, stored: u64) -> Result<Upload, StoreError> {
        if stored > upload.offset {
            self.durable.set_len(file, upload.offset).map_err(|error| fault("cut off", error))?;
        }
        upload.state = State::Receiving;
        self.save(&upload, Some(file))?;
        Ok(upload)
    }
}

/// Bytes came after the record was written, so the upload lives from the last of them on.
fn keep_alive(upload: &mut Upload, data: &Metadata) {
    let Some(came) = changed(data).filter(|came| *came > upload.modified) else { return };
    let longer = came.duration_since(upload.modified);
    upload.modified = came;
    upload.expires = upload.expires.and_then(|expires| expires.checked_add(longer).ok());
}

/// Without its bytes an upload is damaged. That they can't be reached at the moment is another matter.
fn no_data(error: io::Error, doing: &'static str) -> StoreError {
    match error.kind() {
        io::ErrorKind::NotFound => StoreError::Damaged("its data file is not there".to_owned()),
        _ => fault(doing, error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store as _;
    use crate::store::disk::bench;

    #[tokio::test]
    async fn what_could_not_be_mended_durably_is_told_to_nobody() {
        let (_dir, disk) = bench::disk();
        let upload = disk.create(bench::upload(10), Vec::new()).await.unwrap();
        // As a process leaves it that died after a write.
        fs::write(disk.shared.data_path(upload.id), b"eight by").unwrap();
        disk.shared.durable.trouble.fail_at("/uploads/");
        disk.load(upload.id).await.unwrap_err();
        // The record that it wrote can be read by now, and a power cut might take it back.
        for _ in 0..2 {
            assert!(matches!(disk.peek(upload.id).await, Err(StoreError::Io(..))));
        }
        disk.shared.durable.trouble.end();
        let told = disk.peek(upload.id).await.unwrap();
        assert_eq!(disk.load(upload.id).await.unwrap().offset, told.offset, "what was told stays");
    }
}
