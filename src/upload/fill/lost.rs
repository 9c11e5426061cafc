//! Chunks that were acknowledged and are gone since, because their upload expired or somebody removed it.
//!
//! The clients count their chunks themselves and never ask again for one that was taken. One that slept over the expiration
//! sends what is left, hears "stored" of each chunk and calls its file finished, which nobody has. So a chunk under the same
//! name is refused for good, until one of those that are gone is asked for or sent: that is a client that begins from the
//! top. Kept in memory: what a restart forgets was swept before it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::{Store, StoreError};
use crate::upload::{ClientKey, State, Upload, Uploads};

/// So many names are remembered, the newest.
const MANY: usize = 4096;

/// So many runs of chunks of each. Clients send in order, so they begin again in the first.
const RUNS: usize = 16;

/// What is gone, by the client's name.
#[derive(Default)]
pub(in crate::upload) struct Lost(Mutex<VecDeque<Gone>>);

struct Gone {
    key: ClientKey,
    /// First and last chunk of each run.
    runs: Vec<(u64, u64)>,
}

impl Lost {
    /// An upload is not there any more for its client.
    pub(in crate::upload) fn note(&self, upload: &Upload) {
        let (Some(key), State::Filling(chunks)) = (upload.key, &upload.state) else { return };
        let runs: Vec<_> = chunks.runs().iter().copied().take(RUNS).collect();
        if runs.is_empty() {
            return;
        }
        let mut lost = self.lock();
        lost.retain(|gone| gone.key != key);
        if lost.len() >= MANY {
            lost.pop_front();
        }
        lost.push_back(Gone { key, runs });
    }

    /// Meets a client that wants to know of this chunk, or sends it. `true`: he counts on others that are gone. If it is one of
    /// those he begins anew, and nothing is held against him any more.
    pub(in crate::upload) fn meet(&self, key: ClientKey, number: u64) -> bool {
        let mut lost = self.lock();
        let Some((place, gone)) = lost.iter().enumerate().find(|(_, gone)| gone.key == key) else {
            return false;
        };
        let begins_anew = gone.runs.iter().any(|(first, last)| (*first..=*last).contains(&number));
        if begins_anew {
            lost.remove(place);
        }
        !begins_anew
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Gone>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S: Store> Uploads<S> {
    /// Removes an upload from the store, and remembers what its client counts on: before it is gone, so that nobody comes in
    /// between.
    pub(in crate::upload) async fn remove_stored(&self, upload: &Upload) -> Result<(), StoreError> {
        // Its client may have begun another one.
        if let Some(key) = upload.key
            && matches!(self.inner.store.lookup(key).await, Ok(Some(id)) if id == upload.id)
        {
            self.inner.lost.note(upload);
        }
        self.inner.store.remove(upload).await
    }
}
