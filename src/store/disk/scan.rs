//! Looking for uploads that are not finished, behind the daemon's back.
//!
//! Only names are read, and only as fast as the receiver takes them: a million uploads must not keep the daemon from
//! serving, nor fill its memory.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;

use super::Shared;
use crate::upload::UploadId;

/// A data file without a sidecar is a creation that was cut off, unless it is one that is going on.
const ORPHAN_AFTER: Duration = Duration::from_secs(3600);

pub(super) fn unfinished(shared: Arc<Shared>) -> mpsc::Receiver<UploadId> {
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
fn scan_shard(shared: &Shared, shard: u8, found: &mpsc::Sender<UploadId>) -> Option<()> {
    let entries = match fs::read_dir(shared.uploads.join(format!("{shard:02x}"))) {
        Ok(entries) => entries,
        Err(error) => {
            tracing::warn!(%error, shard, "can't look through a directory of uploads");
            return Some(());
        }
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(id) = name.to_str().and_then(|name| name.strip_suffix(".data")) else { continue };
        let Ok(id) = UploadId::parse(id) else { continue };
        if fs::exists(shared.sidecar_path(id)).unwrap_or(true) {
            found.blocking_send(id).ok()?;
        } else {
            clear_orphan(shared, id);
        }
    }
    Some(())
}

fn clear_orphan(shared: &Shared, id: UploadId) {
    let path = shared.data_path(id);
    let age = fs::metadata(&path)
        .and_then(|data| data.modified())
        .map(|modified| SystemTime::now().duration_since(modified).unwrap_or_default());
    if age.is_ok_and(|age| age >= ORPHAN_AFTER) {
        match shared.durable.remove(&path) {
            Ok(()) => tracing::info!(%id, "removed what a cut-off creation had left"),
            Err(error) => tracing::warn!(%id, %error, "can't remove what a cut-off creation had left"),
        }
    }
}
