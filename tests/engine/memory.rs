//! A store in memory: small enough to be seen to be right, and exact about what a power cut takes.
//!
//! It is a second store to run the contract on, and the one that the engine's rules are tried on by the thousand: nothing in it
//! waits for a disk, so the same plan always gives the same run.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use jiff::SignedDuration;
use resumed::store::{ByteStream, Store, StoreError, Writer, Written};
use resumed::upload::{ClientKey, Hasher, Length, State, Upload, UploadId};
use tokio::sync::mpsc;

/// More than any upload here needs, and less than one that asks for all there is.
const ROOM: u64 = 1 << 60;

/// What there is of each upload, and what the power would take.
#[derive(Default)]
pub(crate) struct Contents {
    uploads: BTreeMap<UploadId, Entry>,
    keys: HashMap<ClientKey, UploadId>,
    /// Each publication, in order.
    files: Vec<(UploadId, String)>,
}

struct Entry {
    record: Upload,
    data: Vec<u8>,
    /// What has to be undone to have what was synced last.
    undo: Vec<Undo>,
    /// The power was cut since the record was written.
    cut: bool,
}

struct Undo {
    len: usize,
    at: usize,
    bytes: Vec<u8>,
}

impl Entry {
    fn new(record: Upload) -> Self {
        Self { record, data: Vec::new(), undo: Vec::new(), cut: false }
    }

    fn write(&mut self, at: usize, bytes: &[u8]) {
        let end = at + bytes.len();
        let overwritten = self.data.get(at..end.min(self.data.len())).unwrap_or_default().to_vec();
        self.undo.push(Undo { len: self.data.len(), at, bytes: overwritten });
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        self.data[at..end].copy_from_slice(bytes);
    }

    fn set_len(&mut self, len: usize) {
        let at = len.min(self.data.len());
        self.undo.push(Undo { len: self.data.len(), at, bytes: self.data[at..].to_vec() });
        self.data.resize(len, 0);
    }

    fn cut_power(&mut self) {
        while let Some(Undo { len, at, bytes }) = self.undo.pop() {
            self.data.resize(len, 0);
            // (What was written beyond the end took nothing's place.)
            if !bytes.is_empty() {
                self.data[at..at + bytes.len()].copy_from_slice(&bytes);
            }
        }
        self.cut = true;
    }

    /// What a crash left, brought into a defined state.
    fn recover(&mut self) {
        let (stored, was) = (self.data.len() as u64, self.record.offset);
        self.record.offset = match (&self.record.state, self.record.length) {
            (State::Receiving, Length::Known(length)) if !self.cut => stored.min(length),
            (State::Receiving, Length::Deferred) if !self.cut => stored,
            (State::Receiving | State::Verifying, _) => stored.min(was),
            _ => return,
        };
        self.record.state = State::Receiving;
        self.set_len(size(self.record.offset));
        self.undo.clear();
        self.cut = false;
    }
}

fn size(offset: u64) -> usize {
    usize::try_from(offset).unwrap()
}

/// The store; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Memory {
    contents: Arc<Mutex<Contents>>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is not synced is gone.
    pub(crate) fn cut_power(&self) {
        self.lock().uploads.values_mut().for_each(Entry::cut_power);
    }

    /// So much time passes in which nobody looks.
    pub(crate) fn age(&self, time: SignedDuration) {
        for entry in self.lock().uploads.values_mut() {
            entry.record.expires = entry.record.expires.map(|expires| expires - time);
        }
    }

    /// Each finished file that people can see: its name and its bytes.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let contents = self.lock();
        let bytes = |id| contents.uploads.get(id).map(|entry| entry.data.clone()).unwrap_or_default();
        contents.files.iter().map(|(id, name)| (name.clone(), bytes(id))).collect()
    }
}

impl Contents {
    fn entry(&mut self, id: UploadId) -> Result<&mut Entry, StoreError> {
        self.uploads.get_mut(&id).ok_or(StoreError::NotFound)
    }

    fn publish(&mut self, mut upload: Upload, synced: bool) -> Result<Upload, StoreError> {
        let name = match upload.kind {
            resumed::upload::Kind::Partial => None,
            _ => Some(self.free_name(&upload)),
        };
        upload.state = State::Complete { file: name.clone(), changed: None };
        let entry = self.entry(upload.id)?;
        entry.record = upload.clone();
        if synced {
            entry.undo.clear();
        }
        self.files.extend(name.map(|name| (upload.id, name)));
        Ok(upload)
    }

    fn free_name(&self, upload: &Upload) -> String {
        let id = upload.id.to_string();
        let wanted = upload.metadata.file_name().unwrap_or(&id);
        let numbered = |n: usize| if n == 1 { wanted.to_owned() } else { format!("{wanted} ({n})") };
        (1..).map(numbered).find(|name| self.files.iter().all(|(_, taken)| taken != name)).unwrap()
    }
}

impl Store for Memory {
    type Writer = MemoryWriter;

    async fn create(&self, mut upload: Upload, first: Vec<Bytes>) -> Result<Upload, StoreError> {
        let mut contents = self.lock();
        if upload.length.known().is_some_and(|length| length > ROOM) {
            return Err(StoreError::NoSpace);
        }
        if contents.uploads.contains_key(&upload.id) {
            return Err(StoreError::Io("create", io::ErrorKind::AlreadyExists.into()));
        }
        let data = first.concat();
        upload.offset = data.len() as u64;
        let entry = Entry { data, ..Entry::new(upload.clone()) };
        contents.uploads.insert(upload.id, entry);
        let is_whole = upload.has_all_bytes() && upload.state == State::Receiving;
        if is_whole { contents.publish(upload, true) } else { Ok(upload) }
    }

    async fn load(&self, id: UploadId) -> Result<Upload, StoreError> {
        let mut contents = self.lock();
        let entry = contents.entry(id)?;
        entry.recover();
        Ok(entry.record.clone())
    }

    async fn peek(&self, id: UploadId) -> Result<Upload, StoreError> {
        Ok(self.lock().entry(id)?.record.clone())
    }

    fn save(
        &self,
        upload: &Upload,
        written: Option<&MemoryWriter>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (store, upload, synced) = (self.clone(), upload.clone(), written.is_some());
        async move {
            let mut contents = store.lock();
            let entry = contents.entry(upload.id)?;
            entry.record = upload;
            entry.cut = false;
            if synced {
                entry.undo.clear();
            }
            Ok(())
        }
    }

    async fn declare_length(&self, upload: &Upload) -> Result<(), StoreError> {
        if upload.length.known().is_some_and(|length| length - upload.offset > ROOM) {
            return Err(StoreError::NoSpace);
        }
        self.save(upload, None).await
    }

    async fn writer(&self, upload: &Upload) -> Result<MemoryWriter, StoreError> {
        let id = upload.id;
        // What is published has no bytes below its own name any more.
        if matches!(self.lock().entry(id)?.record.state, State::Complete { file: Some(_), .. }) {
            return Err(StoreError::Io("open for writing", io::ErrorKind::NotFound.into()));
        }
        Ok(MemoryWriter { store: self.clone(), id, position: upload.offset })
    }

    async fn publish(&self, upload: Upload, written: Option<&MemoryWriter>) -> Result<Upload, StoreError> {
        self.lock().publish(upload, written.is_some())
    }

    async fn assemble(&self, mut upload: Upload, parts: Vec<Upload>) -> Result<Upload, StoreError> {
        let mut contents = self.lock();
        let mut data = Vec::new();
        for part in parts {
            data.extend_from_slice(&contents.entry(part.id)?.data);
        }
        upload.offset = data.len() as u64;
        upload.length = Length::Known(upload.offset);
        contents.entry(upload.id)?.data = data;
        contents.publish(upload, true)
    }

    async fn read(&self, upload: &Upload, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let mut contents = self.lock();
        let data = &contents.entry(upload.id)?.data;
        let bytes = data.get(size(range.start)..size(range.end)).ok_or(StoreError::NotFound)?;
        Ok(Box::pin(Once(Some(Bytes::copy_from_slice(bytes)))))
    }

    async fn remove(&self, upload: &Upload) -> Result<(), StoreError> {
        let mut contents = self.lock();
        contents.uploads.remove(&upload.id);
        contents.files.retain(|(id, _)| *id != upload.id);
        contents.keys.retain(|_, id| *id != upload.id);
        Ok(())
    }

    async fn lookup(&self, key: ClientKey) -> Result<Option<UploadId>, StoreError> {
        Ok(self.lock().keys.get(&key).copied())
    }

    async fn bind(&self, key: ClientKey, id: UploadId) -> Result<(), StoreError> {
        self.lock().keys.insert(key, id);
        Ok(())
    }

    fn unfinished(&self) -> mpsc::Receiver<(UploadId, Result<Upload, StoreError>)> {
        let contents = self.lock();
        let (found, receiver) = mpsc::channel(contents.uploads.len().max(1));
        for (id, entry) in &contents.uploads {
            if !matches!(entry.record.state, State::Complete { file: Some(_), .. }) {
                found.try_send((*id, Ok(entry.record.clone()))).unwrap();
            }
        }
        receiver
    }
}

/// Adds bytes to one upload in memory.
pub(crate) struct MemoryWriter {
    store: Memory,
    id: UploadId,
    position: u64,
}

impl Writer for MemoryWriter {
    fn write(&mut self, batch: Vec<Bytes>) -> impl Future<Output = Written> + Send + 'static {
        let (store, id, at, bytes) = (self.store.clone(), self.id, self.position, batch.concat());
        self.position += bytes.len() as u64;
        async move {
            match store.lock().entry(id) {
                Ok(entry) => {
                    entry.write(size(at), &bytes);
                    Written { bytes: bytes.len() as u64, fault: None }
                }
                Err(fault) => Written { bytes: 0, fault: Some(fault) },
            }
        }
    }

    async fn rewind(&mut self, offset: u64) -> Result<(), StoreError> {
        self.position = offset;
        self.store.lock().entry(self.id)?.set_len(size(offset));
        Ok(())
    }

    async fn digest(&self, range: Range<u64>, mut hasher: Hasher) -> Result<Hasher, StoreError> {
        let mut contents = self.store.lock();
        let data = &contents.entry(self.id)?.data;
        let too_short = || StoreError::Io("read back", io::ErrorKind::UnexpectedEof.into());
        hasher.update(data.get(size(range.start)..size(range.end)).ok_or_else(too_short)?);
        Ok(hasher)
    }
}

struct Once(Option<Bytes>);

impl Stream for Once {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Ok))
    }
}
