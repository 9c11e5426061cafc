//! A crowd that uploads while the daemon comes and goes. Each does what every good client does: when something breaks, it asks
//! how far it was, and goes on.

use std::fmt;
use std::io;
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::wire::{Answer, Wire};
use crate::support::{PATIENCE, bytes, filename};

/// The size of each file.
pub(crate) const SIZE: usize = 3_000_000;
/// What is sent at once; the line is slow, so a body takes a while.
const PIECE: usize = 50_000;
/// How Resumable.js cuts a file.
const CHUNK: usize = 500_000;

/// What one crowd has met.
pub(crate) struct Crowd {
    address: String,
    enough: AtomicBool,
    /// The names of the files that arrived.
    finished: Mutex<Vec<String>>,
    requests: AtomicU64,
    /// Requests that were told to come again.
    sent_away: AtomicU64,
    /// Connections that ended without an answer.
    cut: AtomicU64,
    /// Chunks that had to be sent again, and offsets that had to be asked for.
    resumed: AtomicU64,
    /// The longest time that somebody got nothing done, in milliseconds.
    pause: AtomicU64,
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figure = |figure: &AtomicU64| figure.load(Relaxed);
        write!(
            f,
            "{} files by {} requests; {} times 503 with Retry-After, {} cut off, {} went on from there, 0 refused; the \
             longest pause {} ms",
            self.finished(),
            figure(&self.requests),
            figure(&self.sent_away),
            figure(&self.cut),
            figure(&self.resumed),
            figure(&self.pause),
        )
    }
}

impl Crowd {
    /// A crowd that uploads to this address.
    pub(crate) fn new(address: String) -> Self {
        Self {
            address,
            enough: AtomicBool::default(),
            finished: Mutex::default(),
            requests: AtomicU64::default(),
            sent_away: AtomicU64::default(),
            cut: AtomicU64::default(),
            resumed: AtomicU64::default(),
            pause: AtomicU64::default(),
        }
    }

    /// How many files have arrived.
    pub(crate) fn finished(&self) -> usize {
        self.finished.lock().unwrap().len()
    }

    /// Their names.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = self.finished.lock().unwrap().clone();
        names.sort();
        names
    }

    /// Each ends with the file that it has in hand.
    pub(crate) fn send_home(&self) {
        self.enough.store(true, Relaxed);
    }

    /// One of the crowd: file after file, by tus or in chunks.
    pub(crate) fn upload(&self, client: usize) {
        for n in 0.. {
            if self.enough.load(Relaxed) {
                break;
            }
            let name = format!("{client}-{n}.bin");
            if client.is_multiple_of(2) {
                self.append(&name)
            } else {
                self.fill(&name)
            }
            self.finished.lock().unwrap().push(name);
        }
    }

    /// Sends one request on a connection of its own. To be refused is the one thing that must not happen.
    fn try_ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> io::Result<Answer> {
        let mut wire = Wire::tcp(TcpStream::connect(&self.address).expect("nobody is refused"));
        let len = ["POST", "PATCH"].contains(&method).then_some(body.len());
        wire.try_send_head(method, path, headers, len)?;
        for piece in body.chunks(PIECE) {
            if wire.try_send(piece).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(15));
        }
        wire.try_answer()
    }

    /// Sends one request. `None`: it has to be tried again.
    fn ask(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Answer> {
        self.requests.fetch_add(1, Relaxed);
        match self.try_ask(method, path, headers, body) {
            Ok(answer) if answer.status == 503 => {
                assert!(answer.header("Retry-After").is_some(), "{answer:?}");
                self.sent_away.fetch_add(1, Relaxed);
                None
            }
            Ok(answer) => Some(answer),
            Err(_) => {
                self.cut.fetch_add(1, Relaxed);
                None
            }
        }
    }

    /// Asks until there is an answer.
    fn insist(&self, method: &str, path: &str, headers: &str) -> Answer {
        let begin = Instant::now();
        loop {
            if let Some(answer) = self.ask(method, path, headers, b"") {
                let millis = u64::try_from(begin.elapsed().as_millis()).unwrap();
                self.pause.fetch_max(millis, Relaxed);
                return answer;
            }
            assert!(begin.elapsed() < PATIENCE, "{method} {path} is not answered");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// tus: one append, and another from the offset where it broke off.
    fn append(&self, name: &str) {
        let body = bytes(SIZE);
        let creation = format!("Upload-Length: {SIZE}\n{}", filename(name));
        let created = self.insist("POST", "/files/", &creation).expect(201);
        let upload = created.header("Location").unwrap();
        let mut acknowledged = 0;
        while acknowledged < SIZE {
            let headers = format!("Upload-Offset: {acknowledged}");
            let offset = match self.ask("PATCH", upload, &headers, &body[acknowledged..]) {
                Some(answer) => answer.expect(204).offset().unwrap(),
                None => {
                    self.resumed.fetch_add(1, Relaxed);
                    self.insist("HEAD", upload, "").expect(200).offset().unwrap()
                }
            };
            let offset = usize::try_from(offset).unwrap();
            assert!(
                offset >= acknowledged,
                "{name}: {acknowledged} bytes were acknowledged, now {offset} are"
            );
            acknowledged = offset;
        }
    }

    /// Resumable.js: chunk by chunk; one without an answer is asked for and sent again.
    fn fill(&self, name: &str) {
        let body = bytes(SIZE);
        let chunks: Vec<&[u8]> = body.chunks(CHUNK).collect();
        let path = |number: usize| {
            format!(
                "/resumable_upload?resumableIdentifier={name}&resumableFilename={name}&resumableTotalSize={SIZE}\
                 &resumableChunkSize={CHUNK}&resumableTotalChunks={}&resumableChunkNumber={number}\
                 &resumableCurrentChunkSize={}",
                chunks.len(),
                chunks[number - 1].len()
            )
        };
        let is_there = |number: usize| match self.insist("GET", &path(number), "").status {
            200 => true,
            204 => false,
            other => panic!("{name}: asked for chunk {number}: {other}"),
        };
        for number in 1..=chunks.len() {
            let mut is_done = false;
            while !is_done {
                let octet = "Content-Type: application/octet-stream";
                is_done = match self.ask("POST", &path(number), octet, chunks[number - 1]) {
                    Some(answer) => answer.expect(200).status == 200,
                    None => {
                        self.resumed.fetch_add(1, Relaxed);
                        is_there(number)
                    }
                };
            }
            for earlier in 1..=number {
                assert!(is_there(earlier), "{name}: chunk {earlier} was acknowledged and is not there");
            }
        }
    }
}
