//! Which upload a client's own name leads to: one small file for each.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::{Shared, fault};
use crate::store::StoreError;
use crate::upload::{ClientKey, UploadId};

impl Shared {
    pub(super) fn key_path(&self, key: ClientKey) -> PathBuf {
        self.keys.join(format!("{:02x}", key.shard())).join(key.to_string())
    }

    pub(super) fn lookup(&self, key: ClientKey) -> Result<Option<UploadId>, StoreError> {
        match fs::read_to_string(self.key_path(key)) {
            Ok(id) => {
                UploadId::parse(id.trim()).map(Some).map_err(|error| StoreError::Damaged(error.to_string()))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(fault("look up a client's name", error)),
        }
    }

    pub(super) fn bind(&self, key: ClientKey, id: UploadId) -> Result<(), StoreError> {
        let path = self.key_path(key);
        let bind = || {
            self.durable.replace(&path, format!("{id}\n").as_bytes())?;
            path.parent().map_or(Ok(()), |shard| self.durable.sync_dir(shard))
        };
        self.binding.alone(key, bind).map_err(|error| fault("record a client's name", error))
    }

    /// Lets a client's name lead nowhere, if it leads to this upload still: the client may have begun another one.
    pub(super) fn unbind(&self, key: ClientKey, id: UploadId) -> Result<(), StoreError> {
        self.binding.alone(key, || {
            if self.lookup(key)? != Some(id) {
                return Ok(());
            }
            // A name that leads to nothing does no harm, so it needs no sync.
            self.durable.remove(&self.key_path(key)).map_err(|error| fault("remove a client's name", error))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;
    use crate::store::disk::{Disk, DiskOptions};
    use crate::store::durability::Durability;

    #[test]
    fn a_name_that_leads_to_a_newer_upload_is_not_taken_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let layout = "{filename}".parse().unwrap();
        let options = DiskOptions { layout, durability: Durability::Relaxed, reserve: 0 };
        let disk = Disk::open(dir.path(), options).unwrap();
        let shared = &disk.shared;
        for n in 0..500_u32 {
            let key = ClientKey::new([n.to_string().as_str()]);
            let (old, new) = (UploadId::random().unwrap(), UploadId::random().unwrap());
            shared.bind(key, old).unwrap();
            thread::scope(|scope| {
                scope.spawn(|| shared.unbind(key, old).unwrap());
                shared.bind(key, new).unwrap();
            });
            assert_eq!(shared.lookup(key).unwrap(), Some(new));
            shared.unbind(key, new).unwrap();
            assert_eq!(shared.lookup(key).unwrap(), None);
        }
    }
}
