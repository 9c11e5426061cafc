//! A refusal comes to its client although the client is still sending, or before it has begun to.

use std::time::Duration;

use crate::resumable::{File, OCTET};
use crate::support::daemon::Daemon;
use crate::support::wire::Wire;
use crate::support::{bytes, eventually};

const LEN: usize = 300 * 1024;
const NOBODY: &str = "/files/00112233445566778899aabbccddeeff";

/// Requests with a body of [`LEN`] bytes that are refused for what their heads say: method, path, headers, status.
/// `UPLOAD` is an upload of 400 KiB at offset 0.
const REFUSED: [(&str, &str, &str, u16); 8] = [
    ("PATCH", "UPLOAD", "Upload-Offset: 7", 409),
    ("PATCH", "UPLOAD", "Upload-Offset: x", 400),
    ("PATCH", "UPLOAD", "Upload-Offset: 0\nContent-Type: text/plain", 415),
    ("PATCH", "UPLOAD", "Upload-Offset: 0\n-Tus-Resumable", 412),
    ("PATCH", NOBODY, "Upload-Offset: 0", 404),
    ("POST", "/files/", "Upload-Length: 400001\nContent-Type: application/offset+octet-stream", 413),
    ("POST", "/files/", "Upload-Length: 300\nContent-Type: application/offset+octet-stream", 413),
    ("PUT", "/files/", "", 405),
];

fn start() -> (Daemon, String) {
    let daemon = Daemon::start(&["--max-size", "400000"]);
    let upload = daemon.create("Upload-Length: 400000");
    (daemon, upload)
}

/// Sends as a client does that looks for an answer only when it has sent everything: small pieces, so that a closed
/// connection is noticed.
#[track_caller]
fn send_all(wire: &mut Wire, pieces: impl Iterator<Item = Vec<u8>>, what: &str) {
    for piece in pieces {
        if let Err(error) = wire.try_send(piece) {
            panic!("{what}: the client saw {error} while it was sending");
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_client_that_is_still_sending_comes_to_read_the_answer() {
    let (daemon, upload) = start();
    let body = bytes(LEN);
    for (method, path, headers, status) in REFUSED {
        let mut wire = daemon.connect();
        wire.send_head(method, &path.replace("UPLOAD", &upload), headers, Some(LEN));
        send_all(&mut wire, body.chunks(1024).map(<[u8]>::to_vec), headers);
        wire.answer().expect(status);
    }
    assert_eq!(daemon.offset(&upload), 0);
}

#[test]
fn who_waits_for_100_continue_is_refused_before_it_sends() {
    let (daemon, upload) = start();
    for (method, path, headers, status) in REFUSED {
        let mut wire = daemon.connect();
        let headers = format!("{headers}\nExpect: 100-continue");
        wire.send_head(method, &path.replace("UPLOAD", &upload), &headers, Some(LEN));
        // The first answer is the refusal, not "100 Continue".
        wire.answer().expect(status);
    }
    assert_eq!(daemon.offset(&upload), 0);

    let mut wire = daemon.connect();
    wire.send_head("PATCH", &upload, "Upload-Offset: 0\nExpect: 100-continue", Some(LEN));
    wire.answer().expect(100);
    wire.send(bytes(LEN));
    assert_eq!(wire.answer().expect(204).offset(), Some(LEN as u64));
}

#[test]
fn a_body_that_is_refused_in_its_middle_is_answered_too() {
    // (headers, whether "100 Continue" comes first)
    for (headers, is_expected) in [("", false), ("Expect: 100-continue", true)] {
        let daemon = Daemon::start(&[]);
        let upload = daemon.create("Upload-Length: 1000");
        let mut wire = daemon.connect();
        let headers = format!("Upload-Offset: 0\nTransfer-Encoding: chunked\n{headers}");
        wire.send_head("PATCH", &upload, &headers, None);
        if is_expected {
            wire.answer().expect(100);
        }
        let chunks =
            bytes(LEN).chunks(1024).map(|chunk| [b"400\r\n", chunk, b"\r\n"].concat()).collect::<Vec<_>>();
        send_all(&mut wire, chunks.into_iter(), &headers);
        wire.send("0\r\n\r\n");
        wire.answer().expect_code(413, "ERR_LENGTH_EXCEEDED");
        assert_eq!(daemon.offset(&upload), 0);
    }
}

#[test]
fn a_refusal_does_not_wait_for_a_body_that_does_not_come() {
    let (daemon, upload) = start();
    let mut wire = daemon.begin_patch(&upload, 7, LEN, b"a few bytes");
    wire.answer().expect(409);
    let mut wire = daemon.connect();
    wire.send_head("PATCH", &upload, "Upload-Offset: 7", Some(usize::MAX / 2));
    wire.send(b"a few bytes");
    wire.answer().expect_code(409, "ERR_MISMATCHED_OFFSET");
}

#[test]
fn a_client_whose_last_bytes_are_not_needed_comes_to_read_that_all_is_well() {
    let daemon = Daemon::start(&[]);
    let file = File::new("a", "a.bin", 3 * LEN, LEN);
    [1, 3].iter().for_each(|number| drop(file.put(&daemon, *number).expect(200)));
    // Behind the first gap all is there, and the file is whole before the client has sent what it means to.
    let (gap, rest) = file.bytes[LEN..].split_at(LEN + 1);
    let mut wire = daemon.begin_patch(&daemon.one_upload(), LEN as u64, gap.len() + rest.len(), gap);
    eventually("the file is there", || daemon.files().contains_key("a.bin"));
    send_all(&mut wire, rest.chunks(1024).map(<[u8]>::to_vec), "a PATCH over chunks");
    assert_eq!(wire.answer().expect(204).offset(), Some(3 * LEN as u64));
    assert_eq!(daemon.files()["a.bin"], file.bytes);
}

#[test]
fn a_chunk_that_is_there_already_is_answered_when_all_of_it_has_come() {
    let daemon = Daemon::start(&[]);
    // More than is dropped of a body that is refused.
    let file = File::new("a", "a.bin", 8 * LEN, 4 * LEN);
    file.put(&daemon, 1).expect(200);
    let (first, rest) = file.part(1).split_at(3 * LEN);
    let mut wire = daemon.connect();
    wire.send_head("POST", &file.path(1), OCTET, Some(first.len() + rest.len()));
    wire.send(first);
    assert!(!wire.has_answer_within(Duration::from_millis(100)), "its client would see a broken pipe");
    wire.send(rest);
    wire.answer().expect(200);
}

#[test]
fn who_is_refused_with_a_body_half_read_is_told_that_the_connection_ends() {
    let (daemon, upload) = start();
    let mut wire = daemon.begin_patch(&upload, 7, LEN, b"a few bytes");
    assert_eq!(wire.answer().expect(409).header("connection"), Some("close"));
    // What was read or dropped to its end costs nobody his connection, whether it said how long it is or not.
    let mut wire = daemon.connect();
    for status in [409, 204] {
        let offset = if status == 204 { 0 } else { 7 };
        wire.send_head("PATCH", &upload, &format!("Upload-Offset: {offset}"), Some(5));
        wire.send("hello");
        assert_eq!(wire.answer().expect(status).header("connection"), None);
    }
    for (offset, status) in [(7, 409), (5, 204)] {
        let headers = format!("Upload-Offset: {offset}\nTransfer-Encoding: chunked");
        wire.send_head("PATCH", &upload, &headers, None);
        wire.send("5\r\nworld\r\n0\r\n\r\n");
        assert_eq!(wire.answer().expect(status).header("connection"), None);
    }
}
