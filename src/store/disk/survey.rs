//! Reading what is recorded of every upload, for people, beside a daemon that may be running.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::sidecar::Sidecar;
use crate::store::StoreError;
use crate::upload::{State, Upload, UploadId};

/// An upload as it is recorded.
#[derive(Debug)]
pub struct Recorded {
    /// Its name.
    pub id: UploadId,
    /// The record, or why it can't be used.
    pub upload: Result<Upload, StoreError>,
    /// Where its bytes are, if they are: below its own name, or the finished file.
    pub bytes_at: Option<PathBuf>,
    /// How many there are.
    pub stored: u64,
}

/// Every upload of a data directory, one after the other. Nothing is changed.
///
/// # Errors
/// There is no data directory.
pub fn all(dir: &Path) -> io::Result<impl Iterator<Item = Recorded>> {
    let (dir, uploads) = (dir.to_owned(), dir.join("uploads"));
    let shards = fs::read_dir(&uploads)?;
    let records =
        shards.flatten().flat_map(|shard| fs::read_dir(shard.path()).into_iter().flatten().flatten());
    Ok(records.filter_map(move |record| {
        let name = record.file_name();
        let id = UploadId::parse(name.to_str()?.strip_suffix(".json")?).ok()?;
        one(&dir, id)
    }))
}

/// One upload of a data directory. `None`: it is not there.
#[must_use]
pub fn one(dir: &Path, id: UploadId) -> Option<Recorded> {
    let shard = dir.join("uploads").join(format!("{:02x}", id.shard()));
    let upload = match fs::read(shard.join(format!("{id}.json"))) {
        Ok(json) => Sidecar::from_json(&json, id).map(Sidecar::into_upload).map_err(StoreError::Damaged),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => Err(StoreError::Io("read the sidecar", error)),
    };
    let own = shard.join(format!("{id}.data"));
    let published = match upload.as_ref().map(|upload| &upload.state) {
        Ok(State::Complete { file: Some(name), .. }) => Some(dir.join("files").join(name)),
        _ => None,
    };
    let found = [Some(own), published].into_iter().flatten().find_map(|path| {
        let len = fs::metadata(&path).ok()?.len();
        Some((path, len))
    });
    let (bytes_at, stored) = found.map_or((None, 0), |(path, len)| (Some(path), len));
    Some(Recorded { id, upload, bytes_at, stored })
}
