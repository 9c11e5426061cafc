//! One upload, filled by Resumable.js and appended to by tus: nothing that either was told is taken back.

use crate::resumable::{File, OCTET};
use crate::support::daemon::{Daemon, id};
use crate::support::{eventually, sha1};

/// Forty thousand bytes in four chunks, of which some are there, and their upload as tus sees it.
fn begun(daemon: &Daemon, name: &'static str, numbers: &[usize]) -> (File, String) {
    let file = File::new(name, name, 40_000, 10_000);
    numbers.iter().for_each(|number| drop(file.put(daemon, *number).expect(200)));
    let id = daemon.uploads().keys().find_map(|name| name.strip_suffix(".json").map(str::to_owned)).unwrap();
    (file, format!("/files/{}", id.rsplit('/').next().unwrap()))
}

fn chunks(daemon: &Daemon, file: &File) -> [bool; 4] {
    [1, 2, 3, 4].map(|number| file.has(daemon, number))
}

#[test]
fn what_chunks_began_tus_can_look_at_and_finish() {
    let daemon = Daemon::start(&[]);
    let (file, upload) = begun(&daemon, "a.bin", &[1, 2, 4]);
    assert_eq!(daemon.offset(&upload), 20_000);
    let answer = daemon.patch(&upload, 20_000, &file.bytes[20_000..25_000]).expect(204);
    assert_eq!(answer.offset(), Some(25_000));
    assert_eq!(chunks(&daemon, &file), [true, true, false, true], "what was acknowledged stays");
    // Chunks again: the offset that was told is not taken back.
    file.put(&daemon, 4).expect(200);
    assert_eq!(daemon.offset(&upload), 25_000);
    // The rest in one request. Its second half is there already, was acknowledged, and is not written again.
    let rest = [&file.bytes[25_000..30_000], &[b'x'; 10_000]].concat();
    let answer = daemon.patch(&upload, 25_000, &rest).expect(204);
    assert_eq!(answer.offset(), Some(40_000));
    assert_eq!(daemon.files()["a.bin"], file.bytes);
    assert_eq!(chunks(&daemon, &file), [true; 4]);
}

#[test]
fn what_tus_went_on_with_chunks_can_finish() {
    let daemon = Daemon::start(&[]);
    let (file, upload) = begun(&daemon, "a.bin", &[1]);
    daemon.patch(&upload, 10_000, &file.bytes[10_000..25_000]).expect(204);
    assert_eq!(chunks(&daemon, &file), [true, true, false, false]);
    file.put(&daemon, 4).expect(200);
    assert_eq!(daemon.offset(&upload), 25_000);

    let daemon = Daemon::start_on(daemon.kill(), &[]);
    assert_eq!(daemon.offset(&upload), 25_000);
    assert_eq!(chunks(&daemon, &file), [true, true, false, true]);
    file.put(&daemon, 3).expect(200);
    assert_eq!(daemon.files()["a.bin"], file.bytes);
    assert_eq!(daemon.offset(&upload), 40_000);
}

#[test]
fn a_patch_that_stores_nothing_takes_no_chunk_away() {
    let daemon = Daemon::start(&[]);
    let (file, upload) = begun(&daemon, "a.bin", &[1, 3, 4]);
    let untouched = |what: &str| {
        assert_eq!(chunks(&daemon, &file), [true, false, true, true], "{what}");
        assert_eq!(daemon.offset(&upload), 10_000, "{what}");
    };
    daemon.patch(&upload, 10_000, b"").expect(204);
    untouched("an empty one");
    let rest = &file.bytes[10_000..];
    for (body, sum) in [(&rest[..5000], sha1(b"something else")), (rest, sha1(b"something else"))] {
        let headers = format!("Upload-Offset: 10000\nUpload-Checksum: {sum}");
        daemon.ask("PATCH", &upload, &headers, body).expect_code(460, "ERR_CHECKSUM_MISMATCH");
        untouched("one that does not sum up");
    }
    // The sum is over all of the body, also over what is there already.
    let headers = format!("Upload-Offset: 10000\nUpload-Checksum: {}", sha1(rest));
    let answer = daemon.ask("PATCH", &upload, &headers, rest).expect(204);
    assert_eq!(answer.offset(), Some(40_000));
    assert_eq!(daemon.files()["a.bin"], file.bytes);
}

#[test]
fn a_body_that_can_not_be_verified_takes_no_chunk_away_although_some_of_it_was_written() {
    for what in ["it does not sum up", "it is cut", "the daemon dies"] {
        let daemon = Daemon::start(&[]);
        let (file, upload) = begun(&daemon, "a.bin", &[1, 3, 4]);
        let (gap, half) = (file.part(2), &file.part(2)[..5000]);
        let mut wire = daemon.connect();
        let headers = format!("Upload-Offset: 10000\nUpload-Checksum: {}", sha1(gap));
        wire.send_head("PATCH", &upload, &headers, Some(gap.len()));
        wire.send(half);
        eventually("half of it is written", || daemon.data(id(&upload)).unwrap()[10_000..15_000] == *half);
        let daemon = match what {
            "the daemon dies" => Daemon::start_on(daemon.kill(), &[]),
            "it is cut" => {
                drop(wire);
                daemon.wait_for_log("discarded a body");
                daemon
            }
            _ => {
                wire.send(half);
                wire.answer().expect_code(460, "ERR_CHECKSUM_MISMATCH");
                daemon
            }
        };
        assert_eq!(daemon.offset(&upload), 10_000, "{what}");
        assert_eq!(chunks(&daemon, &file), [true, false, true, true], "{what}");
        file.put(&daemon, 2).expect(200);
        assert_eq!(daemon.files()["a.bin"], file.bytes, "{what}");
    }
}

#[test]
fn a_chunk_that_is_cut_counts_for_nothing_after_a_patch_either() {
    for is_killed in [false, true] {
        let daemon = Daemon::start(&[]);
        let (file, upload) = begun(&daemon, "a.bin", &[1, 2]);
        daemon.patch(&upload, 20_000, &file.bytes[20_000..25_000]).expect(204);
        let mut wire = daemon.connect();
        wire.send_head("POST", &file.path(4), OCTET, Some(10_000));
        wire.send(&file.part(4)[..5000]);
        daemon.wait_for_data(&upload, 35_000);
        assert_eq!(daemon.offset(&upload), 25_000, "and HEAD does not wait for the chunk");
        let daemon = if is_killed {
            Daemon::start_on(daemon.kill(), &[])
        } else {
            drop(wire);
            eventually("the chunk is let go of", || daemon.log().contains("ERR_BODY_CUT"));
            daemon
        };
        assert_eq!(daemon.offset(&upload), 25_000);
        assert_eq!(chunks(&daemon, &file), [true, true, false, false]);
        daemon.patch(&upload, 25_000, &file.bytes[25_000..]).expect(204);
        assert_eq!(daemon.files()["a.bin"], file.bytes);
    }
}

#[test]
fn a_digest_is_heard_whichever_chunk_brings_it_and_however_the_upload_ends() {
    let daemon = Daemon::start(&["--verify"]);
    let wrong = |path: String| format!("{path}&resumableDigest=md5:AAAAAAAAAAAAAAAAAAAAAA%3D%3D");
    let begun = |name: &'static str| {
        let file = File::new(name, name, 40_000, 10_000);
        daemon.ask("POST", &wrong(file.path(1)), OCTET, file.part(1)).expect(200);
        let path =
            daemon.uploads().keys().find_map(|name| name.strip_suffix(".json").map(str::to_owned)).unwrap();
        (file, format!("/files/{}", path.rsplit('/').next().unwrap()))
    };
    // It came with the first chunk only.
    let (file, upload) = begun("a.bin");
    [2, 3].iter().for_each(|number| drop(file.put(&daemon, *number).expect(200)));
    file.put(&daemon, 4).expect_code(415, "ERR_DIGEST_MISMATCH");
    daemon.head(&upload).expect(404);

    // Tus brings the rest.
    let (file, upload) = begun("b.bin");
    daemon.patch(&upload, 10_000, &file.bytes[10_000..]).expect_code(460, "ERR_CHECKSUM_MISMATCH");
    daemon.head(&upload).expect(404);

    // Another one does not take its place, and a restart does not lose it.
    let (file, upload) = begun("c.bin");
    let other = format!("{}&resumableDigest=crc32:AAAAAA%3D%3D", file.path(2));
    daemon.ask("POST", &other, OCTET, file.part(2)).expect(400);
    let daemon = Daemon::start_on(daemon.kill(), &["--verify"]);
    [2, 3].iter().for_each(|number| drop(file.put(&daemon, *number).expect(200)));
    file.put(&daemon, 4).expect_code(415, "ERR_DIGEST_MISMATCH");
    daemon.head(&upload).expect(404);
    assert!(daemon.files().is_empty());
}

#[test]
fn a_patch_that_is_refused_does_not_break_the_chunk_under_way() {
    let daemon = Daemon::start(&[]);
    let (file, upload) = begun(&daemon, "a.bin", &[1]);
    let mut wire = daemon.connect();
    wire.send_head("POST", &file.path(3), OCTET, Some(10_000));
    wire.send(&file.part(3)[..5000]);
    daemon.wait_for_data(&upload, 25_000);
    daemon.patch(&upload, 5, b"x").expect_code(409, "ERR_MISMATCHED_OFFSET");
    daemon.patch(&upload, 10_000, &[b'x'; 30_001]).expect(413);
    wire.send(&file.part(3)[5000..]);
    wire.answer().expect(200);
    // One that fits takes over.
    daemon.patch(&upload, 10_000, &file.bytes[10_000..20_000]).expect(204);
    assert_eq!(daemon.offset(&upload), 30_000, "the chunk that lies behind it counts");
}
