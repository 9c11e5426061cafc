//! Limits are on progress, never on the total.

use std::thread;
use std::time::Duration;

use crate::support::daemon::Daemon;
use crate::support::{bytes, eventually, filename};

#[test]
fn a_silent_connection_is_closed() {
    let daemon = Daemon::start(&["--header-timeout", "500ms"]);
    // (what the client says before it falls silent)
    for beginning in
        ["", "P", "PRI * HTTP/2.0\r\n", "POST /files/ HTTP/1.1\r\nHost: upload.test\r\nUpload-Le"]
    {
        let mut wire = daemon.connect();
        wire.send(beginning);
        let answer = wire.until_closed();
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408"), "{beginning:?}: {answer:?}");
    }
    // After an answer too. (A whole request gets more time: on a slow machine it comes late.)
    let daemon = Daemon::start(&["--header-timeout", "5s"]);
    let mut wire = daemon.connect();
    wire.send_head("OPTIONS", "/files/", "", None);
    wire.answer().expect(204);
    assert_eq!(wire.until_closed(), "");
}

#[test]
fn a_silent_body_is_interrupted_and_what_came_is_kept() {
    let daemon = Daemon::start(&["--idle-timeout", "1s"]);
    let upload = daemon.create(&format!("Upload-Length: 20\n{}", filename("a.txt")));
    let mut wire = daemon.begin_patch(&upload, 0, 20, b"01234567");
    let answer = wire.answer().expect_code(503, "ERR_BODY_TIMEOUT");
    assert!(answer.header("Retry-After").is_some());
    assert_eq!(daemon.offset(&upload), 8);
    daemon.patch(&upload, 8, b"89abcdefghij").expect(204);
    assert_eq!(daemon.files()["a.txt"], b"0123456789abcdefghij");
}

#[test]
fn a_creation_whose_body_falls_silent_is_an_upload_or_nothing() {
    let daemon = Daemon::start(&["--idle-timeout", "1s"]);
    let headers = |len: usize| format!("Upload-Length: {len}\nContent-Type: application/offset+octet-stream");
    // A small one is taken in whole before anything is written…
    let mut wire = daemon.connect();
    wire.send_head("POST", "/files/", &headers(20), Some(20));
    wire.send(b"01234567");
    wire.answer().expect_code(503, "ERR_BODY_TIMEOUT");
    assert!(daemon.uploads().is_empty());

    // …a large one can be resumed: the client is told where.
    let mut wire = daemon.connect();
    wire.send_head("POST", "/files/", &headers(100_000), Some(100_000));
    wire.send(&bytes(100_000)[..60_000]);
    let answer = wire.answer().expect(201);
    assert_eq!(answer.offset(), Some(60_000));
    let upload = answer.header("Location").unwrap();
    daemon.patch(upload, 60_000, &bytes(100_000)[60_000..]).expect(204);
    assert!(daemon.files().into_values().eq([bytes(100_000)]));
}

#[test]
fn a_slow_but_steady_body_may_take_longer_than_the_idle_limit() {
    let daemon = Daemon::start(&["--idle-timeout", "2s"]);
    let upload = daemon.create("Upload-Length: 25");
    let mut wire = daemon.begin_patch(&upload, 0, 25, b"");
    for byte in bytes(25) {
        thread::sleep(Duration::from_millis(200));
        wire.send([byte]);
    }
    assert_eq!(wire.answer().expect(204).offset(), Some(25));
}

#[test]
fn a_body_that_trickles_is_interrupted_in_the_end_and_what_came_is_kept() {
    let daemon = Daemon::start(&["--min-rate", "1kB", "--idle-timeout", "10m"]);
    let upload = daemon.create("Upload-Length: 2000");
    let mut wire = daemon.begin_patch(&upload, 0, 2000, b"");
    // The daemon looks at a minute of waiting.
    let mut sent = 0;
    while !wire.has_answer_within(Duration::from_secs(1)) {
        assert!(sent < 500, "nobody minds");
        wire.send(&bytes(2000)[sent..=sent]);
        sent += 1;
    }
    let answer = wire.answer().expect_code(503, "ERR_BODY_TOO_SLOW");
    assert!(answer.header("Retry-After").is_some());
    let offset = daemon.offset(&upload);
    daemon.patch(&upload, offset, &bytes(2000)[usize::try_from(offset).unwrap()..]).expect(204);
}

#[test]
fn a_connection_too_many_is_served_when_another_ends() {
    let daemon = Daemon::start(&["--max-connections", "2"]);
    let upload = daemon.create("Upload-Length: 20");
    let first = daemon.begin_patch(&upload, 0, 20, b"01234567");
    daemon.wait_for_data(&upload, 8);
    let mut second = daemon.connect();
    second.send_head("OPTIONS", "/files/", "", None);
    second.answer().expect(204);

    let mut third = daemon.connect();
    third.send_head("OPTIONS", "/files/", "", None);
    assert!(!third.has_answer_within(Duration::from_millis(500)), "two are being served already");
    drop(first);
    third.answer().expect(204);
    eventually("the place is free again", || {
        daemon.log().contains("interrupted") || daemon.log().contains("connection ended")
    });
}
