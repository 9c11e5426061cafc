//! Looking for uploads that are not finished, behind the daemon's back.
//!
//! One at a time, and only as fast as the receiver takes them: a million uploads must not keep the daemon from serving,
//! nor fill its memory.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::Shared;
use super::sidecar::Sidecar;
use crate::store::StoreError;
use crate::upload::{Upload, UploadId};

/// A data file without a sidecar is a creation that was cut off, unless it is one that is going on; so is a sidecar that
/// was not put in place.
const ORPHAN_AFTER: Duration = Duration::from_secs(3600);

/// What was found under an upload's name.
pub(super) type Found = (UploadId, Result<Upload, StoreError>);

pub(super) fn unfinished(shared: Arc<Shared>) -> mpsc::Receiver<Found> {
    let (found, receiver) = mpsc::channel(256);
    tokio::task::spawn_blocking(move || {
        for shard in 0..=u8::MAX {
            if scan_shard(&shared, shard, &found).is_none() {
                return;
            }
        }
    });
    receiver
}

/// `None`: nobody listens any more.
fn scan_shard(shared: &Shared, shard: u8, found: &mpsc::Sender<Found>) -> Option<()> {
    let entries = match fs::read_dir(shared.uploads.join(format!("{shard:02x}"))) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(%error, shard, "can't look through a directory of uploads");
            return Some(());
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        if name.ends_with(".new") {
            clear_old(shared, &entry.path(), "a record that was never finished");
        }
        let Some(Ok(id)) = name.strip_suffix(".data").map(UploadId::parse) else { continue };
        match shared.read_sidecar(id).map(Sidecar::into_upload) {
            Err(StoreError::NotFound) => clear_old(shared, &entry.path(), "a creation that was cut off"),
            read => {
                if let Ok(upload) = &read {
                    note_promise(shared, upload);
                }
                found.blocking_send((id, read)).ok()?;
            }
        }
    }
    Some(())
}

/// Notes the room that was promised to an upload, as it was read a moment ago.
fn note_promise(shared: &Shared, upload: &Upload) {
    shared.space.note_found(upload);
    // Gone or complete between the two looks: nobody else will take the promise back.
    let is_over = match shared.read_sidecar(upload.id).map(Sidecar::into_upload) {
        Ok(upload) => upload.is_complete(),
        Err(error) => matches!(error, StoreError::NotFound),
    };
    if is_over {
        shared.space.forget(upload.id);
    }
}

fn clear_old(shared: &Shared, path: &Path, what: &str) {
    let age = fs::metadata(path)
        .and_then(|file| file.modified())
        .map(|modified| SystemTime::now().duration_since(modified).unwrap_or_default());
    if age.is_ok_and(|age| age >= ORPHAN_AFTER) {
        match shared.durable.remove(path) {
            Ok(()) => tracing::info!(?path, "removed what was left of {what}"),
            Err(error) => tracing::warn!(?path, %error, "can't remove what was left of {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::disk::bench;

    #[test]
    fn a_promise_does_not_stay_for_what_has_changed_since_it_was_read() {
        let (_dir, disk) = bench::disk();
        let shared = &disk.shared;
        let [waits, grew, ended, gone] =
            [(); 4].map(|()| shared.create(bench::upload(4), Vec::new()).unwrap());
        // As a process finds them that has just begun.
        for upload in [&waits, &grew, &ended, &gone] {
            shared.space.forget(upload.id);
        }
        // All were read, and this happened before they were noted.
        shared.space.note_written(grew.id, 1);
        fs::write(shared.data_path(ended.id), "four").unwrap();
        shared.publish(Upload { offset: 4, ..ended.clone() }, None).unwrap();
        shared.remove(&gone).unwrap();
        for (upload, promised) in [(grew, 1), (ended, 1), (gone, 1), (waits, 5)] {
            note_promise(shared, &upload);
            assert_eq!(shared.space.promised(), promised);
        }
    }
}
