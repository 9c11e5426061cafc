//! The socket in the data directory, for the admin's commands.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio::net::UnixListener;

use super::listener::Listener;

/// Its name in the data directory.
pub const SOCKET: &str = ".control";

/// Opens it. Nobody else has it: the directory is ours.
pub(super) fn open(dir: &Path) -> io::Result<Listener> {
    let path = dir.join(SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = in_dir(dir, |path| UnixListener::bind(path))?;
    // Only who may write to the uploads himself.
    fs::set_permissions(&path, Permissions::from_mode(0o600))?;
    Ok(Listener::ours(listener, path))
}

/// Does something with the socket by a path that is short, as the system wants it (unix(7)), wherever the directory is.
///
/// # Errors
/// The directory can't be opened, or what is done fails.
pub fn in_dir<T>(dir: &Path, work: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    let dir = File::open(dir)?;
    work(Path::new(&format!("/proc/self/fd/{}/{SOCKET}", dir.as_raw_fd())))
}
