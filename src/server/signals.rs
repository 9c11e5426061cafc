//! The signals that the daemon listens to.

use std::io::{self, IsTerminal as _};

use tokio::signal::unix::{Signal as Source, SignalKind, signal};

pub(super) struct Signals {
    terminate: Source,
    interrupt: Source,
    hangup: Source,
    has_terminal: bool,
}

pub(super) enum Signal {
    /// Stop; the name of the signal that says so.
    Stop(&'static str),
    /// Take over new settings.
    Reload,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            has_terminal: io::stderr().is_terminal(),
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.hangup.recv() => {
                // A terminal that was closed says it by the same signal, and then somebody who only tried the daemon out
                // does not want it to live on unseen.
                let is_closed = self.has_terminal && !io::stderr().is_terminal();
                if is_closed { Signal::Stop("SIGHUP") } else { Signal::Reload }
            }
            _ = self.terminate.recv() => Signal::Stop("SIGTERM"),
            _ = self.interrupt.recv() => Signal::Stop("SIGINT"),
        }
    }

    /// Waits for one that ends the daemon, and names it.
    pub(super) async fn stop(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
