//! The three scenarios, and how one of them is run once against one server.

use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde::Serialize;

use crate::options::Plan;
use crate::support::Failure;
use crate::support::client::{Client, SmallUploads};
use crate::support::numbers::{GIB, MIB};
use crate::support::process::Watched;
use crate::support::wire::Connection;
use crate::verify;

/// The body of a small upload: one page.
pub(crate) const SMALL: u64 = 4096;
/// As many connections as a browser opens to two or three servers, and more than the machine has cores.
pub(crate) const SMALL_CONNECTIONS: usize = 16;
/// Files in memory have inodes in memory; a server far quicker than any we know must not fill the machine.
const SMALL_AT_MOST: u64 = 50_000;
/// Work that a server puts off until after its answer is work too; an idle one uses nothing meanwhile.
const SETTLE: Duration = Duration::from_millis(100);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scenario {
    /// One upload in one PATCH
    Big,
    /// Four uploads at once, each a quarter of the size in one PATCH
    Parallel,
    /// Creation-with-upload of 4 KiB on 16 kept connections
    Small,
}

/// A server that is running, and what may be known about it.
pub(crate) struct Target {
    pub(crate) client: Client,
    /// Unknown for a peer whose process was not named.
    pub(crate) watched: Option<Watched>,
    /// Where its files are, if the bench has chosen that; then they can be looked at, and it empties the place.
    pub(crate) dir: Option<PathBuf>,
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    /// MiB/s, or uploads per second.
    pub(crate) rate: f64,
    /// Seconds per GiB, or microseconds per upload.
    pub(crate) cpu: Option<f64>,
    pub(crate) peak_mib: Option<f64>,
}

/// Runs a scenario once. With `compare` every byte of big uploads is read back, outside of the measured time.
pub(crate) fn run(
    scenario: Scenario,
    target: &Target,
    plan: &Plan,
    pattern: &[u8],
    compare: bool,
) -> Result<Sample, Failure> {
    // One upload before the clock starts: it proves that the server works, and pays for what is paid once.
    let small = pattern.get(..usize::try_from(SMALL)?).ok_or("a pattern shorter than a small upload")?;
    let first = SmallUploads::open(&target.client, small)?.next()?;
    if target.dir.is_none() {
        target.client.delete(&first);
    }
    if let Some(watched) = target.watched {
        watched.reset_peak();
    }
    match scenario {
        Scenario::Big => transfer(target, plan, pattern, 1, compare),
        Scenario::Parallel => transfer(target, plan, pattern, 4, compare),
        Scenario::Small => swarm(target, plan, small),
    }
}

fn transfer(
    target: &Target,
    plan: &Plan,
    pattern: &[u8],
    streams: u64,
    compare: bool,
) -> Result<Sample, Failure> {
    let each = plan.size / streams;
    let mut uploads = Vec::new();
    for _ in 0..streams {
        uploads.push((target.client.create(each)?, Connection::open(&target.client.endpoint)?));
    }
    let until = Instant::now() + plan.limit;
    let fill = |(path, mut connection): (String, Connection)| {
        target.client.fill(&mut connection, &path, pattern, each, until)?;
        Ok(path)
    };
    let meter = Meter::start(target.watched)?;
    let (paths, took) = together(uploads, fill)?;
    let (cpu, peak_mib) = meter.stop()?;

    if let Some(dir) = &target.dir {
        verify::on_disk(dir, each, usize::try_from(streams)?, compare.then_some(pattern))?;
    } else {
        for path in paths {
            target.client.expect_length(&path, each)?;
            // Left alone, a few rounds of a peer would fill the memory of the machine.
            target.client.delete(&path);
        }
    }
    let bytes = float(each * streams);
    Ok(Sample {
        rate: bytes / float(MIB) / took.as_secs_f64(),
        cpu: cpu.map(|seconds| seconds / (bytes / float(GIB))),
        peak_mib,
    })
}

fn swarm(target: &Target, plan: &Plan, body: &[u8]) -> Result<Sample, Failure> {
    let mut connections = Vec::new();
    for _ in 0..SMALL_CONNECTIONS {
        connections.push(SmallUploads::open(&target.client, body)?);
    }
    let meter = Meter::start(target.watched)?;
    let until = Instant::now() + plan.small_time.min(plan.limit);
    let (counts, took) = together(connections, |mut uploads: SmallUploads<'_>| {
        let mut count = 0;
        while Instant::now() < until && count < SMALL_AT_MOST {
            uploads.next()?;
            count += 1;
        }
        Ok(count)
    })?;
    let (cpu, peak_mib) = meter.stop()?;
    let count = counts.into_iter().sum();
    if let Some(dir) = &target.dir {
        verify::on_disk(dir, SMALL, usize::try_from(count)?, None)?;
    }
    Ok(Sample {
        rate: float(count) / took.as_secs_f64(),
        cpu: cpu.map(|seconds| seconds * 1e6 / float(count)),
        peak_mib,
    })
}

/// Does `work` on each item in a thread of its own, all let go at once; the time is that of the slowest.
fn together<I: Send, O: Send>(
    items: Vec<I>,
    work: impl Fn(I) -> Result<O, Failure> + Sync,
) -> Result<(Vec<O>, Duration), Failure> {
    let gate = Barrier::new(items.len() + 1);
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .into_iter()
            .map(|item| {
                scope.spawn(|| {
                    gate.wait();
                    work(item)
                })
            })
            .collect();
        gate.wait();
        let start = Instant::now();
        let mut results = Vec::new();
        for thread in threads {
            results.push(thread.join().map_err(|_| "a client thread panicked")?);
        }
        let took = start.elapsed();
        Ok((results.into_iter().collect::<Result<_, Failure>>()?, took))
    })
}

/// What a process has used between two moments.
struct Meter(Option<(Watched, f64)>);

impl Meter {
    fn start(watched: Option<Watched>) -> Result<Self, Failure> {
        Ok(Self(watched.map(|w| Ok::<_, Failure>((w, w.cpu_seconds()?))).transpose()?))
    }

    fn stop(self) -> Result<(Option<f64>, Option<f64>), Failure> {
        let Some((watched, before)) = self.0 else { return Ok((None, None)) };
        thread::sleep(SETTLE);
        Ok((Some(watched.cpu_seconds()? - before), Some(watched.peak_mib()?)))
    }
}

/// Exact up to 2^53, which no count here comes near.
fn float(count: u64) -> f64 {
    count as f64
}
