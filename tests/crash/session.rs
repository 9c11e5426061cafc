//! A client at work, and how it talks to the daemon.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::ledger::{Tally, Upload};
use crate::moment::Moment;
use crate::support::daemon::Daemon;
use crate::support::wire::{Answer, Wire};

/// A client. It outlives cuts and restarts, and goes on with what it has.
pub(crate) struct Client {
    pub(crate) seed: u64,
    pub(crate) rng: fastrand::Rng,
    pub(crate) uploads: Vec<Upload>,
    /// What the daemon did that it must not do.
    pub(crate) problems: Vec<String>,
    /// Acknowledgements that were found to hold.
    pub(crate) held: Tally,
    numbers: Arc<AtomicU64>,
}

impl Client {
    pub(crate) fn new(seed: u64, rng: fastrand::Rng, numbers: Arc<AtomicU64>) -> Self {
        Self { seed, rng, uploads: Vec::new(), problems: Vec::new(), held: Tally::default(), numbers }
    }

    /// A number that no other upload of the run has.
    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }
}

/// No answer came, or none that counts: the daemon or its machine went away, or it failed and may.
#[derive(Debug)]
pub(crate) struct Gone;

/// A client that is connected to a running daemon.
pub(crate) struct Session<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) daemon: &'a Daemon,
    pub(crate) moment: &'a Moment,
    /// Kept open between requests, most of the time.
    wire: Option<Wire>,
    /// Connections that a client left hanging.
    hanging: Vec<Wire>,
}

impl<'a> Session<'a> {
    pub(crate) fn new(client: &'a mut Client, daemon: &'a Daemon, moment: &'a Moment) -> Self {
        Self { client, daemon, moment, wire: None, hanging: Vec::new() }
    }

    pub(crate) fn upload(&mut self, index: usize) -> &mut Upload {
        &mut self.client.uploads[index]
    }

    /// The path of an upload whose creation was acknowledged.
    pub(crate) fn path(&self, index: usize) -> String {
        self.client.uploads[index].path.clone().unwrap()
    }

    /// Notes what the daemon did wrong.
    pub(crate) fn accuse(&mut self, index: usize, what: impl std::fmt::Display) {
        let story = self.client.uploads[index].story();
        self.client.problems.push(format!("{what}\n    {story}"));
    }

    pub(crate) fn connect(&mut self) -> Result<Wire, Gone> {
        match TcpStream::connect(self.daemon.address()) {
            Ok(socket) => Ok(Wire::tcp(socket)),
            Err(error) => Err(self.broken(&format!("can't connect: {error}"))),
        }
    }

    /// A connection broke that the client did not break.
    pub(crate) fn broken(&mut self, how: &str) -> Gone {
        if !self.moment.has_begun() {
            self.client.problems.push(format!("a connection broke before the cut: {how}"));
        }
        Gone
    }

    /// Reads the answer to a request that was sent to its end.
    pub(crate) fn answer(&mut self, wire: &mut Wire, method: &str) -> Result<Answer, Gone> {
        match wire.try_answer() {
            // "No" to the question for a chunk promises nothing.
            Ok(answer)
                if self.moment.receive(if answer.status == 204 && method == "GET" { "" } else { method }) =>
            {
                Ok(answer)
            }
            Ok(_) => Err(Gone),
            Err(error) => Err(self.broken(&format!("{method}: {error}"))),
        }
    }

    /// Sends a request and reads its answer.
    pub(crate) fn ask(
        &mut self,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Result<Answer, Gone> {
        let kept = self.wire.take().filter(|_| self.client.rng.u8(..8) > 0);
        let mut wire = match kept {
            Some(wire) => wire,
            None => self.connect()?,
        };
        let len = (!body.is_empty() || ["POST", "PATCH"].contains(&method)).then_some(body.len());
        let sent = wire.try_send_head(method, path, headers, len).and_then(|()| wire.try_send(body));
        if let Err(error) = sent {
            return Err(self.broken(&format!("{method} {path}: {error}")));
        }
        let answer = self.answer(&mut wire, method)?;
        let is_closing = answer.header("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        // After a refusal the daemon may not want to read on.
        self.wire = (!is_closing && answer.status < 400).then_some(wire);
        Ok(answer)
    }

    /// Accuses the daemon unless the answer has one of these statuses. A server error is its right once its disk fails.
    pub(crate) fn expect(&mut self, index: usize, answer: Answer, statuses: &[u16]) -> Result<Answer, Gone> {
        if statuses.contains(&answer.status) {
            return Ok(answer);
        }
        let may_fail = self.moment.has_begun() && answer.status >= 500;
        if !may_fail {
            let text = answer.text();
            self.accuse(index, format!("answered {} and not {statuses:?}: {}", answer.status, text.trim()));
        }
        self.upload(index).note(format!("answered {}", answer.status));
        Err(Gone)
    }

    /// Leaves a connection as it is, as a client that lost its network does.
    pub(crate) fn leave_hanging(&mut self, wire: Wire) {
        self.hanging.push(wire);
    }
}
