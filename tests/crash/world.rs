//! The clients of one disk, from cut to cut.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::contents::mixed;
use crate::ledger::{Kind, Stage, Tally, Upload};
use crate::moment::Moment;
use crate::remains::{Cause, Remains};
use crate::session::{Client, Session};
use crate::support::daemon::Daemon;

/// As many clients as there ever are at once.
const CLIENTS: usize = 12;

/// How long work behind the daemon's back may take to come to rest.
const REST: Duration = Duration::from_secs(10);

pub(crate) struct World {
    clients: Vec<Client>,
    /// Uploads whose creation was not acknowledged: they may be there or not, and nobody will ever ask.
    strays: Vec<Upload>,
    terminated: Vec<u64>,
    numbers: Arc<AtomicU64>,
    rng: fastrand::Rng,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let numbers = Arc::new(AtomicU64::new(1));
        let client = |number| {
            let rng = fastrand::Rng::with_seed(mixed(seed ^ mixed(number)));
            Client::new(seed, rng, Arc::clone(&numbers))
        };
        let clients = (0..CLIENTS as u64).map(client).collect();
        let rng = fastrand::Rng::with_seed(seed);
        Self { clients, strays: Vec::new(), terminated: Vec::new(), numbers, rng }
    }

    /// Lets a few of the clients or all of them work until the moment has come and gone; `aftermath` happens in between.
    /// Few, because each one's syncs make the others' work durable too.
    pub(crate) fn work(&mut self, daemon: &Daemon, moment: &Moment, aftermath: impl FnOnce()) {
        let busy = [1, 2, 4, CLIENTS][self.rng.usize(..4)];
        self.rng.shuffle(&mut self.clients);
        thread::scope(|scope| {
            for client in self.clients.iter_mut().take(busy) {
                scope.spawn(move || Session::new(client, daemon, moment).work());
            }
            moment.wait();
            aftermath();
            moment.end();
        });
    }

    /// All clients do this at once.
    fn each(&mut self, daemon: &Daemon, work: impl Fn(&mut Session<'_>) + Sync) {
        let moment = Moment::never();
        thread::scope(|scope| {
            for client in &mut self.clients {
                let (work, moment) = (&work, &moment);
                scope.spawn(move || work(&mut Session::new(client, daemon, moment)));
            }
        });
    }

    /// Looks at everything after a restart.
    pub(crate) fn check(&mut self, daemon: &Daemon, remains: &Remains, cause: Cause) {
        self.each(daemon, |session| session.check(remains, cause));
        self.set_strays_aside();
        self.audit(daemon);
    }

    /// Finishes uploads, each with this chance.
    pub(crate) fn finish(&mut self, daemon: &Daemon, chance: f64) {
        self.each(daemon, |session| session.finish(chance));
    }

    /// Finishes everything, reads it back and removes it: afterwards nothing lies there that has an owner.
    pub(crate) fn finish_all(&mut self, daemon: &Daemon) {
        self.finish(daemon, 1.0);
        self.audit(daemon);
        self.each(daemon, |session| session.clear());
        self.audit(daemon);
    }

    fn set_strays_aside(&mut self) {
        for client in &mut self.clients {
            let is_stray =
                |upload: &mut Upload| upload.path.is_none() && !matches!(upload.kind, Kind::Chunked(_));
            self.strays.extend(client.uploads.extract_if(.., is_stray));
            let ended = client.uploads.iter().filter(|upload| upload.stage == Stage::Terminated);
            self.terminated.extend(ended.map(|upload| upload.number));
        }
    }

    /// Looks at the data directory as a whole, and at every byte in it that counts.
    fn audit(&mut self, daemon: &Daemon) {
        self.set_strays_aside();
        let deadline = Instant::now() + REST;
        let mut found = self.contradictions(daemon);
        // What nobody waits for may still be going on: a final upload is put together, say.
        while !found.is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(50));
            found = self.contradictions(daemon);
        }
        self.clients[0].problems.extend(found);
    }

    fn contradictions(&self, daemon: &Daemon) -> Vec<String> {
        let remains = Remains::of(daemon);
        let mut found = Vec::new();
        for upload in self.clients.iter().flat_map(|client| &client.uploads) {
            let is_there = upload.path.is_some() || upload.told > 0;
            if matches!(upload.stage, Stage::Open | Stage::Complete)
                && is_there
                && let Err(why) = remains.check_bytes(upload.number, &upload.contents)
            {
                found.push(format!("{why}\n    {}", upload.story()));
            }
        }
        let next = self.numbers.load(Ordering::Relaxed);
        let terminated = self.terminated.iter().filter(|number| remains.has(**number));
        found.extend(terminated.map(|number| format!("upload {number} was terminated and is there")));
        let (contradictions, lost) = remains.audit(|number| (1..next).contains(&number));
        found.extend(contradictions);
        found.extend(lost.into_iter().filter_map(|file| self.lost(&remains, file)));
        found
    }

    /// A finished file that no upload leads to can only be one whose creation was cut off; then it is whole.
    fn lost(&self, remains: &Remains, file: PathBuf) -> Option<String> {
        let bytes = fs::read(&file).unwrap_or_default();
        let holds = |upload: &&Upload| {
            upload.len() == bytes.len() as u64 && upload.contents.first_difference(0, &bytes).is_none()
        };
        if self.strays.iter().any(|stray| holds(&stray)) {
            return None;
        }
        let owner = self.clients.iter().flat_map(|client| &client.uploads).find(holds);
        let whose = owner.map_or_else(
            || "nobody knows it".to_owned(),
            |upload| format!("{}\n    its sidecar: {}", upload.story(), remains.sidecar(upload.number)),
        );
        Some(format!("no upload leads to the file {}, {} bytes\n    {whose}", file.display(), bytes.len()))
    }

    /// What the daemon did that it must not do.
    pub(crate) fn problems(&mut self) -> Vec<String> {
        self.clients.iter_mut().flat_map(|client| std::mem::take(&mut client.problems)).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.clients.iter().map(|client| client.uploads.len()).sum()
    }

    pub(crate) fn held(&self) -> Tally {
        let mut sum = Tally::default();
        self.clients.iter().for_each(|client| sum.add(client.held));
        sum
    }
}
