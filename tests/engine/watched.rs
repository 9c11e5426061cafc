//! A store around a store: it can be made to hold calls back, to fail, and it sees what callers may not do.
//!
//! - *Held* calls wait, before they did anything or when all is done but the answer, until the test lets one of them go.
//! - A *fault* comes in a call's place, or in its answer's.
//! - Bytes that overlap other bytes on their way, and calls that change an upload beside each other, are noted as violations:
//!   there is one writer.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc as std_mpsc};

use bytes::Bytes;
use resumed::store::{ByteStream, Store, StoreError, Writer, Written};
use resumed::upload::{ClientKey, Hasher, State, Upload, UploadId};
use tokio::sync::{mpsc, oneshot};

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk is full; nothing was done.
    NoSpace,
    /// The machine failed; nothing was done.
    Io,
    /// The sync failed; the record is the old one.
    Unsynced,
    /// All was done, and the answer is an error.
    AnswerLost,
}

impl Fault {
    fn error(self) -> StoreError {
        let cause = io::Error::from_raw_os_error(5);
        match self {
            Self::NoSpace => StoreError::NoSpace,
            Self::Io | Self::AnswerLost => StoreError::Io("do it (on purpose)", cause),
            Self::Unsynced => StoreError::Unsynced(cause),
        }
    }
}

/// The hand on the store.
#[derive(Clone, Default)]
pub(crate) struct Hand {
    inner: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    holds: bool,
    waiting: VecDeque<(String, oneshot::Sender<()>)>,
    fault: Option<Fault>,
    faults_met: usize,
    running: Vec<Running>,
    next: u64,
    violations: Vec<String>,
}

/// A call under way that changes something.
struct Running {
    number: u64,
    id: UploadId,
    what: &'static str,
    /// The bytes that are written; `None`: all that there is of the upload is somebody's.
    range: Option<Range<u64>>,
}

impl Hand {
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls wait from now on.
    pub(crate) fn hold(&self) {
        self.lock().holds = true;
    }

    pub(crate) fn holds(&self) -> bool {
        self.lock().holds
    }

    /// One of those that wait goes on; it says which.
    pub(crate) fn let_one_go(&self, index: usize) -> Option<String> {
        let mut held = self.lock();
        let index = index.checked_rem(held.waiting.len())?;
        let (what, go) = held.waiting.remove(index)?;
        let _ = go.send(());
        Some(what)
    }

    /// All go on, and nobody waits any more.
    pub(crate) fn let_all_go(&self) {
        let mut held = self.lock();
        held.holds = false;
        for (_, go) in held.waiting.drain(..) {
            let _ = go.send(());
        }
    }

    /// The next call that changes something meets this.
    pub(crate) fn fail_next(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// How many calls have met a fault.
    pub(crate) fn faults_met(&self) -> usize {
        self.lock().faults_met
    }

    /// What callers have done that they may not do.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    async fn wait(&self, what: impl FnOnce() -> String) {
        let waiting = {
            let mut held = self.lock();
            if !held.holds {
                return;
            }
            let (go, waiting) = oneshot::channel();
            held.waiting.push_back((what(), go));
            waiting
        };
        let _ = waiting.await;
    }

    fn take_fault(&self) -> Option<Fault> {
        let mut held = self.lock();
        let fault = held.fault.take();
        held.faults_met += usize::from(fault.is_some());
        fault
    }

    /// A call begins that nothing of the same upload may run beside.
    fn begin(&self, id: UploadId, what: &'static str, range: Option<Range<u64>>) -> Begun {
        let mut held = self.lock();
        let number = held.next;
        held.next += 1;
        let beside: Vec<String> = held
            .running
            .iter()
            .filter(|other| other.id == id && !may_run_beside(other, what, range.as_ref()))
            .map(|other| format!("{} {:?}", other.what, other.range))
            .collect();
        if !beside.is_empty() {
            held.violations.push(format!("{what} {range:?} of {id} runs beside {}", beside.join(", ")));
        }
        held.running.push(Running { number, id, what, range });
        Begun { hand: self.clone(), number }
    }

    /// Runs a call that changes something to its end, whoever goes away, with all that the hand does to it.
    async fn run<T, W>(&self, id: UploadId, what: &'static str, work: W) -> Result<T, StoreError>
    where
        T: Send + 'static,
        W: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let hand = self.clone();
        let running = tokio::spawn(async move {
            let begun = hand.begin(id, what, None);
            hand.wait(|| format!("{what} before it is done")).await;
            let fault = hand.take_fault();
            let result = match fault {
                None => work.await,
                Some(Fault::AnswerLost) => work.await.and(Err(Fault::AnswerLost.error())),
                Some(fault) => Err(fault.error()),
            };
            hand.wait(|| format!("{what} before its answer")).await;
            drop(begun);
            result
        });
        running.await.unwrap_or_else(|error| Err(StoreError::Io("run", io::Error::other(error))))
    }
}

/// A record may be saved while bytes beyond it are written; bytes of different places may be written at once.
fn may_run_beside(other: &Running, what: &str, range: Option<&Range<u64>>) -> bool {
    match (&other.range, range) {
        (Some(one), Some(other)) => one.end <= other.start || other.end <= one.start,
        (Some(_), None) => what == "save",
        (None, Some(_)) => other.what == "save",
        (None, None) => false,
    }
}

struct Begun {
    hand: Hand,
    number: u64,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.hand.lock().running.retain(|running| running.number != self.number);
    }
}

/// Keeps a paused clock from moving on while another thread works.
struct Busy {
    _until_dropped: Option<std_mpsc::Sender<()>>,
}

impl Busy {
    fn new() -> Self {
        let (sender, receiver) = std_mpsc::channel::<()>();
        tokio::task::spawn_blocking(move || receiver.recv());
        Self { _until_dropped: Some(sender) }
    }

    async fn during<T>(threads: bool, work: impl Future<Output = T>) -> T {
        let _busy = if threads { Self::new() } else { Self { _until_dropped: None } };
        work.await
    }
}

/// A store with a hand on it.
#[derive(Clone)]
pub(crate) struct Watched<S> {
    pub(crate) store: S,
    pub(crate) hand: Hand,
    /// It works on threads of its own.
    threads: bool,
}

impl<S: Store> Watched<S> {
    pub(crate) fn new(store: S, hand: Hand, threads: bool) -> Self {
        Self { store, hand, threads }
    }
}

impl<S: Store> Store for Watched<S> {
    type Writer = WatchedWriter<S::Writer>;

    async fn create(&self, upload: Upload, first: Vec<Bytes>) -> Result<Upload, StoreError> {
        let (store, threads) = (self.store.clone(), self.threads);
        let work = async move { Busy::during(threads, store.create(upload, first)).await };
        // Its name is known to nobody yet, so an identifier of its own does.
        self.hand.run(UploadId::random().unwrap(), "create", work).await
    }

    async fn load(&self, id: UploadId) -> Result<Upload, StoreError> {
        let (store, threads) = (self.store.clone(), self.threads);
        self.hand.run(id, "load", async move { Busy::during(threads, store.load(id)).await }).await
    }

    async fn peek(&self, id: UploadId) -> Result<Upload, StoreError> {
        Busy::during(self.threads, self.store.peek(id)).await
    }

    fn save(
        &self,
        upload: &Upload,
        written: Option<&Self::Writer>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (hand, id, threads) = (self.hand.clone(), upload.id, self.threads);
        let saving = self.store.save(upload, written.map(|writer| &writer.writer));
        async move { hand.run(id, "save", Busy::during(threads, saving)).await }
    }

    async fn declare_length(&self, upload: &Upload) -> Result<(), StoreError> {
        let (store, upload, threads) = (self.store.clone(), upload.clone(), self.threads);
        let id = upload.id;
        let work = async move { Busy::during(threads, store.declare_length(&upload)).await };
        self.hand.run(id, "declare its length", work).await
    }

    async fn writer(&self, upload: &Upload) -> Result<Self::Writer, StoreError> {
        let writer = Busy::during(self.threads, self.store.writer(upload)).await?;
        let (hand, threads) = (self.hand.clone(), self.threads);
        Ok(WatchedWriter { writer, hand, id: upload.id, position: upload.offset, threads })
    }

    fn publish(
        &self,
        upload: Upload,
        written: Option<&Self::Writer>,
    ) -> impl Future<Output = Result<Upload, StoreError>> + Send {
        let (hand, threads) = (&self.hand, self.threads);
        let begun = hand.begin(upload.id, "publish", None);
        if !upload.has_all_bytes() || matches!(upload.state, State::Filling(_)) {
            let violation = format!("{} is published with {} bytes", upload.id, upload.offset);
            hand.lock().violations.push(violation);
        }
        let publishing = self.store.publish(upload, written.map(|writer| &writer.writer));
        async move {
            hand.wait(|| "publish before it is done".to_owned()).await;
            let publishing = Busy::during(threads, publishing);
            let result = match hand.take_fault() {
                None => publishing.await,
                Some(Fault::AnswerLost) => publishing.await.and(Err(Fault::AnswerLost.error())),
                Some(fault) => Err(fault.error()),
            };
            hand.wait(|| "publish before its answer".to_owned()).await;
            drop(begun);
            result
        }
    }

    async fn assemble(&self, upload: Upload, parts: Vec<Upload>) -> Result<Upload, StoreError> {
        let (store, id, threads) = (self.store.clone(), upload.id, self.threads);
        let work = async move { Busy::during(threads, store.assemble(upload, parts)).await };
        self.hand.run(id, "assemble", work).await
    }

    async fn read(&self, upload: &Upload, range: Range<u64>) -> Result<ByteStream, StoreError> {
        Busy::during(self.threads, self.store.read(upload, range)).await
    }

    async fn remove(&self, upload: &Upload) -> Result<(), StoreError> {
        let (store, upload, threads) = (self.store.clone(), upload.clone(), self.threads);
        let id = upload.id;
        self.hand.run(id, "remove", async move { Busy::during(threads, store.remove(&upload)).await }).await
    }

    async fn lookup(&self, key: ClientKey) -> Result<Option<UploadId>, StoreError> {
        Busy::during(self.threads, self.store.lookup(key)).await
    }

    async fn bind(&self, key: ClientKey, id: UploadId) -> Result<(), StoreError> {
        let (store, threads) = (self.store.clone(), self.threads);
        // It changes nothing of the upload, so it may run beside what does.
        let work = async move { Busy::during(threads, store.bind(key, id)).await };
        self.hand.run(UploadId::random().unwrap(), "bind", work).await
    }

    fn unfinished(&self) -> mpsc::Receiver<(UploadId, Result<Upload, StoreError>)> {
        self.store.unfinished()
    }
}

pub(crate) struct WatchedWriter<W> {
    writer: W,
    hand: Hand,
    id: UploadId,
    position: u64,
    threads: bool,
}

impl<W: Writer> Writer for WatchedWriter<W> {
    fn write(&mut self, batch: Vec<Bytes>) -> impl Future<Output = Written> + Send + 'static {
        let len: u64 = batch.iter().map(|piece| piece.len() as u64).sum();
        let range = self.position..self.position + len;
        self.position += len;
        let begun = self.hand.begin(self.id, "write", Some(range));
        let fault = self.hand.take_fault();
        // A write that fails may have written a part.
        let batch = if fault.is_some() { half(batch, len) } else { batch };
        let (hand, threads) = (self.hand.clone(), self.threads);
        let writing = self.writer.write(batch);
        let running = tokio::spawn(async move {
            hand.wait(|| "write before it is done".to_owned()).await;
            let mut written = Busy::during(threads, writing).await;
            if let Some(fault) = fault {
                written.fault = Some(fault.error());
            }
            hand.wait(|| "write before its answer".to_owned()).await;
            drop(begun);
            written
        });
        async move {
            let cut_off =
                |error| Written { bytes: 0, fault: Some(StoreError::Io("write", io::Error::other(error))) };
            running.await.unwrap_or_else(cut_off)
        }
    }

    async fn rewind(&mut self, offset: u64) -> Result<(), StoreError> {
        let _begun = self.hand.begin(self.id, "rewind", None);
        self.position = offset;
        self.hand.wait(|| "rewind before it is done".to_owned()).await;
        Busy::during(self.threads, self.writer.rewind(offset)).await
    }

    fn digest(
        &self,
        range: Range<u64>,
        hasher: Hasher,
    ) -> impl Future<Output = Result<Hasher, StoreError>> + Send {
        Busy::during(self.threads, self.writer.digest(range, hasher))
    }
}

fn half(batch: Vec<Bytes>, len: u64) -> Vec<Bytes> {
    let all = Bytes::from(batch.concat());
    vec![all.slice(..usize::try_from(len / 2).unwrap())]
}
