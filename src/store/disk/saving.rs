//! Records that are being written at the moment.
//!
//! Between the rename that puts a record in its place and the sync that makes it durable, everybody can read it, and a
//! power cut takes it back. So whoever reads a record to tell somebody of it asks here whether it holds already.

use std::collections::HashSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::pool::while_waiting;
use crate::upload::UploadId;

#[derive(Default)]
pub(super) struct Saving {
    ids: Mutex<HashSet<UploadId>>,
    ended: Condvar,
}

impl Saving {
    /// Does something that changes an upload's record, once nobody else does.
    pub(super) fn alone<T>(&self, id: UploadId, work: impl FnOnce() -> T) -> T {
        let mut ids = self.ids();
        if ids.contains(&id) {
            drop(ids);
            ids = while_waiting(|| {
                let busy = |ids: &mut HashSet<UploadId>| ids.contains(&id);
                self.ended.wait_while(self.ids(), busy).unwrap_or_else(PoisonError::into_inner)
            });
        }
        ids.insert(id);
        drop(ids);
        let _ended = Ended { saving: self, id };
        work()
    }

    /// The record is being written. One that was read before the answer "no" is not going to be taken back.
    pub(super) fn contains(&self, id: UploadId) -> bool {
        self.ids().contains(&id)
    }

    fn ids(&self) -> MutexGuard<'_, HashSet<UploadId>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Also when the work panics.
struct Ended<'a> {
    saving: &'a Saving,
    id: UploadId,
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.saving.ids().remove(&self.id);
        self.saving.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn one_upload_is_changed_by_one_at_a_time_and_others_do_not_wait() {
        let saving = Saving::default();
        let (id, other) = (UploadId::random().unwrap(), UploadId::random().unwrap());
        let inside = AtomicU32::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        saving.alone(id, || {
                            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                            assert!(saving.contains(id));
                            saving.alone(other, thread::yield_now);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        });
                    }
                });
            }
        });
        assert!(!saving.contains(id) && !saving.contains(other));
    }
}
