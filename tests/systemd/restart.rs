//! A restart under load. The socket stays, so nobody is refused; what was acknowledged stays, so nobody loses a byte.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::daemon::{Daemon, Manager};
use crate::support::data_dir::DataDir;
use crate::support::wire::{Answer, Wire};
use crate::support::{bytes, eventually, filename};

const CLIENTS: usize = 8;
const RESTARTS: u64 = 6;
const SIZE: usize = 3_000_000;
const PIECE: usize = 50_000;

/// What the clients have met.
#[derive(Default)]
struct Tally {
    enough: AtomicBool,
    finished: AtomicU64,
    /// Requests that were told to come again.
    sent_away: AtomicU64,
    /// Connections that ended without an answer.
    cut: AtomicU64,
    resumed: AtomicU64,
}

/// An uploader that does what every good client does: when something breaks, it asks for the offset and goes on.
struct Client<'t> {
    address: SocketAddr,
    tally: &'t Tally,
}

impl Client<'_> {
    /// Sends one request on a connection of its own. To be refused is the one thing that must not happen.
    fn try_ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let socket = TcpStream::connect(self.address).expect("nobody is refused");
        let mut wire = Wire::tcp(socket);
        let len = (method != "HEAD").then_some(body.len());
        // Like a real line: the body takes a while.
        wire.try_send_head(method, path, headers, len)?;
        for piece in body.chunks(PIECE) {
            if wire.try_send(piece).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(15));
        }
        wire.try_answer()
    }

    /// Asks until there is an answer that says something about the upload.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Answer> {
        match self.try_ask(method, path, headers, body) {
            Ok(answer) if answer.status == 503 => {
                assert!(answer.header("Retry-After").is_some(), "{answer:?}");
                self.tally.sent_away.fetch_add(1, Relaxed);
                None
            }
            Ok(answer) => Some(answer),
            Err(_) => {
                self.tally.cut.fetch_add(1, Relaxed);
                None
            }
        }
    }

    fn upload(&self, name: &str) {
        let body = bytes(SIZE);
        let creation = format!("Upload-Length: {SIZE}\n{}", filename(name));
        let created = std::iter::repeat_with(|| self.ask("POST", "/files/", &creation, b"")).flatten().next();
        let upload = created.unwrap().expect(201).header("Location").unwrap().to_owned();
        let mut acknowledged = 0;
        while acknowledged < SIZE {
            let headers = format!("Upload-Offset: {acknowledged}");
            let answer = self.ask("PATCH", &upload, &headers, &body[acknowledged..]);
            let offset = match answer {
                Some(answer) => answer.expect(204).offset().unwrap(),
                None => {
                    self.tally.resumed.fetch_add(1, Relaxed);
                    let head = std::iter::repeat_with(|| self.ask("HEAD", &upload, "", b"")).flatten().next();
                    head.unwrap().expect(200).offset().unwrap()
                }
            };
            let offset = usize::try_from(offset).unwrap();
            assert!(
                offset >= acknowledged,
                "{name}: {acknowledged} bytes were acknowledged, now {offset} are"
            );
            acknowledged = offset;
        }
        self.tally.finished.fetch_add(1, Relaxed);
    }
}

#[test]
fn a_restart_under_load_refuses_nobody_and_loses_nothing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let manager = Manager { sockets: vec![(listener.into(), "resumed.socket")], ..Manager::default() };
    let tally = Tally::default();
    let mut data = Some(DataDir::new());
    thread::scope(|scope| {
        let tally = &tally;
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                scope.spawn(move || {
                    for n in 0.. {
                        if tally.enough.load(Relaxed) {
                            break;
                        }
                        Client { address, tally }.upload(&format!("{client}-{n}.bin"));
                    }
                })
            })
            .collect();
        let flags = ["--log-level", "info", "--shutdown-timeout", "10s"];
        for restart in 1..=RESTARTS {
            let daemon = Daemon::start_under(data.take().unwrap(), &flags, &manager);
            eventually("uploads run", || tally.finished.load(Relaxed) >= restart * CLIENTS as u64);
            // Somewhere in the middle of what they do now.
            thread::sleep(Duration::from_millis(restart * 150));
            daemon.signal(Signal::TERM);
            let (status, log, left) = daemon.wait();
            assert_eq!(status.code(), Some(0), "{log}");
            assert!(!log.contains("--shutdown-timeout is over"), "{log}");
            data = Some(left);
        }
        tally.enough.store(true, Relaxed);
        let daemon = Daemon::start_under(data.take().unwrap(), &flags, &manager);
        clients.into_iter().for_each(|client| client.join().unwrap());
        data = Some(daemon.kill());
    });
    let (data, finished) = (data.unwrap(), tally.finished.load(Relaxed));
    let files = data.files();
    assert_eq!(files.len() as u64, finished);
    for (name, file) in files {
        assert!(file == bytes(SIZE), "{name} is what was sent");
    }
    eprintln!(
        "{RESTARTS} restarts under {CLIENTS} clients: {finished} uploads, {} times sent away, {} cut, {} resumed, 0 refused",
        tally.sent_away.load(Relaxed),
        tally.cut.load(Relaxed),
        tally.resumed.load(Relaxed),
    );
}
