//! A slow client costs little, and nobody else notices it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::daemon::Daemon;
use crate::support::{bytes, eventually, filename};

const CLIENTS: usize = 5000;

/// What the daemon may have in memory with all of them. Without optimization its tasks are larger.
const BOUND: u64 = if cfg!(debug_assertions) { 180 << 20 } else { 160 << 20 };

#[test]
fn five_thousand_clients_at_a_byte_a_second_cost_little() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    if maximum.is_some_and(|files| files < 2 * CLIENTS as u64 + 200) {
        eprintln!("left out: the limit on open files ({maximum:?}) is too low for {CLIENTS} clients");
        return;
    }
    let daemon = Daemon::start(&["--log-level", "resumed=info", "--durability", "relaxed"]);
    let creation = daemon.create("Upload-Length: 1000");
    assert_eq!(daemon.offset(&creation), 0);
    let head = |path: &str| {
        format!(
            "PATCH {path} HTTP/1.1\r\nHost: a\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: 0\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: 1000\r\n\r\n"
        )
    };
    let mut slow: Vec<(TcpStream, String)> = (0..CLIENTS)
        .map(|_| {
            let upload = daemon.create("Upload-Length: 1000");
            let mut socket = TcpStream::connect(daemon.address()).unwrap();
            socket.write_all(head(&upload).as_bytes()).unwrap();
            (socket, upload)
        })
        .collect();
    for _ in 0..5 {
        thread::sleep(Duration::from_secs(1));
        slow.iter_mut().for_each(|(socket, _)| socket.write_all(b"x").unwrap());
    }
    let memory = daemon.memory();
    assert!(memory < BOUND, "{} MiB for {CLIENTS} slow clients", memory >> 20);

    // A normal client is served beside them…
    let upload = daemon.upload(&filename("normal.bin"), &bytes(5_000_000));
    assert_eq!(daemon.ask("GET", &upload, "", b"").expect(200).body, bytes(5_000_000));

    // …and they are too.
    for (socket, upload) in slow.iter_mut().step_by(500) {
        socket.write_all(&[b'x'; 995]).unwrap();
        let mut answer = [0; 12];
        socket.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"HTTP/1.1 204", "{upload}");
    }
    drop(slow);
    eventually("all connections are closed", || daemon.open_files() < 100);
}
