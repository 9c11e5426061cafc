//! A client as a process, which never outlives its test.

use std::fs::File;
use std::io::{Read, Seek};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Ends a client that hangs; far more than any of them needs.
const PATIENCE: Duration = Duration::from_secs(300);

pub(crate) struct Client {
    child: Child,
    output: File,
    command: String,
}

impl Client {
    pub(crate) fn start(command: &mut Command) -> Self {
        // A file and no pipe: nobody has to read while it runs.
        let output = tempfile::tempfile().unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output.try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, output, command: format!("{command:?}") }
    }

    /// Waits for its good end, and answers what it said.
    pub(crate) fn said(self) -> String {
        self.said_within(PATIENCE)
    }

    pub(crate) fn said_within(mut self, patience: Duration) -> String {
        let status = self.wait(patience);
        let output = self.output();
        assert!(status.is_some_and(|status| status.success()), "{}: {status:?}\n{output}", self.command);
        output
    }

    /// As its user would with the task manager: it can't tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        let status = self.child.wait().unwrap();
        let output = self.output();
        assert_eq!(status.code(), None, "{} had ended before\n{output}", self.command);
    }

    /// `None`: it hangs.
    fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            match self.child.try_wait().unwrap() {
                None if Instant::now() < deadline => sleep(Duration::from_millis(10)),
                ended => return ended,
            }
        }
    }

    fn output(&mut self) -> String {
        let mut output = Vec::new();
        self.output.rewind().unwrap();
        self.output.read_to_end(&mut output).unwrap();
        String::from_utf8_lossy(&output).into_owned()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
