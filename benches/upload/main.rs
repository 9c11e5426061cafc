//! Measures uploads through resumed against the bare loop on the same socket, file system and machine, in the same
//! run. See ../README.md for how to run it and how to read it.

#[path = "../support/mod.rs"]
#[allow(dead_code, reason = "each bench uses a part of it")]
mod support;

mod options;
mod report;
mod scenario;
mod verify;

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::{fs, thread};

use clap::{Parser, ValueEnum};
use rustix::process::Pid;

use crate::options::{Durability, Options, Plan};
use crate::report::Row;
use crate::scenario::{Sample, Scenario, Target};
use crate::support::client::{Client, Dialect};
use crate::support::numbers::{GIB, MIB, show_size};
use crate::support::process::Watched;
use crate::support::server::Server;
use crate::support::wire::Endpoint;
use crate::support::workdir::WorkDir;
use crate::support::{Failure, bare, cleanup};

/// What is sent, over and over. It fits into the cache beside the server's buffer, and it is long enough that the
/// client's system calls don't show.
const PATTERN: u64 = MIB;
/// About what the files and inodes of the quickest server take in a few seconds of small uploads.
const SMALL_ALTOGETHER: u64 = GIB;
/// Kept free on tmpfs for everything else on the machine.
const SPARE: u64 = GIB;

/// One line of the table in each scenario.
enum Contender {
    Bare,
    Resumed(Option<Durability>),
    Peer { name: String, client: Client, watched: Option<Watched> },
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match &options.bare_loop {
        Some(dir) => bare::serve(dir).map(|()| true),
        None => bench(&options),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            note(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs everything; whether every round of every server succeeded. A missed bar is no failure: on a shared machine
/// it may only mean that somebody else was working.
fn bench(options: &Options) -> Result<bool, Failure> {
    cleanup::on_signals()?;
    let contenders = contenders(options)?;
    let work = WorkDir::create(options.data_dir.as_deref())?;
    let mut plan = options.plan();
    if !work.in_memory() {
        note(&format!(
            "warning: the files go to {}, not to tmpfs: the disk is measured too",
            work.file_system
        ));
    }
    fit(&mut plan, &work)?;
    note(&format!(
        "{} in {} rounds on {}, {} cores, on the loopback interface",
        show_size(plan.size),
        plan.rounds,
        work.file_system,
        thread::available_parallelism()?
    ));

    let pattern = pattern()?;
    let mut rows = Vec::new();
    let mut whole = true;
    for scenario in &plan.scenarios {
        let mut these: Vec<Row> =
            contenders.iter().map(|c| Row::new(*scenario, &c.name(), c.is_ours())).collect();
        for round in 0..plan.rounds {
            for (contender, row) in contenders.iter().zip(&mut these) {
                let sample = turn(contender, *scenario, round, options, &plan, &work, &pattern);
                match &sample {
                    Ok(sample) => progress(row, round, sample),
                    Err(error) => {
                        note(&format!("{}: {scenario:?}, round {}: {error}", row.server, round + 1))
                    }
                }
                whole &= sample.is_ok();
                row.rounds.push(sample.ok());
            }
        }
        let bare = these.first().map(|row| row.rounds.clone()).unwrap_or_default();
        these.iter_mut().for_each(|row| row.summarize(&bare));
        rows.append(&mut these);
    }

    print(&report::table(&rows));
    if let Some(file) = &options.json {
        let all = serde_json::json!({
            "file_system": work.file_system,
            "cores": thread::available_parallelism()?,
            "bytes": plan.size,
            "small_bytes": scenario::SMALL,
            "small_connections": scenario::SMALL_CONNECTIONS,
            "small_seconds": plan.small_time.as_secs(),
            "rows": rows,
        });
        fs::write(file, serde_json::to_string_pretty(&all)?)?;
    }
    Ok(whole)
}

/// One server, one scenario, one round. A server of ours starts anew for it, on an empty directory: its peak of
/// memory is then that scenario's, and no earlier round has left it anything.
fn turn(
    contender: &Contender,
    scenario: Scenario,
    round: u32,
    options: &Options,
    plan: &Plan,
    work: &WorkDir,
    pattern: &[u8],
) -> Result<Sample, Failure> {
    if work.in_memory() {
        work.touch(match scenario {
            Scenario::Small => SMALL_ALTOGETHER,
            Scenario::Big | Scenario::Parallel => plan.size + plan.size / 4,
        })?;
    }
    if let Contender::Peer { client, watched, .. } = contender {
        let target = Target { client: client.clone(), watched: *watched, dir: None };
        return scenario::run(scenario, &target, plan, pattern, false);
    }
    let dir = work.fresh("data")?;
    // The directory is emptied after the server has gone, whether it did well or not.
    let sample = (|| {
        let server = match contender {
            Contender::Resumed(durability) => Server::start(&mut resumed(options, &dir, *durability))?,
            _ => Server::bare(&dir)?,
        };
        let client = Client { dialect: Dialect::Tus, endpoint: server.endpoint.clone() };
        let target = Target { client, watched: Some(server.watched), dir: Some(dir.clone()) };
        scenario::run(scenario, &target, plan, pattern, round == 0)
    })();
    fs::remove_dir_all(&dir)?;
    sample
}

fn resumed(options: &Options, dir: &PathBuf, durability: Option<Durability>) -> Command {
    let mut command = Command::new(&options.resumed);
    command.args(["--listen", "127.0.0.1:0", "--log-level", "warn", "--data-dir"]).arg(dir);
    if let Some(name) = durability.and_then(|policy| policy.to_possible_value()) {
        command.args(["--durability", name.get_name()]);
    }
    command.args(&options.resumed_arg);
    command
}

/// The bare loop is always there, and first: everything else is a ratio to it.
fn contenders(options: &Options) -> Result<Vec<Contender>, Failure> {
    let mut all = vec![Contender::Bare];
    if options.without_resumed {
    } else if options.durability.is_empty() {
        all.push(Contender::Resumed(None));
    } else {
        all.extend(options.durability.iter().map(|policy| Contender::Resumed(Some(*policy))));
    }
    let tus = options.peer.iter().map(|peer| (Dialect::Tus, peer));
    let put = options.peer_put.iter().map(|peer| (Dialect::Put, peer));
    for (dialect, (name, url)) in tus.chain(put) {
        let watched = options
            .pid_of(name)?
            .map(|pid| Pid::from_raw(pid).map(Watched::new).ok_or("0 is no process"))
            .transpose()?;
        let client = Client { dialect, endpoint: Endpoint::parse(url)? };
        all.push(Contender::Peer { name: name.clone(), client, watched });
    }
    Ok(all)
}

impl Contender {
    fn name(&self) -> String {
        match self {
            Self::Bare => "bare loop".to_owned(),
            Self::Resumed(None) => "resumed".to_owned(),
            Self::Resumed(Some(policy)) => format!("resumed, {policy:?}").to_lowercase(),
            Self::Peer { name, .. } => name.clone(),
        }
    }

    fn is_ours(&self) -> bool {
        matches!(self, Self::Resumed(_))
    }
}

/// Halves the size until it fits, and says so: a run that fills the memory of the machine measures its swapping.
fn fit(plan: &mut Plan, work: &WorkDir) -> Result<(), Failure> {
    let (wanted, room) = (plan.size, work.room()?);
    while plan.size + plan.size / 4 + SPARE > room {
        plan.size /= 2;
        if plan.size < MIB {
            return Err(format!("only {} MiB are free where the files go", room / MIB).into());
        }
    }
    if plan.size < wanted {
        let (wanted, size) = (show_size(wanted), show_size(plan.size));
        note(&format!("note: {} MiB are free, too little for {wanted}: {size} it is", room / MIB));
    }
    Ok(())
}

/// Bytes that differ from place to place, so that a piece written twice or at the wrong offset is noticed.
fn pattern() -> Result<Vec<u8>, Failure> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(usize::try_from(PATTERN)?);
    for _ in 0..PATTERN / 8 {
        // xorshift64, by Marsaglia.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    Ok(bytes)
}

fn progress(row: &Row, round: u32, sample: &Sample) {
    let cpu = sample.cpu.map_or_else(|| "–".to_owned(), |cpu| format!("{cpu:.2}"));
    note(&format!("{:?}, round {}: {}: {:.0}, CPU {cpu}", row.scenario, round + 1, row.server, sample.rate));
}

#[expect(clippy::print_stdout, reason = "the table is the product of this program")]
fn print(text: &str) {
    println!("{text}");
}

/// Beside the table, so that the standard output can go straight into a document.
#[expect(clippy::print_stderr, reason = "a bench tells the person who runs it what it does")]
fn note(text: &str) {
    eprintln!("{text}");
}
