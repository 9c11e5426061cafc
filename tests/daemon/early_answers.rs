//! A refusal comes to its client although the client is still sending, or before it has begun to.

use crate::support::bytes;
use crate::support::daemon::Daemon;
use crate::support::wire::Wire;

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
