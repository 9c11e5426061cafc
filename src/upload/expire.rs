//! Expiration: the rule is in the model, the sweep that removes what has expired is here.
//!
//! The agenda holds one small entry for each unfinished upload, ordered by the earliest moment at which it might expire.
//! Appends do not touch it: when an entry's moment comes, the upload is asked, and put back under its new moment if it
//! has moved. So the cost of a sweep grows with what is due and with nothing else.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::lease::Lease;
use super::{Kind, State, Upload, UploadError, UploadId, Uploads};
use crate::store::{Store, StoreError};

/// The wall clock may be set; it is looked at this often at least.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// How long an upload that is due but in use is left alone: most use is a HEAD's millisecond.
const IN_USE: Duration = Duration::from_secs(10);

/// So many removals may follow each other at once.
const A_FEW: usize = 8;

/// How long a sweep rests after them, at the least.
const REST: Duration = Duration::from_millis(2);

/// What may expire when.
#[derive(Default)]
pub(super) struct Agenda {
    due: Mutex<BTreeSet<(Timestamp, UploadId)>>,
    sooner: Notify,
}

impl Agenda {
    /// Notes when an upload is to be looked at, if it ever is.
    pub(super) fn note(&self, upload: &Upload) {
        let moment = if upload.state == State::Assembling { upload.expires } else { upload.expiry() };
        if let Some(moment) = moment {
            self.add(moment, upload.id);
        }
    }

    pub(super) fn add(&self, moment: Timestamp, id: UploadId) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = due.first().is_none_or(|(first, _)| moment < *first);
        due.insert((moment, id));
        if is_first {
            self.sooner.notify_one();
        }
    }

    fn take_due(&self, now: Timestamp) -> Option<UploadId> {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if due.first().is_some_and(|(moment, _)| *moment <= now) {
            return due.pop_first().map(|(_, id)| id);
        }
        None
    }

    fn wait_for(&self, now: Timestamp) -> Duration {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((moment, _)) = due.first() else { return LOOK_AGAIN };
        Duration::try_from(moment.duration_since(now)).unwrap_or_default().min(LOOK_AGAIN)
    }
}

impl<S: Store> Uploads<S> {
    /// Takes up what an earlier process left (at its leisure), then removes what expires, for as long as it is polled.
    pub async fn tend(&self) {
        self.take_stock().await;
        loop {
            self.sweep(Timestamp::now()).await;
            let sooner = self.inner.agenda.sooner.notified();
            let wait = self.inner.agenda.wait_for(Timestamp::now());
            let _ = tokio::time::timeout(wait, sooner).await;
        }
    }

    /// Notes which parts final uploads wait for, and nothing else: for whoever removes uploads without a daemon.
    pub async fn note_waiting(&self) {
        let mut unfinished = self.inner.store.unfinished();
        while let Some((_, found)) = unfinished.recv().await {
            if let Ok(upload) = found
                && upload.state == State::Assembling
            {
                self.inner.waiting.add(&upload);
            }
        }
    }

    /// Looks at every unfinished upload once: notes when it expires, and goes on putting final uploads together.
    pub async fn take_stock(&self) {
        let mut unfinished = self.inner.store.unfinished();
        let mut count = 0_u64;
        while let Some((id, found)) = unfinished.recv().await {
            count += 1;
            match found {
                Ok(upload) => {
                    self.inner.metrics.found(&upload);
                    if upload.state == State::Assembling {
                        self.resume_assembly(&upload);
                    }
                    self.inner.agenda.note(&upload);
                    let is_part = matches!(&upload.state, State::Complete { file: None, .. });
                    if !is_part && (upload.is_complete() || upload.has_all_bytes()) {
                        // All its bytes are there, and its publication was cut off: to look at it takes that up.
                        if let Err(error) = self.inspect(id).await {
                            tracing::error!(%id, %error, "can't publish an upload that is complete");
                        }
                    }
                }
                Err(StoreError::Damaged(why)) => {
                    tracing::error!(%id, why, "an upload is damaged; it is left alone")
                }
                Err(error) => tracing::error!(%id, %error, "can't look at an upload"),
            }
        }
        self.inner.metrics.took_stock();
        tracing::info!(unfinished = count, "took stock");
    }

    /// Removes what has expired by `now`. Answers how many that were.
    ///
    /// A night's worth of uploads may be due together, and each of them costs the disk syncs. So a sweep rests as long as it
    /// works, and requests have half of the disk at least.
    pub async fn sweep(&self, now: Timestamp) -> usize {
        let mut removed = 0;
        self.inner.metrics.sweeps.inc();
        let mut began = Instant::now();
        while let Some(id) = self.inner.agenda.take_due(now) {
            match self.remove_expired(id, now).await {
                Ok(true) => {
                    removed += 1;
                    if removed % A_FEW == 0 {
                        tokio::time::sleep(began.elapsed().max(REST)).await;
                        began = Instant::now();
                    }
                }
                Ok(false) | Err(UploadError::NotFound) => {}
                Err(error) => {
                    tracing::error!(%id, %error, "can't remove an expired upload; it is tried again");
                    self.put_off(id, now);
                }
            }
        }
        removed
    }

    /// Removes an upload if it has expired by `now` and nobody uses it. `false`: it stays.
    ///
    /// # Errors
    /// It is not there, or the store can't be reached.
    pub async fn remove_expired(&self, id: UploadId, now: Timestamp) -> Result<bool, UploadError> {
        // Whoever uses it at this moment keeps it alive; so does a final upload that still needs it.
        let Some(lease) = self.inner.leases.try_acquire(id).filter(|_| !self.inner.waiting.needs(id)) else {
            self.put_off(id, now);
            return Ok(false);
        };
        let engine = self.clone();
        self.detached(async move { engine.expire_held(lease, now).await }).await
    }

    async fn expire_held(&self, lease: Lease, now: Timestamp) -> Result<bool, UploadError> {
        let id = lease.id();
        // Read with what came right before a crash: those bytes have put its expiration off.
        let upload = match self.inner.store.load(id).await {
            Err(StoreError::Damaged(_)) => self.inner.store.peek(id).await?,
            loaded => loaded?,
        };
        let expiry = if upload.state == State::Assembling {
            self.last_part_expires(&upload).await
        } else {
            upload.expiry()
        };
        match expiry {
            None => Ok(false),
            Some(later) if later > now => {
                self.inner.agenda.add(later, id);
                Ok(false)
            }
            Some(_) => {
                self.remove_stored(&upload).await?;
                tracing::info!(%id, offset = upload.offset, "expired");
                self.inner.metrics.expired.inc();
                drop(lease);
                self.forget(&upload).await;
                Ok(true)
            }
        }
    }

    /// Removes an upload that is not finished, if its last byte came before this moment and nobody uses it. `false`: it
    /// stays.
    ///
    /// # Errors
    /// It is not there, or the store can't be reached.
    pub async fn remove_idle(&self, id: UploadId, before: Timestamp) -> Result<bool, UploadError> {
        let Some(lease) = self.inner.leases.try_acquire(id).filter(|_| !self.inner.waiting.needs(id)) else {
            return Ok(false);
        };
        let engine = self.clone();
        self.detached(async move {
            let upload = engine.inner.store.peek(lease.id()).await?;
            if is_finished(&upload) || upload.modified > before {
                return Ok(false);
            }
            engine.remove_stored(&upload).await?;
            engine.inner.metrics.terminated.inc();
            tracing::info!(%id, offset = upload.offset, "removed by the admin");
            drop(lease);
            engine.forget(&upload).await;
            Ok(true)
        })
        .await
    }

    /// Its time is over, and nobody is adding to it: whoever does keeps it alive, also when what is recorded of it is older
    /// than what has come.
    pub(super) fn has_expired(&self, upload: &Upload) -> bool {
        upload.is_expired(Timestamp::now()) && !self.is_growing(upload)
    }

    /// Somebody is adding to it at this moment.
    pub(super) fn is_growing(&self, upload: &Upload) -> bool {
        let takes_chunks = matches!(upload.state, State::Filling(_));
        let holder = self.inner.leases.holder(upload.id);
        holder.is_some_and(|holder| takes_chunks || holder.progress().is_some())
    }

    fn put_off(&self, id: UploadId, now: Timestamp) {
        self.inner.agenda.add(now.checked_add(IN_USE).unwrap_or(Timestamp::MAX), id);
    }
}

/// Its file is its owner's.
fn is_finished(upload: &Upload) -> bool {
    upload.is_complete() && upload.kind != Kind::Partial
}
