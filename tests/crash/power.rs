//! The power is cut under load, again and again, and afterwards everything is there that was acknowledged before.

use std::thread;
use std::time::Duration;

use libtest_mimic::Failed;
use rustix::process::{Signal, kill_process};

use crate::QUIET;
use crate::contents::mixed;
use crate::disk::{Disk, FileSystem, Kind, MIB};
use crate::flags::report;
use crate::ledger::Tally;
use crate::moment::{Counting, Moment, Plan};
use crate::remains::{Cause, Remains};
use crate::support::daemon::Daemon;
use crate::support::data_dir::DataDir;
use crate::world::World;

const SIZE: u64 = 640 * MIB;

/// A disk sees this many cuts, then there is a new one.
const CUTS_PER_DISK: usize = 12;

/// What happens between the cut and the end of the daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It goes with the power.
    Nothing,
    /// It goes on for a while on a disk that fails, and what it says meanwhile must be true as well.
    Service(Duration),
}

impl After {
    fn what(self) -> &'static str {
        match self {
            Self::Nothing => "power cuts",
            Self::Service(_) => "failures of the disk",
        }
    }
}

pub(crate) fn cut(fs: FileSystem, cuts: usize, seed: u64, after: After) -> Result<(), Failed> {
    let drawn = mixed(seed ^ fs as u64);
    let mut held = Tally::default();
    let mut done = 0;
    for number in 0.. {
        let outer = if after == After::Nothing { FileSystem::Xfs } else { FileSystem::Ext4 };
        let kind = if fs == FileSystem::Btrfs || number % 2 == 1 { Kind::Cached(outer) } else { Kind::Plain };
        let mut bench = Bench::new(fs, kind, mixed(drawn ^ number), after);
        for _ in 0..CUTS_PER_DISK.min(cuts - done) {
            bench.cut();
            done += 1;
            let again = format!(
                "cargo test --test power_cut -- --fs {} --seed {seed} --cuts {done} (it came up at the last)",
                fs.name()
            );
            report(&bench.world.problems(), &again)?;
        }
        bench.world.finish_all(&bench.daemon);
        report(&bench.world.problems(), "as above")?;
        held.add(bench.world.held());
        if done == cuts {
            break;
        }
    }
    eprintln!("{}: {done} {}; held: {held}", fs.name(), after.what());
    Ok(())
}

/// A daemon with its clients on a disk.
struct Bench {
    world: World,
    rng: fastrand::Rng,
    after: After,
    // In this order they go: nobody may be on the disk when it is taken away.
    daemon: Daemon,
    disk: Disk,
}

impl Bench {
    fn new(fs: FileSystem, kind: Kind, seed: u64, after: After) -> Self {
        let disk = Disk::new(fs, kind, SIZE);
        let daemon = Daemon::start_on(DataDir::inside(disk.path()), &QUIET);
        Self { world: World::new(seed), rng: fastrand::Rng::with_seed(seed), after, daemon, disk }
    }

    fn cut(&mut self) {
        let mut plan = Plan::draw(&mut self.rng, 100..600);
        if self.after == After::Nothing && self.rng.u8(..4) == 0 {
            self.replace_the_daemon();
            // Before the clients' next syncs make durable what the new daemon was to care for.
            plan = Plan { after: Duration::ZERO, behind: None, ..plan };
        }
        let mut switch = self.disk.switch();
        let counting = if self.after == After::Nothing { Counting::Before } else { Counting::Always };
        let moment = Moment::new(plan, counting, switch.trigger());
        let (daemon, after) = (&self.daemon, self.after);
        self.world.work(daemon, &moment, || {
            switch.wait();
            if let After::Service(time) = after {
                thread::sleep(time);
                daemon.ask("OPTIONS", daemon.base(), "", b"").expect(204);
            }
            daemon.signal(Signal::KILL);
        });
        self.daemon.wait_for_end();
        assert!(!self.daemon.log().contains("panicked"), "the daemon panicked");
        self.disk.turn_on_again();
        let remains = self.start(&QUIET);
        self.world.check(&self.daemon, &remains, Cause::PowerCut);
        self.world.finish(&self.daemon, 0.2);
    }

    /// Has a daemon at work that syncs nothing, and kills it. The one that follows tells everybody what it finds, and from
    /// then on that must hold too.
    fn replace_the_daemon(&mut self) {
        self.daemon.signal(Signal::KILL);
        self.daemon.wait_for_end();
        self.start(&[QUIET.as_slice(), &["--durability", "relaxed"]].concat());
        let pid = self.daemon.pid();
        let plan = Plan::draw(&mut self.rng, 50..200);
        let moment = Moment::new(plan, Counting::Always, move || kill_process(pid, Signal::KILL).unwrap());
        self.world.work(&self.daemon, &moment, || ());
        self.daemon.wait_for_end();
        let remains = self.start(&QUIET);
        self.world.check(&self.daemon, &remains, Cause::Killed);
    }

    /// Starts a daemon in the place of one that has ended. Answers what it finds.
    fn start(&mut self, flags: &[&str]) -> Remains {
        let data = DataDir::inside(self.disk.path());
        let remains = Remains::of(&data);
        self.daemon = Daemon::start_on(data, flags);
        remains
    }
}
