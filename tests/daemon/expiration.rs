//! Only what is unfinished expires; then all of it goes.

use std::thread;
use std::time::Duration;

use crate::support::daemon::{Daemon, id};
use crate::support::data_dir::DataDir;
use crate::support::{eventually, filename};
use serde_json::json;

#[test]
fn an_abandoned_upload_expires_and_a_finished_file_stays() {
    let daemon = Daemon::start(&["--expire-after", "2s"]);
    let finished = daemon.upload(&filename("finished.txt"), b"hello");
    let answer = daemon.ask("POST", "/files/", "Upload-Length: 20", b"").expect(201);
    assert!(answer.header("Upload-Expires").is_some());
    let upload = answer.header("Location").unwrap();
    let answer = daemon.patch(upload, 0, b"01234567").expect(204);
    assert!(answer.header("Upload-Expires").is_some());

    eventually("it has expired", || [404, 410].contains(&daemon.head(upload).status));
    let answer = daemon.patch(upload, 8, b"89");
    assert!([404, 410].contains(&answer.status), "{answer:?}");
    assert_eq!(answer.offset(), None);
    eventually("nothing is left of it", || daemon.uploads().len() == 1);
    daemon.head(upload).expect(404);

    let answer = daemon.head(&finished).expect(200);
    assert_eq!((answer.offset(), answer.header("Upload-Expires")), (Some(5), None));
    assert_eq!(daemon.files()["finished.txt"], b"hello");
    assert_eq!(daemon.ask("GET", &finished, "", b"").expect(200).text(), "hello");
}

#[test]
fn what_was_abandoned_before_a_restart_is_swept_untouched() {
    let daemon = Daemon::start(&["--expire-after", "1s"]);
    let upload = daemon.create("Upload-Length: 20");
    daemon.patch(&upload, 0, b"01234567").expect(204);
    let part = daemon.upload("Upload-Concat: partial", b"hello");
    // The next daemon would give more time; what was promised stays.
    let daemon = Daemon::start_on(daemon.kill(), &["--expire-after", "24h"]);
    eventually("nothing is left of it", || daemon.uploads().is_empty());
    for upload in [upload, part] {
        daemon.head(&upload).expect(404);
    }
}

#[test]
fn an_expired_upload_is_gone_before_it_is_swept() {
    const ID: &str = "00112233445566778899aabbccddeeff";
    let left = DataDir::new();
    let expires = json!("2026-01-02T03:04:05Z");
    left.leave(ID, json!({ "offset": 5, "expires": expires }), Some(b"hello"));
    // It is not in the way of the sweep, so that it is the rule that answers.
    let orphan = left.data_path(ID).with_extension("away");
    std::fs::rename(left.data_path(ID), &orphan).unwrap();
    let daemon = Daemon::start_on(left, &[]);
    daemon.ask("GET", &format!("/files/{ID}"), "", b"").expect_code(410, "ERR_UPLOAD_EXPIRED");
    std::fs::rename(orphan, daemon.data_path(ID)).unwrap();
    for method in ["HEAD", "PATCH", "DELETE"] {
        let answer = daemon.ask(method, &format!("/files/{ID}"), "Upload-Offset: 5", b"");
        // The sweep may come upon it at any moment now.
        assert!([404, 410].contains(&answer.status), "{method}: {}", answer.status);
        assert_eq!(answer.offset(), None, "{method}");
    }
}

#[test]
fn whoever_sends_keeps_the_upload_alive() {
    let daemon = Daemon::start(&["--expire-after", "1s"]);
    let upload = daemon.create(&format!("Upload-Length: 20\n{}", filename("a.txt")));
    let mut wire = daemon.begin_patch(&upload, 0, 20, b"");
    for byte in b"0123456789abcdefghij" {
        thread::sleep(Duration::from_millis(200));
        wire.send([*byte]);
    }
    wire.answer().expect(204);
    assert_eq!(daemon.files()["a.txt"], b"0123456789abcdefghij");
}

#[test]
fn nothing_expires_where_nothing_shall() {
    let daemon = Daemon::start(&["--expire-after", "never"]);
    let answer = daemon.ask("POST", "/files/", "Upload-Length: 20", b"").expect(201);
    assert_eq!(answer.header("Upload-Expires"), None);
    let upload = answer.header("Location").unwrap();
    assert_eq!(daemon.sidecar(id(upload))["expires"], json!(null));
    let answer = daemon.ask("OPTIONS", "/files/", "", b"").expect(204);
    assert!(!answer.header("Tus-Extension").unwrap().contains("expiration"));
}
