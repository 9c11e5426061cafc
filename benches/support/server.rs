//! A server that the bench starts itself, as a process of its own, so that its CPU time and memory are its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::Pid;

use crate::support::process::Watched;
use crate::support::wire::Endpoint;
use crate::support::{Failure, cleanup};

/// A start takes milliseconds; this is only there so that a server that says nothing ends the bench.
const START: Duration = Duration::from_secs(10);

/// A running server; it is killed when this is dropped.
pub(crate) struct Server {
    _child: Guard,
    /// The bare loop ends when this closes.
    _stdin: Option<ChildStdin>,
    pub(crate) endpoint: Endpoint,
    pub(crate) watched: Watched,
}

impl Server {
    /// Starts `command` and waits until it has said on standard output at which URL it takes uploads.
    pub(crate) fn start(command: &mut Command) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = cleanup::spawn(command).map_err(|error| format!("{command:?}: {error}"))?;
        let watched = Watched::new(Pid::from_child(&child));
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        // Made before anything can fail, so that from here on the child is ended whatever happens.
        let child = Guard(child);

        let (say, heard) = mpsc::channel();
        let stdout = stdout.ok_or("the child has no standard output")?;
        // Read to its end, not only up to the URL: a full pipe would stop the server in the middle of a scenario.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = url_in(&line) {
                    let _ = say.send(url.to_owned());
                }
            }
        });
        let url = heard.recv_timeout(START).map_err(|error| match error {
            mpsc::RecvTimeoutError::Timeout => format!("{command:?} did not say its URL within {START:?}"),
            mpsc::RecvTimeoutError::Disconnected => format!("{command:?} ended before it said its URL"),
        })?;
        Ok(Self { _child: child, _stdin: stdin, endpoint: Endpoint::parse(&url)?, watched })
    }

    /// The bare loop: this executable once more, in its other role.
    pub(crate) fn bare(dir: &Path) -> Result<Self, Failure> {
        Self::start(Command::new(std::env::current_exe()?).arg("--bare-loop").arg(dir))
    }
}

struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        cleanup::end(&mut self.0);
    }
}

/// The first URL in a line that people are meant to read.
fn url_in(line: &str) -> Option<&str> {
    let url = line.get(line.find("http://")?..)?;
    let end = url.find(|c: char| c.is_whitespace() || "\"'`<>,;)".contains(c)).unwrap_or(url.len());
    url.get(..end)
}
