//! Room on the disk is promised when an upload is created. (What happens when somebody takes it all the same is the
//! business of the crash tests: they have disks to fill.)

use crate::support::daemon::Daemon;
use crate::support::{bytes, filename};

const GIB: u64 = 1 << 30;

/// What this process may still take of the disk that the data directory is on.
fn free(daemon: &Daemon) -> u64 {
    let fs = rustix::fs::statvfs(daemon.path()).unwrap();
    fs.f_bavail * fs.f_frsize
}

#[test]
fn what_does_not_fit_is_refused_before_a_byte_is_sent() {
    let daemon = Daemon::start(&[]);
    let length = free(&daemon) + GIB;

    let refused = daemon.ask("POST", "/files/", &format!("Upload-Length: {length}"), b"");
    let refused = refused.expect_code(507, "ERR_NO_SPACE");
    assert!(refused.header("Retry-After").is_some());

    // A client that asks first is never told to go on.
    let mut wire = daemon.connect();
    let headers = format!(
        "Upload-Length: {length}\nContent-Type: application/offset+octet-stream\nExpect: 100-continue"
    );
    wire.send_head("POST", "/files/", &headers, Some(1 << 20));
    wire.answer().expect_code(507, "ERR_NO_SPACE");

    assert!(daemon.uploads().is_empty(), "nothing is left of them");
}

#[test]
fn room_that_is_promised_is_not_promised_again() {
    let daemon = Daemon::start(&[]);
    // Others use the disk too: what is asked for is far from any limit.
    let most = format!("Upload-Length: {}", free(&daemon) / 10 * 6);
    let first = daemon.create(&most);
    daemon.ask("POST", "/files/", &most, b"").expect_code(507, "ERR_NO_SPACE");

    // Small ones still fit beside it.
    daemon.upload(&filename("small.txt"), &bytes(1000));

    // After a restart the promise is remembered.
    let daemon = Daemon::start_on(daemon.kill(), &[]);
    daemon.wait_for_log("took stock");
    daemon.ask("POST", "/files/", &most, b"").expect_code(507, "ERR_NO_SPACE");

    // When it is gone, its room is free.
    daemon.ask("DELETE", &first, "", b"").expect(204);
    daemon.create(&most);
}

#[test]
fn chunks_and_parts_need_room_too() {
    let daemon = Daemon::start(&[]);
    let most = free(&daemon) / 10 * 6;
    let ask = |name: &str| {
        let path = format!(
            "/resumable_upload?resumableChunkNumber=1&resumableChunkSize=4&resumableCurrentChunkSize=4\
             &resumableTotalSize={most}&resumableIdentifier=x&resumableFilename={name}\
             &resumableRelativePath={name}&resumableTotalChunks={}",
            most / 4
        );
        daemon.ask("POST", &path, "Content-Type: application/octet-stream", b"0123")
    };
    ask("a").expect(200);
    let refused = ask("b").expect_code(507, "ERR_NO_SPACE");
    assert!(refused.header("Retry-After").is_some());
    let partial = format!("Upload-Length: {most}\nUpload-Concat: partial");
    daemon.ask("POST", "/files/", &partial, b"").expect_code(507, "ERR_NO_SPACE");
}

#[test]
fn the_reserve_is_left_alone() {
    let daemon = Daemon::start(&["--reserve", "8000000TiB"]);
    daemon.ask("POST", "/files/", "Upload-Length: 1", b"").expect_code(507, "ERR_NO_SPACE");
    daemon.ask("POST", "/files/", "Upload-Defer-Length: 1", b"").expect_code(507, "ERR_NO_SPACE");
    // What was promised before may still come.
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 20");
    let daemon = Daemon::start_on(daemon.kill(), &["--reserve", "none"]);
    daemon.patch(&upload, 0, &bytes(20)).expect(204);
}
