//! How long people wait: for the answer after the last byte, whatever the file's size, and for a daemon that starts on a
//! million unfinished uploads. See ../README.md.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench tells the person who runs it")]

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod support;

mod last_byte;
mod start_up;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use clap::{Parser, ValueEnum};

use crate::support::numbers::{GIB, MIB, parse_size};
use crate::support::workdir::WorkDir;
use crate::support::{Failure, cleanup};

/// Measures how long people wait.
#[derive(Debug, Parser)]
#[command(name = "waits", bin_name = "cargo bench --bench waits --")]
pub(crate) struct Options {
    /// Only these
    #[arg(long, value_name = "WAIT", value_delimiter = ',')]
    only: Vec<Wait>,
    /// Sizes of the files whose last byte is waited for [default: 10MiB,10GiB]
    #[arg(long, value_name = "SIZE", value_delimiter = ',', value_parser = |text: &str| parse_size(text))]
    size: Vec<u64>,
    /// Rounds for each size
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Unfinished uploads that the daemon starts on [default: 1000000]
    #[arg(long, value_name = "N")]
    uploads: Option<u64>,
    /// Directory in which the bench makes its own; on a disk, because a sync of memory takes no time
    #[arg(long, value_name = "DIR", default_value = env!("CARGO_TARGET_TMPDIR"), hide_default_value = true)]
    data_dir: PathBuf,
    /// Another resumed to measure instead of the one that cargo has just built
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_resumed"), hide_default_value = true)]
    resumed: PathBuf,
    /// Given by cargo bench, and not by cargo test
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wait {
    /// From a file's last byte to the answer
    LastByte,
    /// From the start of the daemon to its first answer
    StartUp,
}

impl Options {
    /// `cargo test --benches` runs this program too, without --bench. It then only shows that it still works.
    fn sizes(&self) -> Vec<u64> {
        match (self.size.is_empty(), self.bench) {
            (false, _) => self.size.clone(),
            (true, true) => vec![10 * MIB, 10 * GIB],
            (true, false) => vec![MIB, 20 * MIB],
        }
    }

    fn uploads(&self) -> u64 {
        self.uploads.unwrap_or(if self.bench { 1_000_000 } else { 100 })
    }

    /// The daemon on a directory, as an administrator starts it.
    fn resumed(&self, dir: &Path) -> Command {
        let mut command = Command::new(&self.resumed);
        command.args(["--listen", "127.0.0.1:0", "--log-level", "info", "--data-dir"]).arg(dir);
        command
    }
}

fn main() -> ExitCode {
    match bench(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Result<(), Failure> {
    cleanup::on_signals()?;
    let work = WorkDir::create(Some(&options.data_dir))?;
    eprintln!("the files go to {}", work.file_system);
    for wait in Wait::value_variants() {
        if options.only.is_empty() || options.only.contains(wait) {
            match wait {
                Wait::LastByte => last_byte::measure(options, &work)?,
                Wait::StartUp => start_up::measure(options, &work)?,
            }
        }
    }
    Ok(())
}
