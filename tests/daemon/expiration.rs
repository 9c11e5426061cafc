//! Only what is unfinished expires; then all of it goes.

use std::time::Duration;

use crate::support::daemon::{Daemon, id};
use crate::support::data_dir::DataDir;
use crate::support::{eventually, filename, sha1};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

#[test]
fn an_abandoned_upload_expires_and_a_finished_file_stays() {
    let daemon = Daemon::start(&["--expire-after", "2s"]);
    let finished = daemon.upload(&filename("finished.txt"), b"hello");
    // In one request: on a slow machine a second one may come too late.
    let headers = "Upload-Length: 20\nContent-Type: application/offset+octet-stream";
    let answer = daemon.ask("POST", "/files/", headers, b"01234567").expect(201);
    assert!(answer.header("Upload-Expires").is_some());
    let upload = answer.header("Location").unwrap();

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
    const PART: &str = "ffeeddccbbaa99887766554433221100";
    // Another daemon gave them a second.
    let left = left(Timestamp::now(), SignedDuration::from_secs(1));
    let part = json!({
        "kind": { "type": "partial" },
        "state": { "type": "complete", "file": null },
        "offset": 11,
        "expires": expires(&left),
    });
    left.leave(PART, part, Some(b"hello world"));
    // This one would give more time; what was promised stays.
    let daemon = Daemon::start_on(left, &["--expire-after", "24h"]);
    eventually("nothing is left of it", || daemon.uploads().is_empty());
    for upload in [ID, PART] {
        daemon.head(&format!("/files/{upload}")).expect(404);
    }
}

#[test]
fn every_answer_tells_when_the_upload_expires() {
    let daemon = Daemon::start(&["--expire-after", "24h"]);
    let answer = daemon.ask("POST", "/files/", "Upload-Length: 20", b"").expect(201);
    assert!(answer.header("Upload-Expires").is_some());
    let upload = answer.header("Location").unwrap();
    let answer = daemon.patch(upload, 0, b"01234567").expect(204);
    assert!(answer.header("Upload-Expires").is_some());
    assert!(daemon.head(upload).expect(200).header("Upload-Expires").is_some());
}

#[test]
fn an_expired_upload_is_gone_before_it_is_swept() {
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

const ID: &str = "00112233445566778899aabbccddeeff";

/// An upload of 11 bytes, five of which came at this moment; it lives for so long still.
fn left(came: Timestamp, lives: SignedDuration) -> DataDir {
    let left = DataDir::new();
    let expires = Timestamp::now() + lives;
    left.leave(ID, json!({ "offset": 5, "modified": came, "expires": expires }), Some(b"hello"));
    left
}

fn expires(data: &DataDir) -> Timestamp {
    data.sidecar(ID)["expires"].as_str().unwrap().parse().unwrap()
}

#[test]
fn whoever_sends_keeps_the_upload_alive_also_through_a_crash() {
    let upload = format!("/files/{ID}");
    for checksum in [String::new(), format!("\nUpload-Checksum: {}", sha1(b" world"))] {
        // It lives for a day, and twenty-three hours of that are over.
        let now = Timestamp::now();
        let left = left(now - SignedDuration::from_hours(23), SignedDuration::from_hours(1));
        let daemon = Daemon::start_on(left, &["--expire-after", "24h"]);
        let mut wire = daemon.connect();
        wire.send_head("PATCH", &upload, &format!("Upload-Offset: 5{checksum}"), Some(6));
        wire.send(" ");
        let renewed = || expires(&daemon) >= now + SignedDuration::from_hours(24);
        eventually("its time is counted from the byte that came", renewed);
        wire.send("wo");
        let told = daemon.head(&upload).expect(200);
        assert!(told.header("Upload-Expires").is_some());
        assert!(renewed());

        let daemon = Daemon::start_on(daemon.kill(), &["--expire-after", "24h"]);
        let offset = daemon.offset(&upload);
        assert!(offset >= told.offset().unwrap());
        assert!(renewed_after(&daemon, now));
        let rest = &b"hello world"[usize::try_from(offset).unwrap()..];
        daemon.patch(&upload, offset, rest).expect(204);
        assert_eq!(daemon.files()["a.txt"], b"hello world");
    }
}

fn renewed_after(daemon: &Daemon, now: Timestamp) -> bool {
    expires(daemon) >= now + SignedDuration::from_hours(23)
}

#[test]
fn whoever_is_there_to_send_keeps_the_upload_alive() {
    let upload = format!("/files/{ID}");
    // (On a machine that is too slow to begin in time, there is more time.)
    let begun = [2, 4, 8, 16].into_iter().find_map(|seconds| {
        let left = left(Timestamp::now(), SignedDuration::from_secs(seconds));
        left.leave(
            ID,
            json!({ "offset": 5, "kind": { "type": "partial" }, "expires": expires(&left) }),
            Some(b"hello"),
        );
        let daemon = Daemon::start_on(left, &["--idle-timeout", "10m"]);
        let mut wire = daemon.begin_patch(&upload, 5, 6, b"");
        while Timestamp::now() <= expires(&daemon) {
            if wire.has_answer_within(Duration::from_millis(100)) {
                wire.answer().expect_code(410, "ERR_UPLOAD_EXPIRED");
                return None;
            }
        }
        Some((daemon, wire))
    });
    let (daemon, mut wire) = begun.unwrap();
    daemon.ask("GET", &upload, "", b"").expect_code(423, "ERR_UPLOAD_INCOMPLETE");
    let concat = format!("Upload-Concat: final;{upload}\n{}", filename("b.txt"));
    let whole = daemon.create(&concat);
    wire.send(" world");
    wire.answer().expect(204);
    // It has no offset before it is put together.
    eventually("the final upload is complete", || daemon.head(&whole).expect(200).offset() == Some(11));
    assert_eq!(daemon.files()["b.txt"], b"hello world");
    assert!(expires(&daemon) > Timestamp::now());
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
