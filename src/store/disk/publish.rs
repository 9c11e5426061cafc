//! A complete upload becomes a finished file, at once.
//!
//! 1. choose a free name below `files/`, and claim it in memory;
//! 2. write into the sidecar that the upload is complete under this name;
//! 3. rename the data file to it.
//!
//! A crash after 2 leaves a sidecar that says "complete" beside a data file: whoever finds the two takes step 3 again.
//! After 3 there is nothing left to do. At no moment is a half file visible, and at no moment is the upload lost.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use jiff::tz::TimeZone;

use super::file_name::numbered;
use super::layout::LayoutFields;
use super::{Shared, changed, fault, half_done};
use crate::store::StoreError;
use crate::upload::{Kind, State, Upload};

/// A name below `files/` that nobody has and no other publication will take.
struct Claim<'a> {
    shared: &'a Shared,
    /// Relative to `files/`.
    name: PathBuf,
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.shared.claimed.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

impl Shared {
    /// Publishes an upload that was acknowledged before.
    pub(super) fn publish(&self, upload: Upload, written: Option<&File>) -> Result<Upload, StoreError> {
        if upload.kind == Kind::Partial {
            return self.complete_part(upload, written);
        }
        self.publish_as_complete(upload, written, Acknowledged::Before)
    }

    /// Publishes an upload that nobody knows yet: what a crash leaves half-done is missed by nobody, so the sidecar
    /// needs no sync of its own before the rename.
    pub(super) fn publish_new(&self, upload: Upload, written: Option<&File>) -> Result<Upload, StoreError> {
        if upload.kind == Kind::Partial {
            return self.complete_part(upload, written);
        }
        self.publish_as_complete(upload, written, Acknowledged::Never)
    }

    /// Takes the last step again after a crash.
    pub(super) fn finish_publication(&self, upload: Upload, name: &str) -> Result<Upload, StoreError> {
        let (from, to) = (self.data_path(upload.id), self.files.join(name));
        self.make_parents(Path::new(name))?;
        match self.durable.move_to_free_name(&from, &to) {
            Ok(()) => self.sync_both(&upload, Path::new(name)).map(|()| upload),
            // btrfs may bring both names back after a power cut, and where a link stands in for the rename a crash may
            // leave both: the file is published, and only its first name is left to go.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_same_file(&from, &to) => {
                self.durable.remove(&from).map_err(|error| half_done("publish", error))?;
                self.sync_both(&upload, Path::new(name)).map(|()| upload)
            }
            // The name was free when it was chosen; somebody has put a file there since.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.publish(upload, None),
            Err(error) => Err(fault("publish", error)),
        }
    }

    fn complete_part(&self, mut upload: Upload, written: Option<&File>) -> Result<Upload, StoreError> {
        upload.state = State::Complete { file: None, changed: None };
        self.save(&upload, written)?;
        Ok(upload)
    }

    fn publish_as_complete(
        &self,
        mut upload: Upload,
        written: Option<&File>,
        acknowledged: Acknowledged,
    ) -> Result<Upload, StoreError> {
        let wanted = self.wanted_name(&upload);
        self.make_parents(&wanted)?;
        // Without the bytes a record that says "complete" would hide that they are lost, or bring back what was removed.
        let data = match (acknowledged, written) {
            // Nobody but us knows the file.
            (Acknowledged::Never, Some(file)) => file.metadata(),
            _ => fs::metadata(self.data_path(upload.id)),
        };
        let data = data.map_err(|error| fault("publish", error))?;
        let changed = changed(&data);
        loop {
            let claim = self.claim_free_name(&wanted);
            let name = claim.name.to_string_lossy().into_owned();
            upload.state = State::Complete { file: Some(name), changed };
            self.stage_sidecar(&upload, written)?;
            if acknowledged == Acknowledged::Before {
                // Were the rename durable and the sidecar not, the bytes would lie under a name that nothing leads to.
                self.sync_shard(upload.id)?;
            }
            match self.durable.move_to_free_name(&self.data_path(upload.id), &self.files.join(&claim.name)) {
                Ok(()) => {
                    return match self.sync_both(&upload, &claim.name) {
                        Err(error) if acknowledged == Acknowledged::Never => {
                            // Nobody will be told of it, and nothing is to be left of it.
                            let _ = self.durable.remove(&self.files.join(&claim.name));
                            Err(error)
                        }
                        synced => synced.map(|()| upload),
                    };
                }
                // Somebody else put a file there between the look and the rename.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(half_done("publish", error)),
            }
        }
    }

    fn sync_both(&self, upload: &Upload, name: &Path) -> Result<(), StoreError> {
        let dir = name.parent().map_or_else(|| self.files.clone(), |parent| self.files.join(parent));
        let (shard, dir) = self.durable.both(|| self.sync_shard(upload.id), || self.durable.sync_dir(&dir));
        shard.and(dir.map_err(|error| half_done("sync the directory", error)))
    }

    fn make_parents(&self, name: &Path) -> Result<(), StoreError> {
        match name.parent() {
            Some(parent) if parent != Path::new("") => {
                self.durable.create_dirs(&self.files, parent).map_err(|error| fault("publish", error))
            }
            _ => Ok(()),
        }
    }

    fn wanted_name(&self, upload: &Upload) -> PathBuf {
        let id = upload.id.to_string();
        let at = upload.created.to_zoned(TimeZone::UTC).datetime();
        self.layout.render(&LayoutFields {
            filename: upload.metadata.file_name().unwrap_or(&id),
            id: &id,
            at,
        })
    }

    /// `name.ext`, or the first free one of `name (2).ext`, `name (3).ext`…: found by doubling and halving, because a
    /// thousand people upload `image.jpg`. Gaps may stay open.
    fn claim_free_name(&self, wanted: &Path) -> Claim<'_> {
        let mut claimed = self.claimed.lock().unwrap_or_else(PoisonError::into_inner);
        let candidate = |n: u32| match (n, wanted.file_name()) {
            (2.., Some(last)) => wanted.with_file_name(numbered(&last.to_string_lossy(), n)),
            _ => wanted.to_owned(),
        };
        let is_free = |n| {
            !claimed.contains(&candidate(n)) && fs::symlink_metadata(self.files.join(candidate(n))).is_err()
        };
        let (mut taken, mut free) = (0, 1);
        while !is_free(free) {
            (taken, free) = (free, free * 2);
        }
        while free - taken > 1 {
            let middle = taken + (free - taken) / 2;
            if is_free(middle) { free = middle } else { taken = middle }
        }
        let name = candidate(free);
        claimed.insert(name.clone());
        Claim { shared: self, name }
    }
}

/// Whether two names are of one file.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let identity = |path| fs::symlink_metadata(path).map(|file| (file.dev(), file.ino()));
    matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Acknowledged {
    Before,
    Never,
}
