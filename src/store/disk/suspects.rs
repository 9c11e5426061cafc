//! Uploads for which a sync has failed in this process.
//!
//! After a failed sync the system forgets what it could not write, and says "fine" to the next one. So what lies in the
//! files of such an upload is not told to anybody before it was cut back to what is recorded, written and synced again.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::StoreError;
use crate::upload::UploadId;

#[derive(Default)]
pub(super) struct Suspects {
    /// Almost always not: then nobody has to look further.
    any: AtomicBool,
    ids: Mutex<HashSet<UploadId>>,
}

impl Suspects {
    /// Hands on the outcome of work that ends with a sync, and remembers the upload if the machine failed at it. (Where there
    /// was no room nothing was begun.)
    pub(super) fn watch<T>(&self, id: UploadId, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(outcome, Err(StoreError::Io(..) | StoreError::Unsynced(_))) {
            self.ids().insert(id);
            self.any.store(true, Ordering::Release);
        }
        outcome
    }

    pub(super) fn contains(&self, id: UploadId) -> bool {
        self.any.load(Ordering::Acquire) && self.ids().contains(&id)
    }

    /// Its files agree again, durably; or they are gone.
    pub(super) fn clear(&self, id: UploadId) {
        if self.any.load(Ordering::Acquire) {
            self.ids().remove(&id);
        }
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<UploadId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
