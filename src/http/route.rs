//! Paths, parsed once: behind this there are no strings left to match.

use super::monitor::Watch;
use crate::config::Config;
use crate::upload::UploadId;

/// Which listener a request came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Where uploads come.
    Public,
    /// `--admin-listen`: for those who watch.
    Admin,
    /// The socket in the data directory: for the admin's commands.
    Control,
}

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
    /// What those ask who watch over the daemon.
    Watch(Watch),
    /// An upload that the admin wants gone.
    Control(UploadId),
    /// Not even a page.
    Nothing,
    /// Anything else: the page's, if it has it.
    Page(&'p str),
}

impl<'p> Route<'p> {
    /// Reads a request's path.
    #[must_use]
    pub fn parse(config: &Config, door: Door, path: &'p str) -> Self {
        match door {
            Door::Public if !config.admin.same => {}
            Door::Public => {
                if let Some(watch) = Watch::parse(path) {
                    return Self::Watch(watch);
                }
            }
            Door::Admin => return Watch::parse(path).map_or(Self::Nothing, Self::Watch),
            Door::Control => {
                let id = path.strip_prefix("/uploads/").and_then(|id| UploadId::parse(id).ok());
                return id.map_or(Self::Nothing, Self::Control);
            }
        }
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
