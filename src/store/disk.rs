//! Uploads in a directory.
//!
//! ```text
//! DATA-DIR/
//!   uploads/3f/3f0c….data     the bytes of an upload that is not finished (or is a part)
//!   uploads/3f/3f0c….json     its sidecar; stays when the file is published
//!   files/…                   finished files, named by --layout
//!   keys/9c/9c41…             which upload a client's own name leads to (Resumable.js)
//!   .spare                    room for sidecars when the disk is full
//! ```
//!
//! Which step makes what durable, and why, stands in `docs/durability.md`; the order of the steps stands in
//! [`publish`](self) and [`load`](Store::load).

mod assemble;
#[cfg(test)]
mod bench;
mod create;
mod durable;
mod epoch;
pub mod file_name;
pub mod fsck;
#[doc(hidden)]
pub mod fuzzing;
mod keys;
pub mod layout;
mod legacy;
mod metrics;
mod pool;
mod publish;
mod read;
mod record;
mod recover;
mod saving;
mod scan;
mod shared_sync;
mod sidecar;
mod space;
mod spare;
pub mod survey;
mod suspects;
mod writer;

use std::collections::HashSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File, Metadata};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use prometheus_client::registry::Registry;
use rustix::fs::{FlockOperation, flock};
use tokio::sync::mpsc;

use self::durable::Durable;
use self::layout::Layout;
use self::legacy::Legacy;
use self::saving::Saving;
use self::space::Space;
use self::suspects::Suspects;
pub use self::writer::DiskWriter;
use self::writer::Promise;
use super::durability::Durability;
use super::{ByteStream, Store, StoreError};
use crate::upload::{ClientKey, State, Upload, UploadId};

/// A store in a directory of this machine.
#[derive(Clone)]
pub struct Disk {
    shared: Arc<Shared>,
}

struct Shared {
    uploads: PathBuf,
    files: PathBuf,
    keys: PathBuf,
    layout: Layout,
    durable: Arc<Durable>,
    /// See [`epoch`]; `None`: trust nothing.
    epoch: Option<String>,
    /// Names that publications under way have chosen but not taken yet.
    claimed: Mutex<HashSet<PathBuf>>,
    space: Arc<Space>,
    suspects: Arc<Suspects>,
    saving: Saving<UploadId>,
    binding: Saving<ClientKey>,
    legacy: Legacy,
    /// Keeps a second daemon out of the directory, as long as it is open. `None`: for looking only.
    _lock: Option<File>,
}

/// How a store in a directory is to be kept.
#[derive(Debug, Clone)]
pub struct DiskOptions {
    /// Where below it a finished file gets which name.
    pub layout: Layout,
    /// What has to have happened to bytes before they are acknowledged.
    pub durability: Durability,
    /// How much of the disk uploads leave free, in bytes.
    pub reserve: u64,
}

impl Disk {
    /// Opens a data directory, and makes it if it is not there.
    ///
    /// # Errors
    /// It can't be made or written to, or another daemon uses it.
    pub fn open(dir: &Path, options: DiskOptions) -> io::Result<Self> {
        fs::create_dir_all(dir)?;
        let shared = Shared { _lock: Some(lock(dir)?), ..Shared::new(dir, options)? };
        let durable = &shared.durable;
        durable.create_dirs(dir, Path::new("uploads"))?;
        durable.create_dirs(dir, Path::new("files"))?;
        durable.create_dirs(dir, Path::new("keys"))?;
        durable.create_shards(&shared.uploads)?;
        durable.create_shards(&shared.keys)?;
        durable.spare().keep(&dir.join(".spare"));
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Leaves this many bytes of the disk free from now on.
    pub fn set_reserve(&self, bytes: u64) {
        self.shared.space.set_reserve(bytes);
    }

    /// Looks at the data directory by way of the threads that do all the work on it: answers how many bytes are free.
    ///
    /// # Errors
    /// It can't be reached.
    pub fn probe(&self) -> impl Future<Output = Result<u64, StoreError>> + Send + 'static {
        self.run(|shared| {
            let fs = rustix::fs::statvfs(&shared.uploads).map_err(|error| fault("reach it", error.into()))?;
            Ok(fs.f_bavail.saturating_mul(fs.f_frsize))
        })
    }

    /// Whether uploads can be taken in: the directory can be written to. Answers how much room is left beyond the reserve.
    ///
    /// # Errors
    /// It can't be written to, or there is no room beyond the reserve.
    pub fn ready(&self) -> impl Future<Output = Result<u64, StoreError>> + Send + 'static {
        self.run(|shared| {
            shared.durable.can_create(&shared.uploads).map_err(|error| fault("write to it", error))?;
            let free = shared.space.free();
            free.checked_sub(shared.space.reserve()).filter(|left| *left > 0).ok_or(StoreError::NoSpace)
        })
    }

    /// Adds what the store measures to a registry.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.shared.durable.syncs().register(registry);
        registry.register_collector(Box::new(metrics::Room(Arc::clone(&self.shared.space))));
    }

    /// Runs blocking work that ends also when its caller goes away.
    fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared) -> Result<T, StoreError> + Send + 'static,
    ) -> impl Future<Output = Result<T, StoreError>> + Send + 'static {
        let shared = Arc::clone(&self.shared);
        blocking(move || work(&shared))
    }
}

/// Keeps everybody else from changing the directory, as long as the answer is open.
fn lock(dir: &Path) -> io::Result<File> {
    let lock = File::open(dir)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(io::Error::new(io::ErrorKind::ResourceBusy, "another resumed is using it"))
        }
        Err(error) => Err(error.into()),
    }
}

impl Shared {
    fn new(dir: &Path, options: DiskOptions) -> io::Result<Self> {
        let DiskOptions { layout, durability, reserve } = options;
        Ok(Self {
            uploads: dir.join("uploads"),
            files: dir.join("files"),
            keys: dir.join("keys"),
            layout,
            durable: Arc::new(Durable::new(durability, dir)),
            epoch: epoch::current(dir),
            claimed: Mutex::default(),
            space: Arc::new(Space::new(File::open(dir)?, reserve, assemble::shares_blocks(dir))),
            suspects: Arc::default(),
            saving: Saving::default(),
            binding: Saving::default(),
            legacy: Legacy::default(),
            _lock: None,
        })
    }

    fn shard(&self, id: UploadId) -> PathBuf {
        self.uploads.join(format!("{:02x}", id.shard()))
    }

    fn data_path(&self, id: UploadId) -> PathBuf {
        self.own_path(id, "data")
    }

    fn sidecar_path(&self, id: UploadId) -> PathBuf {
        self.own_path(id, "json")
    }

    /// In one piece of memory: a small upload asks for several.
    fn own_path(&self, id: UploadId, extension: &str) -> PathBuf {
        let uploads = self.uploads.as_os_str();
        let mut path =
            OsString::with_capacity(uploads.len() + "/3f/".len() + UploadId::TEXT_LEN + 1 + extension.len());
        path.push(uploads);
        // Writing to memory can't fail.
        let _ = write!(path, "/{:02x}/{id}.{extension}", id.shard());
        path.into()
    }

    /// A complete upload's bytes: under its own name when it is a part or when its publication is under way (then the
    /// published name may be somebody else's still), or where it was published.
    fn open_complete(&self, upload: &Upload) -> Result<File, StoreError> {
        let own = File::open(self.data_path(upload.id));
        let opened = match (&upload.state, own) {
            (State::Complete { file: Some(name), .. }, Err(_)) => File::open(self.files.join(name)),
            (_, own) => own,
        };
        let file = opened.map_err(|error| absent(error, "open"))?;
        let metadata = file.metadata().map_err(|error| fault("look at the data", error))?;
        // Somebody replaced or changed it; what lies there is not this upload.
        if is_file_of(upload, &metadata) { Ok(file) } else { Err(StoreError::NotFound) }
    }
}

impl Store for Disk {
    type Writer = DiskWriter;

    async fn create(&self, upload: Upload, first: Vec<Bytes>) -> Result<Upload, StoreError> {
        self.run(move |shared| shared.create(upload, first)).await
    }

    async fn load(&self, id: UploadId) -> Result<Upload, StoreError> {
        self.settled().await?;
        self.run(move |shared| shared.saving.alone(id, || shared.recover(id))).await
    }

    async fn peek(&self, id: UploadId) -> Result<Upload, StoreError> {
        self.settled().await?;
        self.run(move |shared| shared.peek(id)).await
    }

    fn save(
        &self,
        upload: &Upload,
        written: Option<&DiskWriter>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
        let (upload, written) = (upload.clone(), written.map(DiskWriter::file));
        self.run(move |shared| shared.change(upload.id, || shared.save(&upload, written.as_deref())))
    }

    async fn declare_length(&self, upload: &Upload) -> Result<(), StoreError> {
        let upload = upload.clone();
        self.run(move |shared| shared.declare_length(&upload)).await
    }

    async fn writer(&self, upload: &Upload) -> Result<DiskWriter, StoreError> {
        let (id, offset) = (upload.id, upload.offset);
        // Chunks come in any order: what is still to come is counted when they are recorded.
        let length = if upload.state == State::Receiving { upload.length.known() } else { None };
        self.run(move |shared| {
            let file = fs::OpenOptions::new().read(true).write(true).open(shared.data_path(id));
            let file = file.map_err(|error| fault("open for writing", error))?;
            let promise = Promise { space: Arc::clone(&shared.space), id, length };
            Ok(DiskWriter::new(file, Arc::clone(&shared.durable), promise, offset))
        })
        .await
    }

    async fn publish(&self, upload: Upload, written: Option<&DiskWriter>) -> Result<Upload, StoreError> {
        let written = written.map(DiskWriter::file);
        self.run(move |shared| shared.change(upload.id, || shared.publish(upload, written.as_deref()))).await
    }

    async fn assemble(&self, upload: Upload, parts: Vec<Upload>) -> Result<Upload, StoreError> {
        self.run(move |shared| shared.assemble(upload, &parts)).await
    }

    async fn read(&self, upload: &Upload, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let upload = upload.clone();
        self.run(move |shared| {
            let file = shared.open_complete(&upload)?;
            Ok(read::stream(file, range))
        })
        .await
    }

    async fn remove(&self, upload: &Upload) -> Result<(), StoreError> {
        let upload = upload.clone();
        self.run(move |shared| shared.change(upload.id, || shared.remove(&upload))).await
    }

    async fn lookup(&self, key: ClientKey) -> Result<Option<UploadId>, StoreError> {
        self.settled().await?;
        self.run(move |shared| shared.lookup(key)).await
    }

    async fn bind(&self, key: ClientKey, id: UploadId) -> Result<(), StoreError> {
        self.run(move |shared| shared.bind(key, id)).await
    }

    fn unfinished(&self) -> mpsc::Receiver<(UploadId, Result<Upload, StoreError>)> {
        // At once, so that whoever asks for an upload first need not wait for it.
        let disk = self.clone();
        tokio::spawn(async move {
            if let Err(error) = disk.settled().await {
                tracing::error!(%error, "can't sync what an earlier process left; whoever asks for it tries again");
            }
        });
        scan::unfinished(Arc::clone(&self.shared))
    }
}

/// When a file's bytes were last changed.
fn changed(file: &Metadata) -> Option<Timestamp> {
    Timestamp::try_from(file.modified().ok()?).ok()
}

/// Whether this is the finished file of an upload, as far as anybody can tell: somebody may have taken it away and put
/// another one there, or another upload of the same name came to lie there then.
fn is_file_of(upload: &Upload, file: &Metadata) -> bool {
    let same_age = match (&upload.state, changed(file)) {
        (State::Complete { changed: Some(recorded), .. }, Some(found)) => {
            let whole = |time: &Timestamp| time.subsec_nanosecond() == 0;
            // Some file systems and archives keep whole seconds, and round when they write them. Elsewhere two seconds
            // would take in the next upload of the same name and length.
            let tolerance = if whole(recorded) != whole(&found) { 2 } else { 0 };
            recorded.duration_since(found).abs() <= SignedDuration::from_secs(tolerance)
        }
        _ => true,
    };
    same_age && file.len() == upload.offset
}

/// Runs blocking work on a disk thread, to its end.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let cut_off = || Err(fault("finish its work", io::Error::other("a disk thread panicked")));
    pool::run(work).await.unwrap_or_else(cut_off)
}

/// The same for a file whose absence means that there is no such upload. Anywhere else a missing file or directory is
/// the machine's fault, and a client that heard "not found" would begin again from zero.
fn absent(error: io::Error, doing: &'static str) -> StoreError {
    if error.kind() == io::ErrorKind::NotFound { StoreError::NotFound } else { fault(doing, error) }
}

/// A fault in the middle of a change: also where the room has run out, nobody knows what of it is on the disk.
fn half_done(doing: &'static str, error: io::Error) -> StoreError {
    StoreError::Io(doing, error)
}

/// Sorts a fault of the system, before anything was changed, by what it means for the client.
fn fault(doing: &'static str, error: io::Error) -> StoreError {
    if durable::is_full(&error) { StoreError::NoSpace } else { StoreError::Io(doing, error) }
}
