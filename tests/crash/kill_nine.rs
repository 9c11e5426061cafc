//! `kill -9` at a random moment, hundreds of times, under a mixed load: what was acknowledged is there, and what
//! arrived is kept.
//!
//! ```text
//! cargo test --test kill_nine -- --cuts 500 --seed 7
//! ```
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
mod flags;
mod ledger;
mod load;
mod moment;
mod remains;
mod session;
mod tus;
mod world;

use std::process::ExitCode;

use clap::Parser as _;
use libtest_mimic::{Failed, Trial};
use rustix::process::{Signal, kill_process};

use self::flags::{Flags, report};
use self::moment::{Counting, Moment, Plan};
use self::remains::{Cause, Remains};
use self::support::daemon::Daemon;
use self::support::data_dir::DataDir;
use self::world::World;

const CUTS: usize = 500;

/// Only warnings: the daemon writes to a pipe, and a line for each upload costs more than the upload.
const QUIET: [&str; 2] = ["--log-level", "warn"];

fn main() -> ExitCode {
    let flags = Flags::parse();
    let (cuts, seed) = (flags.cuts.unwrap_or(CUTS), flags.seed());
    let trial = Trial::test("an_acknowledged_byte_survives_kill_nine", move || kill(cuts, seed));
    libtest_mimic::run(&flags.tests, vec![trial]).exit_code()
}

fn kill(cuts: usize, seed: u64) -> Result<(), Failed> {
    eprintln!("kill_nine: {cuts} kills, --seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = World::new(seed);
    let mut daemon = Daemon::start_on(DataDir::new(), &QUIET);
    for cut in 1..=cuts {
        let plan = Plan::draw(&mut rng, 20..150);
        let pid = daemon.pid();
        let moment = Moment::new(plan, Counting::Always, move || kill_process(pid, Signal::KILL).unwrap());
        world.work(&daemon, &moment, || ());
        let data = daemon.kill();
        let remains = Remains::of(&data);
        daemon = Daemon::start_on(data, &QUIET);
        world.check(&daemon, &remains, Cause::Killed);
        world.finish(&daemon, 0.2);
        if cut == cuts {
            world.finish_all(&daemon);
        }
        let again =
            format!("cargo test --test kill_nine -- --seed {seed} --cuts {cut} (it came up at the last)");
        report(&world.problems(), &again)?;
    }
    eprintln!("kill_nine: {cuts} kills; held: {}", world.held());
    Ok(())
}
