//! What a crash may leave of each thing the daemon does in several steps, and what becomes of it.
//!
//! [`operations`] lists the steps of each, as `docs/durability.md` and the comments of `src/store/disk` have them. From
//! these, [`image`] makes every state that a crash can leave in the data directory:
//!
//! - *the process died*: the steps up to any moment, the last one perhaps half done. What was written is there, synced
//!   or not, because the system went on.
//! - *the power failed*: of the steps up to any moment, those that a sync covers are there, and of the others any
//!   selection. Bytes may be missing, half there, zeros, or rubbish of the right length.
//!
//! Each state becomes an upload of its own in one data directory, the real daemon is started on all of them at once, and
//! [`judge`] asks it for each: by HEAD, GET, PATCH or DELETE first.
//!
//! One thing is not in the list: a file system that loses a file altogether while it renames it. Nothing that a program
//! does can help against that.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "helpers fail the test that calls them"
)]

#[path = "../support/mod.rs"]
mod support;

mod client;
mod image;
mod judge;
mod left;
mod operations;
mod world;

use std::fs::{self, File};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use image::State;
use judge::Touch;
use left::{Left, leave_parts};

use support::daemon::{Daemon, id};
use support::data_dir::DataDir;
use world::World;

/// It is the way back that is looked at here, and it is the same without syncs; those are what takes the time.
const FLAGS: [&str; 4] = ["--durability", "relaxed", "--log-level", "resumed=error"];

/// What a sidecar says that was written since this system and this mount came up.
fn world() -> World {
    let daemon = Daemon::start_on(DataDir::in_memory(), &FLAGS);
    let upload = daemon.create("Upload-Length: 1");
    let sidecar = daemon.sidecar(id(&upload));
    let epoch = sidecar["epoch"].as_str().unwrap().to_owned();
    assert_ne!(epoch, "", "before Linux 6.8 nothing can be told of a mount; run the tests on a newer one");
    World { epoch, moment: sidecar["created"].as_str().unwrap().to_owned() }
}

fn all_states(world: &World) -> Vec<State> {
    let states: Vec<State> = operations::all(world).iter().flat_map(|op| op.states()).collect();
    assert!(states.len() > 300, "{} states are too few to be all of them", states.len());
    states
}

/// Judges each, on several threads, because one would wait for the disk most of the time. All that fail are told.
fn for_each(all: &[Left], judge: impl Fn(&Left) + Sync) {
    let next = Mutex::new(all.iter());
    let failed = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some(left) = next.lock().unwrap().next() else { return };
                    if catch_unwind(AssertUnwindSafe(|| judge(left))).is_err() {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(failed.into_inner(), 0, "of {} failed", all.len());
}

/// Runs `resumed fsck`: its exit code, and what it said, by line.
fn fsck(data: &DataDir, args: &[&str]) -> (i32, Vec<String>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resumed"));
    let output =
        command.env_clear().arg("fsck").args(args).arg("--data-dir").arg(data.path()).output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), said.lines().map(str::to_owned).collect())
}

/// What is harmless: what no client was ever told of, and what the next touch brings into order.
const HARMLESS: [&str; 5] = [
    "a record that was never put in its place",
    "bytes of a creation that was cut off",
    "a client's name that leads to no upload",
    " bytes are recorded, ",
    "the upload is complete and not published",
];

/// Bytes went, and with them what nobody was told of, or what its client wanted gone.
const NO_BYTES: &str = "the upload's bytes are not there";

fn assert_harmless(said: &[String], all: &[Left]) {
    let (summary, findings) = said.split_last().unwrap();
    assert!(summary.contains(&format!(": {} found", findings.len())), "{summary}");
    for finding in findings {
        let missed_by_nobody =
            || all.iter().any(|left| finding.contains(&left.id) && left.state.may_lack_its_bytes());
        assert!(
            HARMLESS.iter().any(|harmless| finding.contains(harmless))
                || finding.contains(NO_BYTES) && missed_by_nobody(),
            "{finding}"
        );
    }
}

#[test]
fn the_daemon_brings_every_state_into_order_at_first_touch() {
    let world = world();
    let states = all_states(&world);
    let data = DataDir::in_memory();
    leave_parts(&data, &world);
    let all: Vec<Left> = states
        .iter()
        .flat_map(|state| Touch::ALL.map(|touch| (state, touch)))
        .enumerate()
        .map(|(number, (state, touch))| Left::new(number, state.clone(), touch, &world))
        .collect();
    all.iter().for_each(|left| left.write(&data));
    eprintln!("{} states, each with {} first touches", states.len(), Touch::ALL.len());

    let (code, said) = fsck(&data, &[]);
    assert_eq!(code, 4, "{said:?}");
    assert_harmless(&said, &all);

    let daemon = Daemon::start_on(data, &FLAGS);
    for_each(&all, |left| judge::judge(left, &daemon));
    let files = daemon.files();
    all.iter().for_each(|left| judge::judge_files(left, &files));

    // And once more, as if the power had failed when nobody did anything: nothing has changed.
    let told = |daemon: &Daemon| all.iter().map(|left| judge::look(left, daemon)).collect::<Vec<_>>();
    let before = told(&daemon);
    let data = daemon.kill();
    for left in &all {
        left.cut_the_power(&data);
    }
    let (_, said) = fsck(&data, &[]);
    assert_harmless(&said, &all);
    let daemon = Daemon::start_on(data, &FLAGS);
    assert!(told(&daemon) == before);
    assert!(daemon.files() == files);
}

/// A creation that is going on looks like one that was cut off, but not for long.
#[test]
fn what_no_record_speaks_of_is_removed_after_an_hour() {
    let data = DataDir::in_memory();
    let shard = data.path().join("uploads/3f");
    fs::create_dir_all(&shard).unwrap();
    let leave = |name: &str, age: u64| {
        let file = File::create(shard.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    };
    for (name, age) in [("0", 3700), ("1", 3000)] {
        leave(&format!("3f{}.data", name.repeat(30)), age);
        leave(&format!("3f{}.json.new", name.repeat(30)), age);
    }
    let daemon = Daemon::start_on(data, &["--log-level", "resumed=info"]);
    daemon.wait_for_log("took stock");
    let left: Vec<String> = daemon.uploads().into_keys().collect();
    let young = "1".repeat(30);
    assert_eq!(left, [format!("3f/3f{young}.data"), format!("3f/3f{young}.json.new")]);
}

#[test]
fn fsck_brings_every_state_into_order_without_a_daemon() {
    let world = world();
    let data = DataDir::in_memory();
    leave_parts(&data, &world);
    let states = all_states(&world).into_iter().enumerate();
    let all: Vec<Left> =
        states.map(|(number, state)| Left::new(number, state, Touch::AfterRepair, &world)).collect();
    all.iter().for_each(|left| left.write(&data));

    let (code, said) = fsck(&data, &["--repair"]);
    assert_eq!(code, 1, "everything that was found is mended: {said:?}");
    let (code, said) = fsck(&data, &[]);
    assert_eq!((code, said.len()), (0, 1), "{said:?}");

    let daemon = Daemon::start_on(data, &FLAGS);
    for_each(&all, |left| judge::judge(left, &daemon));
    let files = daemon.files();
    all.iter().for_each(|left| judge::judge_files(left, &files));
}
