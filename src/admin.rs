//! The commands for whoever keeps the uploads: list, show, rm, expire, fsck. They read the data directory, beside a daemon
//! that may be running; what is to be removed is removed by that one, if there is one.

mod fsck;
mod keeper;
mod list;
mod remove;
mod show;
mod view;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{self, Admin};

/// Why a command came to nothing.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("can't read the data directory {0}: {1}")]
    Dir(String, io::Error),
    #[error("can't repair {0}: {1}; stop it first")]
    InUse(String, io::Error),
    #[error("there is no upload {0} in {1}")]
    NoUpload(String, String),
    #[error("can't remove {0}: {1}")]
    NotRemoved(String, String),
    #[error("can't ask the daemon that uses the data directory: {0}")]
    Daemon(String),
}

impl Failure {
    fn dir(dir: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Dir(dir.display().to_string(), error)
    }
}

/// Does what the command says, and answers how it went.
#[must_use]
pub fn run(command: Admin) -> ExitCode {
    let done = match command {
        Admin::List(args) => list::run(&args),
        Admin::Show(args) => show::run(&args),
        Admin::Rm(args) => remove::rm(args),
        Admin::Expire(args) => remove::expire(args),
        Admin::Fsck(args) => return fsck::run(args),
    };
    done.unwrap_or_else(|failure| cli::complain(&failure))
}
