//! Stopping: uploads run for hours, so they are saved and their clients sent away, to come back.

use rustix::process::Signal;

use crate::support::daemon::{Daemon, id};
use crate::support::{bytes, filename, sha1};

#[test]
fn a_running_upload_is_saved_and_its_client_told_to_come_back() {
    let body = bytes(1_000_000);
    for signal in [Signal::TERM, Signal::INT] {
        let daemon = Daemon::start(&[]);
        let upload = daemon.create(&format!("Upload-Length: 1000000\n{}", filename("a.bin")));
        let mut wire = daemon.begin_patch(&upload, 0, 1_000_000, &body[..300_000]);
        daemon.wait_for_data(&upload, 300_000);
        let mut idle = daemon.connect();
        idle.send_head("OPTIONS", "/files/", "", None);
        idle.answer().expect(204);

        daemon.signal(signal);
        let answer = wire.answer().expect_code(503, "ERR_SHUTTING_DOWN");
        assert!(answer.header("Retry-After").is_some());
        assert_eq!(idle.until_closed(), "");
        let (status, log, data) = daemon.wait();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(log.contains("stopped"), "{log}");
        assert_eq!(data.sidecar(id(&upload))["offset"], 300_000);

        let daemon = Daemon::start_on(data, &[]);
        assert_eq!(daemon.offset(&upload), 300_000);
        daemon.patch(&upload, 300_000, &body[300_000..]).expect(204);
        assert!(daemon.files()["a.bin"] == body, "the bytes are the client's");
    }
}

#[test]
fn a_body_that_can_not_be_verified_any_more_is_not_kept() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 1000000");
    daemon.patch(&upload, 0, &bytes(10)).expect(204);
    let mut wire = daemon.connect();
    let headers = format!("Upload-Offset: 10\nUpload-Checksum: {}", sha1(b"whatever"));
    wire.send_head("PATCH", &upload, &headers, Some(999_990));
    wire.send(bytes(600_000));
    daemon.wait_for_data(&upload, 1000);

    daemon.signal(Signal::TERM);
    wire.answer().expect_code(503, "ERR_SHUTTING_DOWN");
    let (status, log, data) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert_eq!(
        (data.data_len(id(&upload)), &data.sidecar(id(&upload))["state"]["type"]),
        (10, &"receiving".into())
    );
}

#[test]
fn a_running_creation_is_answered_with_where_to_go_on() {
    let body = bytes(1_000_000);
    let daemon = Daemon::start(&[]);
    let mut wire = daemon.connect();
    let headers = format!(
        "Upload-Length: 1000000\nContent-Type: application/offset+octet-stream\n{}",
        filename("a.bin")
    );
    wire.send_head("POST", "/files/", &headers, Some(1_000_000));
    wire.send(&body[..300_000]);
    let sizes = || {
        daemon.uploads().into_iter().filter(|(path, _)| path.ends_with(".data")).map(|(_, data)| data.len())
    };
    crate::support::eventually("the bytes are written", || sizes().sum::<usize>() == 300_000);

    daemon.signal(Signal::TERM);
    let answer = wire.answer().expect(201);
    let upload = answer.header("Location").unwrap();
    assert_eq!(answer.offset(), Some(300_000));
    let (status, log, data) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");

    let daemon = Daemon::start_on(data, &[]);
    daemon.patch(upload, 300_000, &body[300_000..]).expect(204);
    assert!(daemon.files()["a.bin"] == body, "the bytes are the client's");
}

/// A daemon that can't end by itself: somebody downloads and does not read.
fn held_up(grace: &str) -> (Daemon, crate::support::wire::Wire) {
    let daemon = Daemon::start(&["--shutdown-timeout", grace]);
    let upload = daemon.upload("", &bytes(64 << 20));
    let mut wire = daemon.connect();
    wire.send_head("GET", &upload, "", None);
    wire.peek();
    daemon.signal(Signal::TERM);
    daemon.wait_for_log("stopping");
    (daemon, wire)
}

#[test]
fn a_second_signal_ends_the_daemon_at_once() {
    let (mut daemon, _wire) = held_up("1h");
    assert!(daemon.runs(), "the download goes on");
    daemon.signal(Signal::TERM);
    let (status, log, _) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("stopped at once"), "{log}");
}

#[test]
fn waiting_for_running_requests_has_an_end() {
    let (daemon, _wire) = held_up("1s");
    let (status, log, _) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(log.contains("--shutdown-timeout is over"), "{log}");
}

const EXPECT: &str = "Expect: 100-continue";

/// Nobody waits for the end of these bodies either: their clients come back with the whole chunk.
#[test]
fn a_form_that_stalls_before_its_chunk_is_sent_away() {
    let daemon = Daemon::start(&["--shutdown-timeout", "1h"]);
    let mut wire = daemon.connect();
    let headers = format!("Content-Type: multipart/form-data; boundary=B\n{EXPECT}");
    wire.send_head("POST", "/resumable_upload", &headers, Some(100_000));
    // It is being read,
    wire.answer().expect(100);
    // and this is all that comes.
    wire.send("--B\r\nContent-Disposition: form-data; name=\"resumableChunkNumber\"\r\n\r\n1");
    daemon.signal(Signal::TERM);
    let answer = wire.answer().expect_code(503, "ERR_SHUTTING_DOWN");
    assert!(answer.header("Retry-After").is_some());
    let (status, log, _) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}

#[test]
fn a_chunk_that_is_there_already_and_comes_again_is_answered() {
    let daemon = Daemon::start(&["--shutdown-timeout", "1h"]);
    let chunk = "/resumable_upload?resumableChunkNumber=1&resumableChunkSize=1000&resumableCurrentChunkSize=1000\
                 &resumableTotalSize=3000&resumableTotalChunks=3&resumableIdentifier=x&resumableFilename=x";
    daemon.ask("POST", chunk, "", &bytes(1000)).expect(200);
    let mut wire = daemon.connect();
    wire.send_head("POST", chunk, EXPECT, Some(1000));
    wire.answer().expect(100);
    wire.send(b"xxx");
    daemon.signal(Signal::TERM);
    wire.answer().expect(200);
    let (status, log, _) = daemon.wait();
    assert_eq!(status.code(), Some(0), "{log}");
}
