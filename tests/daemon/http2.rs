//! HTTP/2 by hand, for what no client does on purpose: streams that break off.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::support::daemon::Daemon;
use crate::support::{PATIENCE, bytes, eventually, filename};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
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
        let len = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut frame = vec![len[1], len[2], len[3], kind, flags];
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame).unwrap();
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

    /// Reads until the answer's head of a stream has come: its HPACK block.
    fn head_of(&mut self, stream: u32) -> Vec<u8> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).unwrap();
            let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
            self.0.read_exact(&mut payload).unwrap();
            let from = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            if head[3] == SETTINGS && head[4] & ACK == 0 {
                self.frame(SETTINGS, ACK, 0, b"");
            }
            if head[3] == HEADERS && from == stream {
                return payload;
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
