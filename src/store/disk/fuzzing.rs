//! Sidecars, for `fuzz/`.

use super::sidecar::Sidecar;
use crate::upload::{Upload, UploadId};

/// Reads a sidecar.
///
/// # Errors
/// A sentence for the log.
pub fn read_sidecar(json: &[u8], id: UploadId) -> Result<Upload, String> {
    Sidecar::from_json(json, id).map(Sidecar::into_upload)
}

/// Writes one.
#[must_use]
pub fn write_sidecar(upload: &Upload) -> Option<Vec<u8>> {
    Sidecar::new(upload, "epoch").to_json().ok()
}
