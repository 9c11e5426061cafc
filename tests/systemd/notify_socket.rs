//! The socket that a service manager listens on: sd_notify(3).

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;
use crate::support::daemon::Manager;

/// A socket like `$NOTIFY_SOCKET`, in a directory of its own.
pub(crate) struct NotifySocket {
    socket: UnixDatagram,
    dir: tempfile::TempDir,
}

impl NotifySocket {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        Self { socket, dir }
    }

    /// A manager that listens here.
    pub(crate) fn manager(&self) -> Manager {
        let path = self.dir.path().join("notify").to_str().unwrap().to_owned();
        Manager { variables: vec![("NOTIFY_SOCKET", path)], ..Manager::default() }
    }

    /// The next message, as its lines. `None`: there was none for this long.
    pub(crate) fn next_within(&self, time: Duration) -> Option<Vec<String>> {
        self.socket.set_read_timeout(Some(time)).unwrap();
        let mut message = [0; 4096];
        let len = self.socket.recv(&mut message).ok()?;
        let text = std::str::from_utf8(&message[..len]).unwrap();
        Some(text.lines().map(str::to_owned).collect())
    }

    /// Waits for a message with a line that begins like this, and answers that line and all messages up to it.
    #[track_caller]
    pub(crate) fn wait_for(&self, beginning: &str) -> (String, Vec<Vec<String>>) {
        let deadline = Instant::now() + PATIENCE;
        let mut messages = Vec::new();
        while Instant::now() < deadline {
            let Some(message) = self.next_within(Duration::from_secs(1)) else { continue };
            let line = message.iter().find(|line| line.starts_with(beginning)).cloned();
            messages.push(message);
            if let Some(line) = line {
                return (line, messages);
            }
        }
        panic!("waited in vain for {beginning}; came: {messages:?}");
    }
}
