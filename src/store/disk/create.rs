//! A new upload, and the end of one.

use std::fs::{self, File};
use std::io;

use bytes::Bytes;

use super::spare::SPARE;
use super::{Shared, fault, half_done, is_file_of, writer};
use crate::store::StoreError;
use crate::upload::{State, Upload};

impl Shared {
    pub(super) fn create(&self, upload: Upload, first: Vec<Bytes>) -> Result<Upload, StoreError> {
        let (id, path) = (upload.id, self.data_path(upload.id));
        // Whoever has the name already keeps all that is his, and a finished upload has no more than its record here.
        if fs::exists(self.sidecar_path(id)).unwrap_or(true) {
            return Err(fault("create", io::ErrorKind::AlreadyExists.into()));
        }
        self.mend_spare();
        let file = self.durable.create(&path).map_err(|error| fault("create", error))?;
        let created = self.space.promise(&upload).and_then(|()| self.fill_new(&file, upload, first));
        if created.is_err() {
            // Nobody was told of it.
            let _ = self.durable.remove(&self.sidecar_path(id));
            let _ = self.durable.remove(&path);
            self.space.forget(id);
        }
        created
    }

    /// Room was made, perhaps: what records need is taken back before anybody else takes it.
    fn mend_spare(&self) {
        let spare = self.durable.spare();
        if spare.is_short() && self.space.is_beyond_promises(SPARE) {
            spare.mend();
        }
    }

    fn fill_new(&self, file: &File, mut upload: Upload, first: Vec<Bytes>) -> Result<Upload, StoreError> {
        if !first.is_empty() {
            let written = writer::write_all_at(file, first, upload.offset);
            if let Some(fault) = written.fault {
                return Err(fault);
            }
            upload.offset += written.bytes;
        }
        let written = (upload.offset > 0).then_some(file);
        if upload.has_all_bytes() && upload.state == State::Receiving {
            return self.publish_new(upload, written);
        }
        self.save(&upload, written)?;
        Ok(upload)
    }

    pub(super) fn remove(&self, upload: &Upload) -> Result<(), StoreError> {
        let gone = |result: io::Result<()>| result.map_err(|error| half_done("remove", error));
        // A finished file goes before the sidecar that leads to it: cut off in between, its client can still find the
        // upload and ask again. The other way round the file would stay for ever, and its client would hear that it is
        // gone.
        if let State::Complete { file: Some(name), .. } = &upload.state {
            let path = self.files.join(name);
            // Somebody may have put another file there since.
            if fs::metadata(&path).is_ok_and(|file| is_file_of(upload, &file)) {
                gone(self.durable.remove(&path))?;
                gone(path.parent().map_or(Ok(()), |dir| self.durable.sync_dir(dir)))?;
            }
        }
        // Bytes that are not published go after it: without the sidecar nobody finds them again, and what a crash
        // leaves is an orphan that the next start clears away.
        gone(self.durable.remove(&self.sidecar_path(upload.id)))?;
        self.space.forget(upload.id);
        self.suspects.clear(upload.id);
        gone(self.durable.remove(&self.data_path(upload.id)))?;
        if let Some(key) = upload.key {
            self.unbind(key, upload.id)?;
        }
        self.sync_shard(upload.id)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;
    use std::path::Path;

    use super::*;
    use crate::store::disk::bench;

    /// All files below a directory.
    fn files(dir: &Path) -> Vec<String> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap().flatten() {
            if entry.path().is_dir() {
                found.extend(files(&entry.path()));
            } else {
                found.push(entry.file_name().into_string().unwrap());
            }
        }
        found
    }

    #[test]
    fn a_creation_whose_last_sync_fails_leaves_nothing() {
        // (what can't be synced, how many of four bytes come along)
        for (part, come) in [("/files", 4), ("/uploads/", 4), ("/uploads/", 2), ("/uploads/", 0)] {
            let (dir, disk) = bench::disk();
            let shared = &disk.shared;
            let upload = bench::upload(4);
            let first = || vec![Bytes::from_static(&b"four"[..come])];
            shared.durable.trouble.fail_at(part);
            shared.create(upload.clone(), first()).unwrap_err();
            assert_eq!(files(&dir.path().join("files")), [""; 0], "{part} {come}");
            assert_eq!(files(&dir.path().join("uploads")), [""; 0], "{part} {come}");
            assert_eq!(shared.space.promised(), 0);

            // Whoever tries again finds its name free.
            shared.durable.trouble.end();
            assert!(matches!(shared.peek(upload.id), Err(StoreError::NotFound)));
            let created = shared.create(upload, first()).unwrap();
            assert_eq!((created.offset, created.is_complete()), (come as u64, come == 4));
        }
    }

    #[test]
    fn what_is_kept_back_is_filled_up_by_the_next_creation_that_has_room() {
        let (dir, disk) = bench::disk();
        let spare = dir.path().join(".spare");
        let held = || spare.metadata().unwrap().blocks() * 512;
        fs::write(&spare, "").unwrap();
        disk.shared.durable.spare().run_short();
        disk.set_reserve(u64::MAX);
        disk.shared.create(bench::upload(4), Vec::new()).unwrap_err();
        assert_eq!(held(), 0, "what there is, is kept for others");
        disk.set_reserve(0);
        disk.shared.create(bench::upload(4), Vec::new()).unwrap();
        assert!(held() >= SPARE && !disk.shared.durable.spare().is_short());
    }
}
