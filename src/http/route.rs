//! Paths, parsed once: behind this there are no strings left to match.

use crate::config::Config;
use crate::upload::UploadId;

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route<'p> {
    /// The upload collection.
    Collection,
    /// One upload.
    Upload(UploadId),
    /// Below the collection, and the name of no upload.
    NoUpload,
    /// Where Resumable.js sends its chunks.
    Chunks,
    /// Anything else: the page's, if it has it.
    Page(&'p str),
}

impl<'p> Route<'p> {
    /// Reads a request's path.
    #[must_use]
    pub fn parse(config: &Config, path: &'p str) -> Self {
        if config.resumable.path.as_deref() == Some(path) {
            return Self::Chunks;
        }
        let base = &config.base_path;
        match base.strip(path) {
            Some("") => Self::Collection,
            Some(rest) => match UploadId::parse(rest) {
                Ok(id) => Self::Upload(id),
                // With the base path `/` the page lives among the uploads.
                Err(_) if base.as_str() == "/" => Self::Page(path),
                Err(_) => Self::NoUpload,
            },
            None => Self::Page(path),
        }
    }
}
