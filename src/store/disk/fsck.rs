//! Looking through a data directory for what should not be there, and mending it.
//!
//! The daemon needs none of this: it brings each upload into a defined state when it is first touched. This is for the
//! administrator after a disk failed, or somebody's script did, and for the tests that do both on purpose.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::{DiskOptions, Shared, fault, is_file_of, lock};
use crate::store::StoreError;
use crate::upload::{ClientKey, Kind, State, Upload, UploadId};

/// While a daemon runs, what is younger is its work in progress.
const IN_PROGRESS: Duration = Duration::from_secs(60);

/// Longer than the daemon needs from one step of a change to the next.
const STEP: Duration = Duration::from_millis(200);

/// Where what can't be used is put, below the data directory.
const SET_ASIDE: &str = "damaged";

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A record that was not put in its place; the one before it is in force.
    Leftover,
    /// Bytes that no record speaks of: nobody was ever told of them.
    Orphan,
    /// A record that can't be used, and why not.
    Damaged(String),
    /// A record of bytes that are not there.
    NoData,
    /// Fewer bytes than were acknowledged.
    Lost {
        /// As recorded.
        recorded: u64,
        /// On the disk.
        stored: u64,
    },
    /// More bytes than are recorded, from a process that died.
    Unsettled {
        /// As recorded.
        recorded: u64,
        /// On the disk.
        stored: u64,
    },
    /// All bytes are there, and the file was not published.
    Unpublished,
    /// A final upload that waits for a part which is gone.
    PartGone(UploadId),
    /// The name of the finished file is in another upload's record too.
    Claimed(UploadId),
    /// A client's name that leads to no upload.
    DeadKey,
    /// Something that resumed did not put there.
    Foreign,
}

impl Fault {
    /// What mending does; `None`: people have to decide.
    #[must_use]
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Leftover | Self::Orphan | Self::DeadKey | Self::PartGone(_) => Some("remove it"),
            Self::Damaged(_) | Self::NoData => Some("put it into damaged/"),
            Self::Lost { .. } => Some("go back to what is there"),
            Self::Unsettled { .. } => Some("settle the offset"),
            Self::Unpublished => Some("publish it"),
            Self::Claimed(_) | Self::Foreign => None,
        }
    }

    /// Acknowledged bytes are gone, or nobody can tell. The others are what a crash leaves, and harmless.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::NoData | Self::Lost { .. } | Self::Claimed(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leftover => f.write_str("a record that was never put in its place"),
            Self::Orphan => f.write_str("bytes of a creation that was cut off"),
            Self::Damaged(why) => f.write_str(why),
            Self::NoData => f.write_str("the upload's bytes are not there"),
            Self::Lost { recorded, stored } => {
                write!(f, "the disk lost bytes: {recorded} were acknowledged, {stored} are there")
            }
            Self::Unsettled { recorded, stored } => {
                write!(f, "{recorded} bytes are recorded, {stored} are there")
            }
            Self::Unpublished => f.write_str("the upload is complete and not published"),
            Self::PartGone(id) => write!(f, "a final upload that can never be whole: its part {id} is gone"),
            Self::Claimed(id) => write!(f, "upload {id} has the same finished file"),
            Self::DeadKey => f.write_str("a client's name that leads to no upload"),
            Self::Foreign => f.write_str("resumed did not put this here"),
        }
    }
}

/// Something that was found.
#[derive(Debug)]
pub struct Finding {
    /// Below the data directory.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
    /// How mending it went; `None`: it was not tried.
    pub mended: Option<Result<(), StoreError>>,
}

/// What was looked at.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Uploads that are not complete, and parts.
    pub unfinished: u64,
    /// Uploads whose file was published.
    pub finished: u64,
    /// Of these: uploads whose file somebody has taken away or changed since. That is what files are for.
    pub taken: u64,
    /// Things that are wrong.
    pub faults: u64,
    /// Of these: mended.
    pub mended: u64,
}

struct Check<'a> {
    shared: Shared,
    dir: PathBuf,
    mend: bool,
    /// A daemon is at work here.
    busy: bool,
    by_file: HashMap<String, UploadId>,
    tally: Tally,
    report: &'a mut dyn FnMut(Finding),
}

/// Looks through a data directory, reports what is wrong as it is found, and mends it if `mend`.
///
/// # Errors
/// The directory can't be read, or is to be mended while a daemon uses it.
pub fn check(
    dir: &Path,
    options: DiskOptions,
    mend: bool,
    report: &mut dyn FnMut(Finding),
) -> io::Result<Tally> {
    let locked = lock(dir);
    let busy = locked.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy);
    let held = match locked {
        Err(error) if mend || !busy => return Err(error),
        held => held.ok(),
    };
    let shared = Shared { _lock: held, ..Shared::new(dir, options)? };
    let dir = dir.to_owned();
    let mut check =
        Check { shared, dir, mend, busy, by_file: HashMap::new(), tally: Tally::default(), report };
    for shard in entries(&check.shared.uploads)? {
        check.uploads(&shard)?;
    }
    for shard in entries(&check.shared.keys)? {
        check.keys(&shard)?;
    }
    Ok(check.tally)
}

/// What lies in a directory, in order. One that is not there holds nothing: the daemon has not been started yet.
fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = match fs::read_dir(dir) {
        Ok(entries) => entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    found.sort();
    Ok(found)
}

/// How an upload stands.
enum Standing {
    Unfinished,
    Finished,
    Taken,
    /// It went while it was being looked at.
    Gone,
}

impl Check<'_> {
    fn found(&mut self, path: &Path, fault: Fault, mend: impl FnOnce(&Shared) -> Result<(), StoreError>) {
        let mended = (self.mend && fault.remedy().is_some()).then(|| mend(&self.shared));
        self.tally.faults += 1;
        self.tally.mended += u64::from(matches!(mended, Some(Ok(()))));
        let path = path.strip_prefix(&self.dir).unwrap_or(path).to_owned();
        (self.report)(Finding { path, fault, mended });
    }

    /// Something beside the uploads' records.
    fn stray(&mut self, path: &Path, fault: Fault) {
        if !(self.busy && is_young(path)) {
            self.found(path, fault, |shared| {
                shared.durable.remove(path).map_err(|error| super::fault("remove", error))
            });
        }
    }

    fn uploads(&mut self, shard: &Path) -> io::Result<()> {
        if !shard.is_dir() {
            self.stray(shard, Fault::Foreign);
            return Ok(());
        }
        for path in entries(shard)? {
            let (stem, extension) = split(&path);
            let id = UploadId::parse(stem).ok().filter(|id| self.shared.shard(*id) == shard);
            match (id, extension) {
                (Some(_), "json.new") => self.stray(&path, Fault::Leftover),
                (Some(id), "data") if self.shared.sidecar_path(id).exists() => {}
                (Some(_), "data") => self.stray(&path, Fault::Orphan),
                (Some(id), "json") => self.upload(id, &path),
                _ => self.stray(&path, Fault::Foreign),
            }
        }
        Ok(())
    }

    fn upload(&mut self, id: UploadId, path: &Path) {
        let (mut standing, mut fault) = self.diagnose(id);
        if self.busy {
            // What a running daemon has not settled yet, it will.
            fault = fault.filter(Fault::is_loss);
        }
        if self.busy && fault.is_some() {
            // It may have been looked at between two steps of a change.
            std::thread::sleep(STEP);
            (standing, fault) = self.diagnose(id);
            fault = fault.filter(Fault::is_loss);
        }
        match standing {
            Standing::Unfinished => self.tally.unfinished += 1,
            Standing::Finished => self.tally.finished += 1,
            Standing::Taken => {
                (self.tally.finished, self.tally.taken) = (self.tally.finished + 1, self.tally.taken + 1)
            }
            Standing::Gone => {}
        }
        if let Some(fault) = fault {
            let mend = match fault {
                Fault::Damaged(_) | Fault::NoData => set_aside,
                Fault::PartGone(_) => remove,
                _ => settle,
            };
            self.found(path, fault, |shared| mend(shared, id));
        }
    }

    fn diagnose(&mut self, id: UploadId) -> (Standing, Option<Fault>) {
        let upload = match self.shared.read_sidecar(id) {
            Ok(sidecar) => sidecar.into_upload(),
            Err(StoreError::NotFound) => return (Standing::Gone, None),
            Err(StoreError::Damaged(why)) => return (Standing::Unfinished, Some(Fault::Damaged(why))),
            Err(error) => {
                let why = format!("can't be read: {}", reason(&error));
                return (Standing::Unfinished, Some(Fault::Damaged(why)));
            }
        };
        let stored = fs::metadata(self.shared.data_path(id)).ok().map(|data| data.len());
        if let State::Complete { file: Some(name), .. } = &upload.state {
            return self.diagnose_finished(&upload, name, stored);
        }
        let Some(stored) = stored else { return (Standing::Unfinished, Some(Fault::NoData)) };
        let recorded = match &upload.state {
            State::Filling(chunks) => chunks.end_of_last(),
            _ => upload.offset,
        };
        let part_gone = || match &upload.kind {
            Kind::Final { parts, .. } => parts.iter().find(|part| !self.shared.sidecar_path(**part).exists()),
            _ => None,
        };
        let fault = match &upload.state {
            State::Assembling => part_gone().map(|part| Fault::PartGone(*part)),
            _ if stored < recorded => Some(Fault::Lost { recorded, stored }),
            State::Receiving if upload.has_all_bytes() => Some(Fault::Unpublished),
            State::Receiving | State::Verifying if stored > recorded => {
                Some(Fault::Unsettled { recorded, stored })
            }
            _ => None,
        };
        (Standing::Unfinished, fault)
    }

    fn diagnose_finished(
        &mut self,
        upload: &Upload,
        name: &str,
        stored: Option<u64>,
    ) -> (Standing, Option<Fault>) {
        if stored.is_some() {
            return (Standing::Finished, Some(Fault::Unpublished));
        }
        if !fs::metadata(self.shared.files.join(name)).is_ok_and(|file| is_file_of(upload, &file)) {
            return (Standing::Taken, None);
        }
        let other = *self.by_file.entry(name.to_owned()).or_insert(upload.id);
        (Standing::Finished, (other != upload.id).then_some(Fault::Claimed(other)))
    }

    fn keys(&mut self, shard: &Path) -> io::Result<()> {
        if !shard.is_dir() {
            self.stray(shard, Fault::Foreign);
            return Ok(());
        }
        for path in entries(shard)? {
            let (stem, extension) = split(&path);
            let key = ClientKey::parse(stem).filter(|key| self.shared.key_path(*key) == shard.join(stem));
            match (key, extension) {
                (Some(_), "json.new") => self.stray(&path, Fault::Leftover),
                (Some(key), "") => {
                    let leads_to = self.shared.lookup(key).ok().flatten();
                    if !leads_to.is_some_and(|id| self.shared.sidecar_path(id).exists()) {
                        self.stray(&path, Fault::DeadKey);
                    }
                }
                _ => self.stray(&path, Fault::Foreign),
            }
        }
        Ok(())
    }
}

/// `name` and `ext.ext` of `name.ext.ext`.
fn split(path: &Path) -> (&str, &str) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split_once('.').unwrap_or((name, ""))
}

fn reason(error: &StoreError) -> String {
    match error {
        StoreError::Io(_, cause) => cause.to_string(),
        other => other.to_string(),
    }
}

fn is_young(path: &Path) -> bool {
    let age = fs::metadata(path)
        .and_then(|file| file.modified())
        .map(|modified| SystemTime::now().duration_since(modified).unwrap_or_default());
    // What is gone already was work in progress too.
    age.map_or(true, |age| age < IN_PROGRESS)
}

/// Does what the daemon would do at first touch.
fn settle(shared: &Shared, id: UploadId) -> Result<(), StoreError> {
    let upload = shared.recover(id)?;
    if upload.state == State::Receiving && upload.has_all_bytes() {
        shared.publish(upload, None)?;
    }
    Ok(())
}

/// As the daemon does when it finds out.
fn remove(shared: &Shared, id: UploadId) -> Result<(), StoreError> {
    let upload = shared.read_sidecar(id)?.into_upload();
    shared.remove(&upload)
}

/// Out of the way, so that its client hears "not found" and begins again, and where people can look at it.
fn set_aside(shared: &Shared, id: UploadId) -> Result<(), StoreError> {
    let dir = shared.uploads.parent().unwrap_or(&shared.uploads);
    let aside = dir.join(SET_ASIDE);
    let moved = shared.durable.create_dirs(dir, Path::new(SET_ASIDE)).and_then(|()| {
        for path in [shared.sidecar_path(id), shared.data_path(id)] {
            match path.file_name().map(|name| shared.durable.move_to_free_name(&path, &aside.join(name))) {
                Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        shared.durable.sync_dir(&aside)?;
        shared.durable.sync_dir(&shared.shard(id))
    });
    moved.map_err(|error| fault("set aside", error))
}
