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
        let bound = self
            .durable
            .replace(&path, format!("{id}\n").as_bytes())
            .and_then(|()| path.parent().map_or(Ok(()), |shard| self.durable.sync_dir(shard)));
        bound.map_err(|error| fault("record a client's name", error))
    }
}
