//! The real daemon: its binary, on a port of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpStream;
use std::ops::Deref;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use command_fds::{CommandFdExt as _, FdMapping};
use rustix::process::{Pid, Signal, kill_process};

use super::data_dir::DataDir;
use super::wire::{Answer, Wire};
use super::{PATIENCE, eventually};

/// A daemon that runs until it is dropped. What can be asked of its data directory can be asked of it.
pub(crate) struct Daemon {
    process: Process,
    data: DataDir,
}

struct Process {
    child: Child,
    /// `IP:PORT`, or the path of the socket.
    address: String,
    /// The path of the upload collection.
    base: String,
    log: Arc<Mutex<String>>,
    logging: Option<JoinHandle<()>>,
}

impl Deref for Daemon {
    type Target = DataDir;
    fn deref(&self) -> &DataDir {
        &self.data
    }
}

impl Daemon {
    /// Starts the daemon with these flags on a new data directory.
    #[track_caller]
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_on(DataDir::new(), flags)
    }

    /// Starts the daemon on what a test, or another daemon, has left.
    #[track_caller]
    pub(crate) fn start_on(data: DataDir, flags: &[&str]) -> Self {
        Self::start_under(data, flags, &Manager::default())
    }

    /// Starts the daemon as this service manager does.
    #[track_caller]
    pub(crate) fn start_under(data: DataDir, flags: &[&str], manager: &Manager) -> Self {
        let mut command = manager.command();
        command.current_dir(data.beside("")).arg("--data-dir").arg(data.path());
        if !flags.contains(&"--listen") && manager.sockets.is_empty() {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        if !flags.contains(&"--log-level") {
            command.args(["--log-level", "resumed=debug"]);
        }
        command.args(flags).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of(command, data)
    }

    /// The daemon that this command starts.
    #[track_caller]
    pub(crate) fn of(mut command: Command, data: DataDir) -> Self {
        let mut child = command.spawn().unwrap();

        let log = Arc::new(Mutex::new(String::new()));
        let (stderr, into) = (child.stderr.take().unwrap(), Arc::clone(&log));
        let logging = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut log = into.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        // The rest goes nowhere, but a pipe that nobody reads would break.
        thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        let process =
            Process { child, address: String::new(), base: String::new(), log, logging: Some(logging) };
        let mut daemon = Self { process, data };
        let (_, url) = line.trim().split_once(" takes uploads at ").unwrap_or_else(|| {
            panic!("did not start: {line:?}\n{}", daemon.log());
        });
        let plain_or_not = url.strip_prefix("http://").or(url.strip_prefix("https://"));
        (daemon.process.address, daemon.process.base) = match plain_or_not {
            Some(rest) => {
                let at = rest.find('/').unwrap();
                (rest[..at].to_owned(), rest[at..].to_owned())
            }
            None => {
                let socket = url.strip_prefix("unix:").unwrap();
                let at = socket.find(".sock").unwrap() + ".sock".len();
                (socket[..at].to_owned(), socket[at..].to_owned())
            }
        };
        daemon
    }

    /// The path of the upload collection.
    pub(crate) fn base(&self) -> &str {
        &self.process.base
    }

    /// `IP:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.process.address
    }

    /// What it has in memory at the moment, in bytes.
    pub(crate) fn memory(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// The most that it ever had.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.status("VmHWM:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        kib * 1024
    }

    /// How many files and sockets it has open.
    pub(crate) fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.child.id())).unwrap().count()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        self.process.log.lock().unwrap().clone()
    }

    /// Opens a connection.
    #[track_caller]
    pub(crate) fn connect(&self) -> Wire {
        if self.process.address.starts_with('/') {
            return Wire::unix(UnixStream::connect(&self.process.address).unwrap());
        }
        Wire::tcp(TcpStream::connect(&self.process.address).unwrap())
    }

    /// Sends a request on a connection of its own and reads the answer. See [`wire::head`](super::wire::head) for
    /// `headers`.
    #[track_caller]
    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let mut wire = self.connect();
        let len = (!body.is_empty() || ["POST", "PATCH"].contains(&method)).then_some(body.len());
        wire.send_head(method, path, headers, len);
        wire.send(body);
        wire.answer()
    }

    /// Creates an upload and answers its path.
    #[track_caller]
    pub(crate) fn create(&self, headers: &str) -> String {
        let answer = self.ask("POST", self.base(), headers, b"").expect(201);
        answer.header("Location").unwrap().to_owned()
    }

    /// Creates an upload with all its bytes and answers its path.
    #[track_caller]
    pub(crate) fn upload(&self, headers: &str, body: &[u8]) -> String {
        let headers = format!(
            "Upload-Length: {}\nContent-Type: application/offset+octet-stream\n{headers}",
            body.len()
        );
        let answer = self.ask("POST", self.base(), &headers, body).expect(201);
        answer.header("Location").unwrap().to_owned()
    }

    #[track_caller]
    pub(crate) fn head(&self, upload: &str) -> Answer {
        self.ask("HEAD", upload, "", b"")
    }

    /// The offset that HEAD tells.
    #[track_caller]
    pub(crate) fn offset(&self, upload: &str) -> u64 {
        self.head(upload).expect(200).offset().unwrap()
    }

    #[track_caller]
    pub(crate) fn patch(&self, upload: &str, offset: u64, body: &[u8]) -> Answer {
        self.ask("PATCH", upload, &format!("Upload-Offset: {offset}"), body)
    }

    /// Begins a PATCH of `len` bytes and sends the first of them.
    #[track_caller]
    pub(crate) fn begin_patch(&self, upload: &str, offset: u64, len: usize, first: &[u8]) -> Wire {
        let mut wire = self.connect();
        wire.send_head("PATCH", upload, &format!("Upload-Offset: {offset}"), Some(len));
        wire.send(first);
        wire
    }

    /// The path of the one upload that there is.
    #[track_caller]
    pub(crate) fn one_upload(&self) -> String {
        let records: Vec<String> =
            self.data.uploads().into_keys().filter(|path| path.ends_with(".json")).collect();
        let [record] = &records[..] else { panic!("{records:?}") };
        let (_, name) = record.split_once('/').unwrap();
        format!("{}{}", self.base(), name.trim_end_matches(".json"))
    }

    /// Waits until the system has this many bytes of an unfinished upload.
    #[track_caller]
    pub(crate) fn wait_for_data(&self, upload: &str, len: u64) {
        let id = id(upload);
        eventually(&format!("{len} bytes of the upload are written"), || self.data.data_len(id) >= len);
    }

    /// Waits until the system has this many bytes of an upload, which may have been published meanwhile.
    #[track_caller]
    pub(crate) fn wait_for_received(&self, upload: &str, len: u64) {
        let id = id(upload);
        eventually(&format!("{len} bytes of the upload have come"), || {
            self.data.data_len(id) >= len || self.data.sidecar(id)["state"]["type"] == "complete"
        });
    }

    /// Waits until the log says something.
    #[track_caller]
    pub(crate) fn wait_for_log(&self, text: &str) {
        eventually(&format!("the log says {text:?}"), || self.log().contains(text));
    }

    /// Ends the process as a crash does, and answers what it leaves.
    pub(crate) fn kill(self) -> DataDir {
        let Self { process, data } = self;
        drop(process);
        data
    }

    /// The process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.process.child)
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// Waits until the process has ended, as it was told to.
    pub(crate) fn wait_for_end(&mut self) {
        self.process.child.wait().unwrap();
    }

    /// Whether the process still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.process.child.try_wait().unwrap().is_none()
    }

    /// Waits until the process has ended by itself.
    #[track_caller]
    pub(crate) fn wait(mut self) -> (ExitStatus, String, DataDir) {
        let deadline = std::time::Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.process.child.try_wait().unwrap() {
                break status;
            }
            assert!(std::time::Instant::now() < deadline, "the daemon does not end\n{}", self.log());
            thread::sleep(std::time::Duration::from_millis(10));
        };
        self.process.logging.take().unwrap().join().unwrap();
        let Self { process, data } = self;
        let log = process.log.lock().unwrap().clone();
        (status, log, data)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            if let Some(logging) = self.logging.take() {
                let _ = logging.join();
            }
            eprintln!("the daemon's log:\n{}", self.log.lock().unwrap());
        }
    }
}

/// What a service manager gives the processes that it starts.
#[derive(Default)]
pub(crate) struct Manager {
    pub(crate) variables: Vec<(&'static str, String)>,
    /// Sockets that are listened on, with their names.
    pub(crate) sockets: Vec<(OwnedFd, &'static str)>,
}

impl Manager {
    fn command(&self) -> Command {
        let binary = env!("CARGO_BIN_EXE_resumed");
        if self.sockets.is_empty() {
            let mut command = Command::new(binary);
            command.env_clear().envs(self.variables.iter().cloned());
            return command;
        }
        // Only the process itself knows its number before it is the daemon.
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "LISTEN_PID=$$ exec \"$@\"", "sh", binary]);
        command.env_clear().envs(self.variables.iter().cloned());
        command.env("LISTEN_FDS", self.sockets.len().to_string());
        let names: Vec<_> = self.sockets.iter().map(|(_, name)| *name).collect();
        command.env("LISTEN_FDNAMES", names.join(":"));
        let mappings = self
            .sockets
            .iter()
            .zip(3..)
            .map(|((socket, _), child_fd)| FdMapping { parent_fd: socket.try_clone().unwrap(), child_fd });
        command.fd_mappings(mappings.collect()).unwrap();
        command
    }
}

/// The identifier in an upload's URL.
pub(crate) fn id(upload: &str) -> &str {
    upload.rsplit('/').next().unwrap()
}

/// Starts a daemon that shall refuse to serve: its exit code and what it said. `None`: it serves all the same.
pub(crate) fn refusal(data: &DataDir, flags: &[&str]) -> (Option<i32>, String) {
    refusal_under(data, flags, &Manager::default())
}

/// The same under a service manager.
pub(crate) fn refusal_under(data: &DataDir, flags: &[&str], manager: &Manager) -> (Option<i32>, String) {
    let mut command = manager.command();
    command.arg("--data-dir").arg(data.path()).args(flags);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It says where it serves, or ends without a word here.
    let mut line = String::new();
    let _ = BufReader::new(child.stdout.take().unwrap()).read_line(&mut line);
    if !line.is_empty() {
        child.kill().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    (output.status.code(), line + &String::from_utf8_lossy(&output.stderr))
}
