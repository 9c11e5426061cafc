//! One writer per upload, and the newest request wins: what clients do when their connection dies under them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::daemon::{Daemon, id};
use crate::support::{bytes, eventually, filename};

/// Longer than a connection has to be silent to be taken for dead.
const SILENCE: Duration = Duration::from_millis(900);

/// An upload of 20 bytes whose PATCH has brought 8 of them and is silent since.
fn stalled() -> (Daemon, String, crate::support::wire::Wire) {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create(&format!("Upload-Length: 20\n{}", filename("a.txt")));
    let wire = daemon.begin_patch(&upload, 0, 20, b"01234567");
    daemon.wait_for_data(&upload, 8);
    thread::sleep(SILENCE);
    (daemon, upload, wire)
}

#[test]
fn head_takes_a_stalled_upload_over() {
    let (daemon, upload, mut old) = stalled();
    assert_eq!(daemon.offset(&upload), 8);
    // What the dead connection still had on its way.
    let _ = old.try_send(b"89abcdefghij");
    let told = old.answer();
    assert_eq!((told.status, told.code().as_str()), (423, "ERR_UPLOAD_TAKEN_OVER"));
    assert!(told.header("Retry-After").is_some());
    assert_eq!(daemon.offset(&upload), 8, "late bytes don't count");
    daemon.patch(&upload, 8, b"89ABCDEFGHIJ").expect(204);
    assert_eq!(daemon.files()["a.txt"], b"0123456789ABCDEFGHIJ");
}

#[test]
fn patch_takes_a_stalled_upload_over() {
    let (daemon, upload, mut old) = stalled();
    let mut new = daemon.begin_patch(&upload, 8, 12, b"89AB");
    daemon.wait_for_data(&upload, 12);
    let _ = old.try_send(b"89abcdefghij");
    old.answer().expect_code(423, "ERR_UPLOAD_TAKEN_OVER");
    new.send(b"CDEFGHIJ");
    assert_eq!(new.answer().expect(204).offset(), Some(20));
    assert_eq!(daemon.files()["a.txt"], b"0123456789ABCDEFGHIJ");
}

#[test]
fn patch_with_a_wrong_offset_learns_where_a_stalled_upload_ends() {
    let (daemon, upload, mut old) = stalled();
    daemon.patch(&upload, 3, b"3456").expect_code(409, "ERR_MISMATCHED_OFFSET");
    let _ = old.try_send(b"89abcdefghij");
    assert_eq!(daemon.offset(&upload), 8);
}

#[test]
fn delete_ends_a_transfer() {
    let (daemon, upload, mut old) = stalled();
    daemon.ask("DELETE", &upload, "", b"").expect(204);
    let _ = old.try_send(b"89abcdefghij");
    old.answer().expect_code(423, "ERR_UPLOAD_TAKEN_OVER");
    daemon.head(&upload).expect(404);
    daemon.patch(&upload, 8, b"89ABCDEFGHIJ").expect_code(404, "ERR_UPLOAD_NOT_FOUND");
    assert!(daemon.uploads().is_empty(), "nothing is left of it");
}

#[test]
fn of_two_that_wait_the_newest_wins() {
    let (daemon, upload, _old) = stalled();
    let answers: Vec<_> = thread::scope(|scope| {
        let tasks: Vec<_> =
            (0..8).map(|_| scope.spawn(|| daemon.patch(&upload, 8, b"89ABCDEFGHIJ"))).collect();
        tasks.into_iter().map(|task| task.join().unwrap()).collect()
    });
    // Who lost its place, or came too late, is told so in a way that clients try again.
    for answer in &answers {
        assert!([204, 409, 423].contains(&answer.status), "{answer:?}");
    }
    assert_eq!(daemon.offset(&upload), 20);
    assert_eq!(
        daemon.files().into_iter().collect::<Vec<_>>(),
        [("a.txt".into(), b"0123456789ABCDEFGHIJ".to_vec())]
    );
}

/// What a healthy transfer was asked in its course.
struct Asked {
    result: Result<(), String>,
    /// The sender itself was kept waiting so long that nobody can call the transfer healthy.
    was_starved: bool,
}

fn ask_during_a_transfer() -> Asked {
    const PIECE: usize = 2048;
    let daemon = Daemon::start(&[]);
    let upload = daemon.create(&format!("Upload-Defer-Length: 1\n{}", filename("a.bin")));
    let body = bytes(64 << 20);
    let done = AtomicBool::new(false);
    let mut wire = daemon.connect();
    wire.send_head("PATCH", &upload, "Upload-Offset: 0\nTransfer-Encoding: chunked", None);
    thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let (mut sent, mut longest, mut last) = (0, Duration::ZERO, Instant::now());
            while !done.load(Ordering::Relaxed) && sent + PIECE <= body.len() {
                wire.send_chunk(&body[sent..sent + PIECE]);
                sent += PIECE;
                thread::sleep(Duration::from_millis(1));
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            wire.send("0\r\n\r\n");
            (sent as u64, longest, wire.answer())
        });
        daemon.wait_for_data(&upload, 1);
        let mut told = Vec::new();
        let mut wrong = Vec::new();
        for _ in 0..5 {
            told.push(daemon.head(&upload));
            wrong.push(daemon.patch(&upload, 0, b"from the start"));
        }
        done.store(true, Ordering::Relaxed);
        let (sent, longest, answer) = sender.join().unwrap();
        let check = || {
            if (answer.status, answer.offset()) != (204, Some(sent)) {
                return Err(format!("the transfer was disturbed: {answer:?}"));
            }
            let offsets: Vec<_> = told.iter().filter_map(|answer| answer.offset()).collect();
            if offsets.len() != 5 || !offsets.is_sorted() || offsets.iter().any(|offset| *offset > sent) {
                return Err(format!("HEAD told {told:?}"));
            }
            let refused = |answer: &crate::support::wire::Answer| {
                answer.status == 409 && answer.header("Retry-After").is_some()
            };
            if !wrong.iter().all(refused) {
                return Err(format!("a wrong PATCH was answered {wrong:?}"));
            }
            Ok(())
        };
        let result = check();
        if result.is_ok() {
            let sent = usize::try_from(sent).unwrap();
            assert!(daemon.data(id(&upload)).unwrap() == body[..sent], "the bytes are the client's");
        }
        Asked { result, was_starved: longest > Duration::from_millis(200) }
    })
}

#[test]
fn a_healthy_transfer_is_not_disturbed() {
    // On a machine that is too busy to send, a transfer rightly looks dead; then the question is put again.
    for _ in 0..20 {
        match ask_during_a_transfer() {
            Asked { result: Ok(()), .. } => return,
            Asked { result: Err(error), was_starved } => assert!(was_starved, "{error}"),
        }
    }
    panic!("the machine is too busy to say anything");
}

#[test]
fn a_client_that_leaves_after_its_last_byte_has_uploaded() {
    let body = bytes(300_000);
    // hyper drops the handler of a request whose client has gone; the work must not be dropped with it.
    for len in [20, 300_000] {
        for is_creation in [false, true] {
            let daemon = Daemon::start(&[]);
            let mut wire = daemon.connect();
            if is_creation {
                let headers = format!(
                    "Upload-Length: {len}\n{}\nContent-Type: application/offset+octet-stream",
                    filename("a.bin")
                );
                wire.send_head("POST", daemon.base(), &headers, Some(len));
            } else {
                let upload = daemon.create(&format!("Upload-Length: {len}\n{}", filename("a.bin")));
                wire.send_head("PATCH", &upload, "Upload-Offset: 0", Some(len));
            }
            wire.send(&body[..len]);
            drop(wire);
            eventually("the file is there", || {
                daemon.files().get("a.bin").is_some_and(|file| file[..] == body[..len])
            });
        }
    }
}

#[test]
fn a_client_that_closes_its_side_after_the_body_still_gets_its_answer() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 300000");
    let mut wire = daemon.begin_patch(&upload, 0, 300_000, &bytes(300_000));
    wire.finish();
    assert_eq!(wire.answer().expect(204).offset(), Some(300_000));
}

#[test]
fn what_came_before_the_line_broke_is_kept() {
    type Break = fn(crate::support::wire::Wire);
    for (how, broken) in [("RST", (|wire| wire.reset()) as Break), ("FIN", drop as Break)] {
        let daemon = Daemon::start(&[]);
        let upload = daemon.create(&format!("Upload-Length: 20\n{}", filename("a.txt")));
        let wire = daemon.begin_patch(&upload, 0, 20, b"01234567");
        daemon.wait_for_data(&upload, 8);
        broken(wire);
        // Who asks earlier is told as much, but of a transfer that still runs.
        daemon.wait_for_log("interrupted");
        assert_eq!(daemon.offset(&upload), 8, "{how}");
        daemon.patch(&upload, 8, b"89ABCDEFGHIJ").expect(204);
        assert_eq!(daemon.files()["a.txt"], b"0123456789ABCDEFGHIJ", "{how}");
    }
}
