//! The command line of the bench, and the plan that is made of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::scenario::Scenario;
use crate::support::Failure;
use crate::support::numbers::{MIB, parse_size};

/// Measures resumed against a bare recv → write loop, in ratios of one run.
#[derive(Debug, Parser)]
#[command(name = "upload", bin_name = "cargo bench --bench upload --")]
pub(crate) struct Options {
    /// A first impression in half a minute: 256 MiB, and one second of small uploads
    #[arg(long)]
    pub(crate) quick: bool,
    /// Bytes of the one big PATCH, and of the four parallel ones together [default: 4GiB]
    #[arg(long, value_name = "SIZE", value_parser = |text: &str| parse_size(text))]
    pub(crate) size: Option<u64>,
    /// Seconds of small uploads in each round [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) seconds: Option<u64>,
    /// Rounds; in each one every server takes its turn [default: 3]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: Option<u32>,
    /// Only these scenarios
    #[arg(long, value_name = "SCENARIO", value_delimiter = ',')]
    pub(crate) only: Vec<Scenario>,
    /// Seconds after which one scenario of one server is given up
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    pub(crate) limit: u64,
    /// Directory in which the bench makes its own [default: /dev/shm if that is tmpfs]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Measures resumed once with each of these; without it, once with its default
    #[arg(long, value_name = "POLICY", value_delimiter = ',')]
    pub(crate) durability: Vec<Durability>,
    /// Another resumed to measure instead of the one that cargo has just built
    #[arg(long, value_name = "FILE", default_value = env!("CARGO_BIN_EXE_resumed"), hide_default_value = true)]
    pub(crate) resumed: PathBuf,
    /// One more argument for resumed, as --resumed-arg=--max-size=8GiB
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub(crate) resumed_arg: Vec<String>,
    /// Measures a tus server that runs already; may be given several times
    #[arg(long, value_name = "NAME=URL", value_parser = |text: &str| named(text))]
    pub(crate) peer: Vec<(String, String)>,
    /// The same for a server that takes files by PUT below this URL, which ends in a slash
    #[arg(long, value_name = "NAME=URL", value_parser = |text: &str| named(text))]
    pub(crate) peer_put: Vec<(String, String)>,
    /// The process of that peer, for its CPU time and memory; with one peer the name may be left out
    #[arg(long, value_name = "[NAME=]PID")]
    pub(crate) peer_pid: Vec<String>,
    /// Leaves resumed out, to look at the bare loop and the peers alone
    #[arg(long)]
    pub(crate) without_resumed: bool,
    /// Writes every single measurement here too
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
    /// Plays the bare loop on this directory
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) bare_loop: Option<PathBuf>,
    /// Given by cargo bench, and not by cargo test
    #[arg(long, hide = true)]
    bench: bool,
}

/// When a byte counts as accepted, in the daemon's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Durability {
    Strict,
    Relaxed,
}

/// What one run does.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) scenarios: Vec<Scenario>,
    pub(crate) size: u64,
    pub(crate) small_time: Duration,
    pub(crate) rounds: u32,
    pub(crate) limit: Duration,
}

impl Options {
    pub(crate) fn plan(&self) -> Plan {
        // `cargo test --benches` runs this program too, without --bench. It then only shows that it still works.
        let (size, seconds, rounds) = match (self.bench, self.quick) {
            (false, false) => (16 * MIB, 1, 1),
            (_, true) => (256 * MIB, 1, 3),
            (true, false) => (4096 * MIB, 4, 3),
        };
        let all = || Scenario::value_variants().to_vec();
        Plan {
            scenarios: if self.only.is_empty() { all() } else { self.only.clone() },
            size: self.size.unwrap_or(size),
            small_time: Duration::from_secs(self.seconds.unwrap_or(seconds)),
            rounds: self.rounds.unwrap_or(rounds),
            limit: Duration::from_secs(self.limit),
        }
    }

    /// The process number given for the peer of this name.
    pub(crate) fn pid_of(&self, name: &str) -> Result<Option<i32>, Failure> {
        let alone = self.peer.len() + self.peer_put.len() == 1;
        for given in &self.peer_pid {
            let pid = match given.rsplit_once('=') {
                Some((of, pid)) if of == name => pid,
                None if alone => given,
                None => {
                    return Err(format!("--peer-pid {given} belongs to which peer? Say NAME={given}").into());
                }
                Some(_) => continue,
            };
            return Ok(Some(pid.parse().map_err(|error| format!("--peer-pid {given}: {error}"))?));
        }
        Ok(None)
    }
}

fn named(text: &str) -> Result<(String, String), Failure> {
    let (name, url) = text.split_once('=').ok_or("say NAME=URL")?;
    Ok((name.to_owned(), url.to_owned()))
}
