//! Who removes uploads: the daemon that uses the data directory, or this process when there is none.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::runtime::Runtime;

use super::Failure;
use crate::cli::StorageArgs;
use crate::config::disk_options;
use crate::server::control::in_dir;
use crate::store::disk::Disk;
use crate::upload::{ClientLimits, Rules, UploadError, UploadId, Uploads};

/// A daemon that has said nothing for this long is in trouble.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked of an upload before it is removed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Only {
    /// Nothing.
    Any,
    /// That it has expired.
    Expired,
    /// That it is not finished, and its last byte came this long ago.
    Idle(Duration),
}

/// What became of an upload.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Removed,
    /// It is used, or has changed since it was looked at.
    Kept,
    NotThere,
}

/// Removes uploads.
pub(super) enum Keeper {
    Daemon(PathBuf),
    Alone(Box<Runtime>, Uploads<Disk>),
}

impl Keeper {
    /// Finds out who it is.
    pub(super) fn of(storage: StorageArgs) -> Result<Self, Failure> {
        let dir = storage.dir.data_dir.clone();
        // A directory that is none is told as that, in the system's words.
        drop(std::fs::read_dir(dir.join("uploads")).map_err(Failure::dir(&dir))?);
        match in_dir(&dir, |path| UnixStream::connect(path)) {
            Ok(_) => return Ok(Self::Daemon(dir)),
            // A daemon that was killed leaves its socket behind.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) => {}
            Err(error) => return Err(Failure::Daemon(error.to_string())),
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Failure::dir(&dir))?;
        let disk = Disk::open(&dir, disk_options(storage)).map_err(Failure::dir(&dir))?;
        let rules = Rules {
            max_size: None,
            expire_after: None,
            fill_expire_after: None,
            verify: false,
            clients: ClientLimits::default(),
            checkpoint: Rules::CHECKPOINT,
        };
        let uploads = Uploads::new(disk, rules);
        // What a final upload still needs is not in the way of anybody.
        runtime.block_on(uploads.note_waiting());
        Ok(Self::Alone(Box::new(runtime), uploads))
    }

    /// Removes an upload.
    pub(super) fn remove(&self, id: UploadId, only: Only) -> Result<Outcome, Failure> {
        match self {
            Self::Daemon(dir) => ask(dir, id, only),
            Self::Alone(runtime, uploads) => {
                let removed = runtime.block_on(async {
                    match only {
                        Only::Any => uploads.remove(id).await.map(|()| true),
                        Only::Expired => uploads.remove_expired(id, Timestamp::now()).await,
                        Only::Idle(idle) => uploads.remove_idle(id, before(idle)).await,
                    }
                });
                match removed {
                    Ok(true) => Ok(Outcome::Removed),
                    Ok(false) => Ok(Outcome::Kept),
                    Err(UploadError::NotFound) => Ok(Outcome::NotThere),
                    Err(error) => Err(Failure::NotRemoved(id.to_string(), error.to_string())),
                }
            }
        }
    }
}

/// The moment this long ago.
pub(super) fn before(idle: Duration) -> Timestamp {
    let idle = SignedDuration::try_from(idle).unwrap_or(SignedDuration::MAX);
    Timestamp::now().checked_sub(idle).unwrap_or(Timestamp::MIN)
}

fn ask(dir: &Path, id: UploadId, only: Only) -> Result<Outcome, Failure> {
    let query = match only {
        Only::Any => String::new(),
        Only::Expired => "?expired=true".to_owned(),
        Only::Idle(idle) => format!("?idle={}", idle.as_secs_f64().ceil()),
    };
    let request =
        format!("DELETE /uploads/{id}{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = in_dir(dir, |path| {
        let mut socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.write_all(request.as_bytes())?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer)?;
        Ok(answer)
    });
    let answer = answer.map_err(|error| Failure::Daemon(error.to_string()))?;
    match answer.split(' ').nth(1) {
        Some("204") => Ok(Outcome::Removed),
        Some("200") => Ok(Outcome::Kept),
        Some("404") => Ok(Outcome::NotThere),
        _ => {
            let said = answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim();
            Err(Failure::NotRemoved(id.to_string(), said.to_owned()))
        }
    }
}
