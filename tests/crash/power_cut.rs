//! The power is cut for real, on ext4, XFS and btrfs, under a mixed load: what was acknowledged is there afterwards.
//!
//! ```text
//! cargo test --test power_cut -- --cuts 200 --seed 7 --fs xfs
//! ```
//!
//! Needs root (it mounts file systems) and a few tools; without them it says what is left out.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "each program uses a part of what they share; a helper fails the test that calls it, and the test says what it does"
)]

#[path = "../support/mod.rs"]
mod support;

mod check;
mod chunks;
mod contents;
mod disk;
mod flags;
mod full;
mod ledger;
mod load;
mod moment;
mod power;
mod remains;
mod session;
mod tus;
mod world;

use std::env;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::Parser as _;
use libtest_mimic::Trial;

use self::disk::FileSystem;
use self::flags::Flags;
use self::power::After;

/// Without `--cuts`: enough to see that it works, on all file systems together.
const CUTS: usize = 12;

/// Only warnings: the daemon writes to a pipe, and a line for each upload costs more than the upload.
const QUIET: [&str; 4] = ["--log-level", "off", "--idle-timeout", "5s"];

/// Set where a missing tool is a failure.
const REQUIRED: &str = "RESUMED_REQUIRE_ROOT_TESTS";

/// Set in the namespace that the tests run in.
const INSIDE: &str = "RESUMED_TEST_IN_NAMESPACE";

fn main() -> ExitCode {
    let mut flags = Flags::parse();
    if let Some(missing) = missing() {
        eprintln!("left out: the tests that cut the power ({missing})");
        return if env::var_os(REQUIRED).is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    if env::var_os(INSIDE).is_none() {
        return inside_a_namespace();
    }
    let seed = flags.seed();
    let cuts = flags.cuts.unwrap_or(CUTS);
    let chosen: Vec<FileSystem> = FileSystem::ALL
        .into_iter()
        .filter(|fs| flags.fs.as_ref().is_none_or(|chosen| chosen == fs.name()))
        .collect();
    eprintln!("power_cut: {cuts} cuts, --seed {seed}");
    let each = cuts.div_ceil(chosen.len().max(1));
    let mut trials = Vec::new();
    for fs in chosen {
        trials.push(Trial::test(format!("power_cut::{}", fs.name()), move || {
            power::cut(fs, each, seed, After::Nothing)
        }));
        let service = After::Service(Duration::from_millis(100));
        trials.push(Trial::test(format!("failing_disk::{}", fs.name()), move || {
            power::cut(fs, each.div_ceil(10), seed, service)
        }));
        for durability in ["strict", "relaxed"] {
            let name = format!("full_disk::{}_{durability}", fs.name());
            trials.push(Trial::test(name, move || full::fill(fs, durability)));
            if fs == FileSystem::Btrfs {
                let name = format!("exceeded_quota::{durability}");
                trials.push(Trial::test(name, move || full::exceed_quota(durability)));
            }
        }
    }
    // They share the machine badly.
    flags.tests.test_threads.get_or_insert(1);
    libtest_mimic::run(&flags.tests, trials).exit_code()
}

/// What is missing to run the tests, and how to get it.
fn missing() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("they mount file systems; to run them: sudo -E cargo test --test power_cut".to_owned());
    }
    let tools = [
        ("mkfs.ext4", "e2fsprogs"),
        ("mkfs.xfs", "xfsprogs"),
        ("xfs_io", "xfsprogs"),
        ("mkfs.btrfs", "btrfs-progs"),
        ("btrfs", "btrfs-progs"),
        ("mount", "mount"),
        ("unshare", "util-linux"),
    ];
    let mut packages: Vec<&str> = tools
        .into_iter()
        .filter(|(tool, _)| Command::new(tool).arg("-V").output().is_err())
        .map(|(_, package)| package)
        .collect();
    packages.dedup();
    (!packages.is_empty()).then(|| format!("to run them: apt-get install {}", packages.join(" ")))
}

/// Runs this program in a mount namespace of its own: however it ends, nothing stays mounted and no loop device stays
/// attached, and nobody else sees any of it.
fn inside_a_namespace() -> ExitCode {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--"]).arg(env::current_exe().unwrap()).args(env::args_os().skip(1));
    match command.env(INSIDE, "1").status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("unshare: {error}");
            ExitCode::FAILURE
        }
    }
}
