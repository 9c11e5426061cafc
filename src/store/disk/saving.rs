//! What is being changed at the moment.
//!
//! Between the rename that puts a record in its place and the sync that makes it durable, everybody can read it, and a
//! power cut takes it back. So whoever reads a record to tell somebody of it asks here whether it holds already.

use std::collections::HashSet;
use std::hash::Hash;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::pool::while_waiting;

/// Names of things that one at a time may change.
pub(super) struct Saving<K> {
    names: Mutex<HashSet<K>>,
    ended: Condvar,
}

impl<K> Default for Saving<K> {
    fn default() -> Self {
        Self { names: Mutex::default(), ended: Condvar::new() }
    }
}

impl<K: Eq + Hash + Clone> Saving<K> {
    /// Does something that changes what `name` stands for, once nobody else does.
    pub(super) fn alone<T>(&self, name: K, work: impl FnOnce() -> T) -> T {
        let mut names = self.names();
        if names.contains(&name) {
            drop(names);
            names = while_waiting(|| {
                let busy = |names: &mut HashSet<K>| names.contains(&name);
                self.ended.wait_while(self.names(), busy).unwrap_or_else(PoisonError::into_inner)
            });
        }
        names.insert(name.clone());
        drop(names);
        let _ended = Ended { saving: self, name };
        work()
    }

    /// It is being changed. What was read before the answer "no" is not going to be taken back.
    pub(super) fn contains(&self, name: &K) -> bool {
        self.names().contains(name)
    }

    fn names(&self) -> MutexGuard<'_, HashSet<K>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Also when the work panics.
struct Ended<'a, K: Eq + Hash + Clone> {
    saving: &'a Saving<K>,
    name: K,
}

impl<K: Eq + Hash + Clone> Drop for Ended<'_, K> {
    fn drop(&mut self) {
        self.saving.names().remove(&self.name);
        self.saving.ended.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::thread;

    use super::*;
    use crate::upload::UploadId;

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
                            assert!(saving.contains(&id));
                            saving.alone(other, thread::yield_now);
                            inside.fetch_sub(1, Ordering::SeqCst);
                        });
                    }
                });
            }
        });
        assert!(!saving.contains(&id) && !saving.contains(&other));
    }
}
