//! A slow client costs little, and nobody else notices it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::daemon::Daemon;
use crate::support::{bytes, eventually, filename};

const CLIENTS: usize = 5000;

/// What the daemon may have in memory with all of them, 32 KiB for each.
const BOUND: u64 = 160 << 20;

#[test]
fn five_thousand_clients_at_a_byte_a_second_cost_little() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
    if maximum.is_some_and(|files| files < 2 * CLIENTS as u64 + 200) {
        eprintln!("left out: the limit on open files ({maximum:?}) is too low for {CLIENTS} clients");
        return;
    }
    // Nobody is cut for being slow: a machine may need minutes for all of them.
    let daemon = Daemon::start(&[
        "--log-level",
        "resumed=info",
        "--durability",
        "relaxed",
        "--idle-timeout",
        "10m",
        "--min-rate",
        "0",
    ]);
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

/// As many connections as a browser opens to one server.
const CONNECTIONS: usize = 6;

/// What the daemon may ever have had in memory.
const FOUR_BROWSERS: u64 = 64 << 20;

#[test]
fn four_browsers_with_all_their_connections_cost_little() {
    const CHUNK: usize = 8 << 20;
    let daemon = Daemon::start(&["--log-level", "resumed=info"]);
    let chunk = bytes(CHUNK);
    let total = CHUNK * CONNECTIONS;
    let form = |browser: usize, number: usize| {
        let field = |name: &str, value: String| {
            format!("--limit\r\nContent-Disposition: form-data; name=\"resumable{name}\"\r\n\r\n{value}\r\n")
        };
        let fields = [
            field("ChunkNumber", number.to_string()),
            field("ChunkSize", CHUNK.to_string()),
            field("CurrentChunkSize", CHUNK.to_string()),
            field("TotalSize", total.to_string()),
            field("TotalChunks", CONNECTIONS.to_string()),
            field("Identifier", format!("file{browser}")),
            field("Filename", format!("file{browser}.bin")),
            field("RelativePath", format!("file{browser}.bin")),
            "--limit\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
                .to_owned(),
        ]
        .concat();
        [fields.as_bytes(), &chunk, b"\r\n--limit--\r\n"].concat()
    };
    for round in 0..4 {
        thread::scope(|scope| {
            for (browser, number) in
                (0..4).flat_map(|browser| (1..=CONNECTIONS).map(move |number| (browser, number)))
            {
                let (daemon, form) = (&daemon, &form);
                scope.spawn(move || {
                    let body = form(4 * round + browser, number);
                    let head = "Content-Type: multipart/form-data; boundary=limit";
                    daemon.ask("POST", "/resumable_upload", head, &body).expect(200);
                });
            }
        });
    }
    let peak = daemon.peak_memory();
    println!("{} connections of four browsers: {} MiB at most", 4 * CONNECTIONS, peak >> 20);
    assert!(peak < FOUR_BROWSERS, "{} MiB", peak >> 20);
    assert_eq!(daemon.files().len(), 16);
}
