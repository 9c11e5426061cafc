//! Room on the disk is promised when an upload is created. (What happens when somebody takes it all the same is the
//! business of the crash tests: they have disks to fill.)

use crate::support::daemon::Daemon;
use crate::support::data_dir::DataDir;
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

/// Plays a scene that asks for six tenths of what is free, and answers which statuses were heard. Others use the disk, too: a
/// scene in which they took or gave a tenth of it proves nothing, and is played again.
fn with_most_of_the_disk(scene: impl Fn(Daemon, u64) -> Vec<u16>) -> Vec<u16> {
    loop {
        let daemon = Daemon::start(&[]);
        let before = free(&daemon);
        let after_it = DataDir::missing();
        let heard = scene(daemon, before / 10 * 6);
        let fs = rustix::fs::statvfs(after_it.beside("")).unwrap();
        if (fs.f_bavail * fs.f_frsize).abs_diff(before) < before / 10 {
            return heard;
        }
    }
}

#[test]
fn room_that_is_promised_is_not_promised_again() {
    let heard = with_most_of_the_disk(|daemon, most| {
        let most = format!("Upload-Length: {most}");
        let ask = |daemon: &Daemon| daemon.ask("POST", "/files/", &most, b"");
        let first = ask(&daemon);
        let second = ask(&daemon);

        // Small ones still fit beside it.
        daemon.upload(&filename("small.txt"), &bytes(1000));

        // After a restart the promise is remembered.
        let daemon = Daemon::start_on(daemon.kill(), &[]);
        daemon.wait_for_log("took stock");
        let third = ask(&daemon);

        // When it is gone, its room is free.
        let removed = daemon.ask("DELETE", first.header("Location").unwrap_or("/files/none"), "", b"");
        [first, second, third, removed, ask(&daemon)].map(|answer| answer.status).to_vec()
    });
    assert_eq!(heard, [201, 507, 507, 204, 201]);
}

#[test]
fn chunks_and_parts_need_room_too() {
    let heard = with_most_of_the_disk(|daemon, most| {
        let ask = |name: &str| {
            let path = format!(
                "/resumable_upload?resumableChunkNumber=1&resumableChunkSize=4&resumableCurrentChunkSize=4\
                 &resumableTotalSize={most}&resumableIdentifier=x&resumableFilename={name}\
                 &resumableRelativePath={name}&resumableTotalChunks={}",
                most / 4
            );
            daemon.ask("POST", &path, "Content-Type: application/octet-stream", b"0123")
        };
        let (first, second) = (ask("a"), ask("b"));
        assert!(second.status != 507 || second.header("Retry-After").is_some());
        let partial = format!("Upload-Length: {most}\nUpload-Concat: partial");
        let part = daemon.ask("POST", "/files/", &partial, b"");
        [first, second, part].map(|answer| answer.status).to_vec()
    });
    assert_eq!(heard, [200, 507, 507]);
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

#[test]
fn a_length_that_is_told_later_needs_room_too() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Defer-Length: 1");
    daemon.patch(&upload, 0, &bytes(10)).expect(204);
    let headers = "Upload-Offset: 10\nUpload-Length: 1000000000000000000";
    let refused = daemon.ask("PATCH", &upload, headers, b"x").expect_code(507, "ERR_NO_SPACE");
    assert!(refused.header("Retry-After").is_some());

    // Nobody else pays for it,
    daemon.upload(&filename("other.txt"), &bytes(1000));
    // and it is what it was.
    let answer = daemon.head(&upload).expect(200);
    assert_eq!((answer.offset(), answer.header("Upload-Defer-Length")), (Some(10), Some("1")));
    let headers = "Upload-Offset: 10\nUpload-Length: 20";
    daemon.ask("PATCH", &upload, headers, &bytes(20)[10..]).expect(204);
    assert!(daemon.files().into_values().any(|file| file == bytes(20)));
}
