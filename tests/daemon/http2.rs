//! HTTP/2: what a client by the book sees, and by hand what none does on purpose: streams that break off.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Instant;

use http::{HeaderMap, Request};

use crate::support::daemon::Daemon;
use crate::support::data_dir::DataDir;
use crate::support::{PATIENCE, bytes, eventually, filename};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A connection that speaks RFC 9113, as far as these tests need it.
struct Http2(TcpStream);

impl Http2 {
    fn connect(daemon: &Daemon) -> Self {
        let socket = TcpStream::connect(daemon.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut this = Self(socket);
        this.0.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        this.frame(SETTINGS, 0, 0, b"");
        this
    }

    fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.try_frame(kind, flags, stream, payload).unwrap();
    }

    fn try_frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> std::io::Result<()> {
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame)
    }

    /// A request's head; a body follows.
    fn patch(&mut self, stream: u32, path: &str, offset: u64) {
        let offset = offset.to_string();
        let fields = [
            (":method", "PATCH"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "upload.test"),
            ("tus-resumable", "1.0.0"),
            ("content-type", "application/offset+octet-stream"),
            ("upload-offset", offset.as_str()),
        ];
        let mut block = Vec::new();
        for (name, value) in fields {
            // RFC 7541 section 6.2.2: literal without indexing, new name, no Huffman.
            block.push(0);
            for text in [name, value] {
                block.push(u8::try_from(text.len()).unwrap());
                block.extend(text.bytes());
            }
        }
        self.frame(HEADERS, END_HEADERS, stream, &block);
    }

    fn data(&mut self, stream: u32, bytes: &[u8]) {
        for piece in bytes.chunks(16 * 1024) {
            self.frame(DATA, 0, stream, piece);
        }
    }

    fn reset(&mut self, stream: u32) {
        const CANCEL: u32 = 8;
        self.frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
    }

    /// Reads a frame: its kind, its stream and its payload. What asks for an answer gets one.
    fn read(&mut self) -> std::io::Result<(u8, u32, Vec<u8>)> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        self.0.read_exact(&mut payload)?;
        let (kind, is_ack) = (head[3], head[4] & ACK != 0);
        match kind {
            SETTINGS if !is_ack => self.try_frame(SETTINGS, ACK, 0, b"")?,
            PING if !is_ack => self.try_frame(PING, ACK, 0, &payload)?,
            _ => {}
        }
        Ok((kind, u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
    }

    /// Reads until the answer's head of a stream has come: its HPACK block.
    fn head_of(&mut self, stream: u32) -> Vec<u8> {
        loop {
            let (kind, from, payload) = self.read().unwrap();
            if kind == HEADERS && from == stream {
                return payload;
            }
        }
    }

    /// Says nothing until the daemon has closed the connection, not even that it lives.
    fn until_closed_in_silence(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        while !matches!(self.0.read(&mut [0; 1024]), Ok(0)) {
            assert!(Instant::now() < deadline, "still open");
        }
        assert!(Instant::now() < deadline, "open for too long");
    }

    /// Reads until the daemon has closed the connection.
    fn until_closed(&mut self, what: &str) {
        use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.read().map_err(|error| error.kind()) {
                Ok(_) => assert!(Instant::now() < deadline, "{what}: still open"),
                Err(BrokenPipe | ConnectionReset | UnexpectedEof) => return,
                Err(error) => panic!("{what}: still open: {error}"),
            }
        }
    }
}

#[test]
fn a_stream_that_is_reset_keeps_what_came_and_its_connection() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create(&format!("Upload-Length: 20\n{}", filename("a.txt")));
    let mut client = Http2::connect(&daemon);
    client.patch(1, &upload, 0);
    client.data(1, b"01234567");
    daemon.wait_for_data(&upload, 8);
    client.reset(1);
    assert_eq!(daemon.offset(&upload), 8);

    client.patch(3, &upload, 8);
    client.data(3, b"89abcdefghij");
    client.frame(DATA, END_STREAM, 3, b"");
    // RFC 7541, appendix A: entry 9 of the static table is ":status: 204".
    assert_eq!(client.head_of(3)[0], 0x80 | 9);
    assert_eq!(daemon.files()["a.txt"], b"0123456789abcdefghij");
}

#[test]
fn a_stream_that_is_reset_after_its_last_byte_is_settled() {
    // As much as may be sent before the server has said what it takes.
    let body = bytes(60_000);
    let daemon = Daemon::start(&[]);
    let mut client = Http2::connect(&daemon);
    for number in 0..10_u32 {
        let name = format!("{number}.bin");
        let upload = daemon.create(&format!("Upload-Length: 60000\n{}", filename(&name)));
        let stream = 2 * number + 1;
        client.patch(stream, &upload, 0);
        client.data(stream, &body);
        client.frame(DATA, END_STREAM, stream, b"");
        if number % 2 == 0 {
            // The body is there, and its request is being worked on.
            daemon.wait_for_received(&upload, 60_000);
        }
        client.reset(stream);
        if number % 2 == 0 {
            assert_eq!(daemon.offset(&upload), 60_000);
        }
        // A reset may overtake the body, which is cut then; what came counts, and its client goes on as clients do.
        eventually("the upload is complete", || {
            let offset = daemon.offset(&upload);
            let answer = daemon.patch(&upload, offset, &body[usize::try_from(offset).unwrap()..]);
            assert!([204, 409, 423].contains(&answer.status), "{answer:?}");
            answer.offset() == Some(60_000)
        });
        assert!(daemon.files()[&name] == body, "the bytes are the client's");
    }
}

/// Asks by a client that ends the connection at the first thing that RFC 9113 forbids. An error is what it found.
fn ask(
    daemon: &Daemon,
    method: &str,
    path: &str,
    fields: &str,
) -> Result<(u16, HeaderMap, Vec<u8>), h2::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(daemon.address()).await.unwrap();
        let (mut client, connection) = h2::client::handshake(socket).await?;
        tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(format!("http://upload.test{path}"));
        for (name, value) in fields.lines().map(|line| line.split_once(": ").unwrap()) {
            request = request.header(name, value);
        }
        let (answer, _) = client.send_request(request.body(()).unwrap(), true)?;
        let (head, mut pieces) = answer.await?.into_parts();
        let mut body = Vec::new();
        while let Some(piece) = pieces.data().await {
            body.extend(piece?);
        }
        Ok((head.status.as_u16(), head.headers, body))
    })
}

#[test]
fn an_answer_to_head_has_no_body_whatever_it_says() {
    let data = DataDir::new();
    let tokens = data.beside("tokens");
    std::fs::write(&tokens, "alice alice-0123456789abcdef\n").unwrap();
    let guarded = Daemon::start_on(data, &["--token-file", tokens.to_str().unwrap()]);
    let open = Daemon::start(&["--admin-listen", "same"]);
    let whole = open.upload(&filename("a.txt"), b"hello");
    let gone = "/files/00112233445566778899aabbccddeeff";
    let tus = "tus-resumable: 1.0.0";
    // (daemon, path, fields, status, whether a length is told)
    for (daemon, path, fields, status, has_length) in [
        (&open, gone, tus, 404, true),
        (&open, whole.as_str(), "", 412, true),
        (&open, whole.as_str(), tus, 200, true),
        (&open, "/files/", tus, 405, true),
        (&open, "/nowhere", "", 404, true),
        (&open, "/", "", 200, true),
        (&open, "/config.json", "", 200, true),
        (&open, "/healthz", "", 200, true),
        (&open, "/metrics", "", 200, true),
        (&open, &open.create("Upload-Length: 5"), tus, 200, false),
        (&guarded, gone, tus, 401, true),
    ] {
        let (code, head, body) =
            ask(daemon, "HEAD", path, fields).unwrap_or_else(|error| panic!("{path}: {error}"));
        assert_eq!((code, body.as_slice()), (status, &b""[..]), "{path}");
        assert_eq!(head.contains_key("content-length"), has_length, "{path}: {head:?}");
        // Over HTTP/1.1 it is the same.
        let answer = daemon.ask("HEAD", path, if fields.is_empty() { "-Tus-Resumable" } else { fields }, b"");
        assert_eq!(answer.expect(status).header("content-length").is_some(), has_length, "{path}");
    }
    let length = ask(&open, "HEAD", &whole, tus).unwrap().1["content-length"].clone();
    assert_eq!(length, "5", "of what GET would bring");
}

#[test]
fn a_head_that_is_meant_or_not_is_framed_by_the_method_on_the_line() {
    let daemon = Daemon::start(&[]);
    let whole = daemon.upload(&filename("a.txt"), b"hello");
    // (on the line, meant, status, told length, body)
    for (method, meant, length, body) in [
        ("GET", "HEAD", None, ""),
        ("POST", "HEAD", None, ""),
        ("HEAD", "GET", Some("5"), ""),
        ("GET", "GET", Some("5"), "hello"),
    ] {
        let fields = format!("tus-resumable: 1.0.0\nx-http-method-override: {meant}");
        let (status, head, read) = ask(&daemon, method, &whole, &fields)
            .unwrap_or_else(|error| panic!("{method} as {meant}: {error}"));
        assert_eq!((status, read.as_slice()), (200, body.as_bytes()), "{method} as {meant}");
        let told = head.get("content-length").map(|value| value.to_str().unwrap());
        assert_eq!(told, length, "{method} as {meant}");

        let mut wire = daemon.connect();
        for _ in 0..2 {
            // The second answer begins where the first one ends.
            wire.send_head(method, &whole, &fields, (method == "POST").then_some(0));
            let answer = wire.answer().expect(200);
            assert_eq!(answer.text(), body, "{method} as {meant}");
            assert_eq!(answer.header("content-length"), length.or(Some("0")), "{method} as {meant}");
        }
    }
}

#[test]
fn a_connection_without_a_request_ends_however_alive_it_is() {
    let daemon = Daemon::start(&["--header-timeout", "3s", "--idle-timeout", "1h", "--min-rate", "none"]);
    let upload = daemon.create("Upload-Length: 10");
    let mut busy = Http2::connect(&daemon);
    busy.patch(1, &upload, 0);
    busy.data(1, b"hello");
    daemon.wait_for_data(&upload, 5);

    let [mut silent, mut half, mut cut, mut done] = [(); 4].map(|()| Http2::connect(&daemon));
    half.frame(HEADERS, 0, 1, b"\x82");
    cut.0.write_all(&[0, 0, 9, HEADERS]).unwrap();
    done.patch(1, "/files/x", 0);
    done.frame(DATA, END_STREAM, 1, b"");
    done.head_of(1);
    silent.until_closed("nothing was asked");
    half.until_closed("half of a head");
    cut.until_closed("half of a frame");
    done.until_closed("the request has ended");

    // This one was there before them.
    busy.data(1, b"world");
    busy.frame(DATA, END_STREAM, 1, b"");
    assert_eq!(busy.head_of(1)[0], 0x80 | 9);
    busy.until_closed("its request has ended");
}

#[test]
fn a_client_that_does_not_even_say_that_it_lives_is_not_waited_for() {
    let daemon = Daemon::start(&["--header-timeout", "1s"]);
    Http2::connect(&daemon).until_closed_in_silence();
}
