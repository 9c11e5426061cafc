//! Headers, for `fuzz/`.

use headers::Header as _;
use http::{HeaderMap, HeaderValue};

use super::headers::{UploadChecksum, UploadConcat};
use crate::upload::Checksum;

/// `Upload-Concat` as it is read: the URLs of a final upload (none: it is a partial one), and the value written again.
#[must_use]
pub fn upload_concat(value: &[u8]) -> Option<(Vec<String>, Vec<u8>)> {
    let value = HeaderValue::from_bytes(value).ok()?;
    let concat = UploadConcat::decode(&mut std::iter::once(&value)).ok()?;
    let mut written = Vec::new();
    concat.encode(&mut written);
    let urls = match concat {
        UploadConcat::Partial => Vec::new(),
        UploadConcat::Final { urls, .. } => urls,
    };
    Some((urls, written.first()?.as_bytes().to_vec()))
}

/// `Upload-Checksum` as it is read.
#[must_use]
pub fn upload_checksum(value: &[u8]) -> Option<Checksum> {
    let value = HeaderValue::from_bytes(value).ok()?;
    let headers: HeaderMap =
        std::iter::once((http::HeaderName::from_static("upload-checksum"), value)).collect();
    UploadChecksum::read(&headers)?.ok()
}
