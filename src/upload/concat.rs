//! Concatenation: a final upload made of partial ones.
//!
//! The final upload is recorded first, as *assembling*; putting it together is a step of its own that is taken as soon
//! as all parts are complete, and taken again after a crash. Parts are left as they are; they expire.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::timeout;

use super::lease::Lease;
use super::{Kind, Length, Metadata, NewUpload, Operation, State, Upload, UploadError, UploadId, Uploads};
use crate::store::{Store, StoreError};

/// How long the request that makes a final upload waits for it to be put together. Where blocks are shared this is
/// over at once; where they are copied the client is not kept on the line for a hundred gigabytes, but sees the final
/// upload grow complete by HEAD.
const PATIENCE: Duration = Duration::from_secs(15);

/// A final upload that could not be put together because the disk was full, or failed, is tried again this much later.
const TRY_AGAIN: Duration = Duration::from_secs(60);

/// A request for a final upload.
#[derive(Debug)]
pub struct Concatenation {
    /// The partial uploads, in order.
    pub parts: Vec<UploadId>,
    /// The list as the client wrote it.
    pub as_given: String,
    /// What the client says of the final upload; nothing is carried over from the parts.
    pub metadata: Metadata,
}

/// Which final uploads wait for a part.
#[derive(Default)]
pub(super) struct Waiting {
    by_part: Mutex<HashMap<UploadId, Vec<UploadId>>>,
}

impl Waiting {
    pub(super) fn add(&self, upload: &Upload) {
        let Kind::Final { parts, .. } = &upload.kind else { return };
        let mut by_part = self.by_part.lock().unwrap_or_else(PoisonError::into_inner);
        for part in parts {
            let finals = by_part.entry(*part).or_default();
            if !finals.contains(&upload.id) {
                finals.push(upload.id);
            }
        }
    }

    fn remove(&self, upload: &Upload) {
        let Kind::Final { parts, .. } = &upload.kind else { return };
        let mut by_part = self.by_part.lock().unwrap_or_else(PoisonError::into_inner);
        for part in parts {
            if let Some(finals) = by_part.get_mut(part) {
                finals.retain(|id| *id != upload.id);
                if finals.is_empty() {
                    by_part.remove(part);
                }
            }
        }
    }

    fn finals_of(&self, part: UploadId) -> Vec<UploadId> {
        let by_part = self.by_part.lock().unwrap_or_else(PoisonError::into_inner);
        by_part.get(&part).cloned().unwrap_or_default()
    }

    /// A final upload still needs this part.
    pub(super) fn needs(&self, part: UploadId) -> bool {
        self.by_part.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&part)
    }
}

impl<S: Store> Uploads<S> {
    /// Makes a final upload of partial ones, which may still be in progress.
    ///
    /// # Errors
    /// A part is not there or not partial, or the sum is too large; nothing is made then.
    pub async fn concatenate(&self, request: Concatenation) -> Result<Upload, UploadError> {
        self.may(Operation::Create)?;
        let Concatenation { parts, as_given, metadata } = request;
        let mut sum = Some(0_u64);
        let mut ready = true;
        let mut seen = HashSet::with_capacity(parts.len());
        for (index, id) in parts.iter().enumerate() {
            if !seen.insert(*id) {
                // Nobody needs it, and a list of one part a thousand times is a small request for much to be copied.
                return Err(UploadError::BadPart { number: index + 1, id: *id, reason: "stands twice" });
            }
            let part = self.usable_part(index + 1, *id).await?;
            sum = sum.zip(part.length.known()).and_then(|(sum, length)| sum.checked_add(length));
            self.check_size(sum.unwrap_or(part.offset))?;
            if part.length.known().is_none() && self.caller.max_size.is_some() {
                // How large the whole becomes is for its parts' senders to say, and nobody asks them again.
                return Err(UploadError::BadPart { number: index + 1, id: *id, reason: "has no length yet" });
            }
            ready &= part.is_complete();
        }
        self.count_creation().await?;
        let length = sum.map_or(Length::Deferred, Length::Known);
        let new = NewUpload { kind: Kind::Final { parts, as_given }, length, metadata };
        let upload = self.new_upload(new).map_err(|error| StoreError::Io("draw a random name", error))?;
        let upload = self.create_with(upload, Vec::new()).await?;
        self.inner.waiting.add(&upload);
        if !ready {
            // A part may have come to its end between the look at it and the note that it is waited for.
            self.spawn_assembly(upload.id);
            return Ok(upload);
        }
        let engine = self.clone();
        let id = upload.id;
        let assembly = tokio::spawn(async move { engine.assemble(id).await });
        match timeout(PATIENCE, assembly).await {
            Ok(Ok(Ok(assembled))) => Ok(assembled.unwrap_or(upload)),
            Ok(Ok(Err(error))) => {
                self.inner.waiting.remove(&upload);
                self.take_back(&upload).await;
                Err(error)
            }
            Ok(Err(_)) | Err(_) => Ok(upload),
        }
    }

    async fn usable_part(&self, number: usize, id: UploadId) -> Result<Upload, UploadError> {
        let bad = |reason| UploadError::BadPart { number, id, reason };
        let part = match self.inner.store.peek(id).await {
            Ok(part) if self.check_owner(&part).is_ok() => part,
            Ok(_) | Err(StoreError::NotFound) => return Err(bad("does not exist")),
            Err(error) => return Err(error.into()),
        };
        if part.kind != Kind::Partial {
            return Err(bad("is not a partial upload"));
        }
        if self.has_expired(&part) && !self.inner.waiting.needs(id) {
            return Err(bad("has expired"));
        }
        Ok(part)
    }

    /// An upload was removed. A final upload that still needed it can never be whole and goes too: its client shall hear
    /// "not found" and not wait for ever.
    pub(super) async fn forget(&self, upload: &Upload) {
        self.inner.metrics.removed(upload);
        self.inner.waiting.remove(upload);
        for id in self.inner.waiting.finals_of(upload.id) {
            if let Err(error) = self.give_up_final(id).await {
                tracing::error!(%id, %error, "can't remove a final upload whose part is gone; it is tried again");
                self.spawn_assembly(id);
            }
        }
    }

    /// Removes a final upload that can never be whole, because a part of it is gone.
    async fn give_up_final(&self, id: UploadId) -> Result<(), UploadError> {
        let Ok(_lease) = self.inner.leases.acquire(id).await else { return Err(UploadError::Busy) };
        // Looked at under its lease: it may have been put together in the last moment.
        let upload = match self.inner.store.peek(id).await {
            Ok(upload) => upload,
            Err(StoreError::NotFound) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        self.inner.waiting.remove(&upload);
        if upload.state == State::Assembling {
            self.inner.store.remove(&upload).await?;
            self.inner.metrics.removed(&upload);
            tracing::warn!(%id, "removed a final upload: a part of it is gone");
        }
        Ok(())
    }

    /// When the last of a final upload's parts expires; `None`: one of them never does.
    pub(super) async fn last_part_expires(&self, upload: &Upload) -> Option<Timestamp> {
        let Kind::Final { parts, .. } = &upload.kind else { return upload.expires };
        let mut last = upload.expires?;
        for part in parts {
            if let Ok(part) = self.inner.store.peek(*part).await {
                last = last.max(part.expiry()?);
                if self.is_growing(&part) {
                    last = last.max(self.lifetime(part.key).end(Timestamp::now())?);
                }
            }
        }
        Some(last)
    }

    /// A part is complete: whoever waits for it may be ready now.
    pub(super) fn part_completed(&self, part: UploadId) {
        self.inner.waiting.finals_of(part).into_iter().for_each(|id| self.spawn_assembly(id));
    }

    /// Takes up a final upload that was found unfinished at start.
    pub(super) fn resume_assembly(&self, upload: &Upload) {
        self.inner.waiting.add(upload);
        self.spawn_assembly(upload.id);
    }

    fn spawn_assembly(&self, id: UploadId) {
        let engine = self.clone();
        tokio::spawn(async move {
            while let Err(error) = engine.assemble(id).await {
                if matches!(error, UploadError::BadPart { .. }) {
                    // The part went before anybody had noted that it is waited for; or the process died between the end of
                    // the part and the end of this one.
                    match engine.give_up_final(id).await {
                        Ok(()) => return,
                        Err(error) => {
                            tracing::error!(%id, %error, "can't remove a final upload whose part is gone")
                        }
                    }
                }
                let passes = matches!(
                    error,
                    UploadError::NoSpace | UploadError::Storage(_) | UploadError::BadPart { .. }
                );
                tracing::error!(%id, %error, passes, "could not put a final upload together");
                if !passes || timeout(TRY_AGAIN, engine.inner.closing.cancelled()).await.is_ok() {
                    return;
                }
            }
        });
    }

    /// Puts a final upload together if all its parts are complete. `None`: they are not, or somebody else is at it.
    async fn assemble(&self, id: UploadId) -> Result<Option<Upload>, UploadError> {
        // Whoever has it lets go soon: a HEAD in its milliseconds, or another assembly, which then leaves nothing to do.
        let Ok(lease) = self.inner.leases.acquire(id).await else { return Ok(None) };
        let upload = match self.inner.store.load(id).await {
            Ok(upload) if upload.state == State::Assembling => upload,
            Ok(_) | Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match self.assemble_held(&lease, upload).await {
            Err(UploadError::NotFound) => Ok(None),
            other => other,
        }
    }

    async fn assemble_held(&self, _lease: &Lease, upload: Upload) -> Result<Option<Upload>, UploadError> {
        let Kind::Final { parts: ids, .. } = &upload.kind else { return Ok(None) };
        let mut parts = Vec::with_capacity(ids.len());
        let mut total = 0_u64;
        let mut ready = true;
        for (index, id) in ids.iter().enumerate() {
            let part = self.inner.store.peek(*id).await.map_err(|error| match error {
                StoreError::NotFound => {
                    UploadError::BadPart { number: index + 1, id: *id, reason: "is gone" }
                }
                other => other.into(),
            })?;
            // All are looked at: one that is gone is not waited for.
            ready &= part.is_complete();
            total = total.saturating_add(part.offset);
            parts.push(part);
        }
        if !ready {
            return Ok(None);
        }
        self.check_size(total)?;
        let assembled = self.inner.store.assemble(upload, parts).await?;
        self.inner.waiting.remove(&assembled);
        self.note_completion(&assembled);
        Ok(Some(assembled))
    }
}
