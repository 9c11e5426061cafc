//! Final uploads, and what a crash may do to their making.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode};
use rustix::process::Signal;
use serde_json::json;

use crate::support::daemon::{Daemon, id};
use crate::support::data_dir::DataDir;
use crate::support::{bytes, eventually, filename};

#[test]
fn a_final_upload_that_waits_for_a_part_waits_across_a_restart() {
    let (first, second) = (bytes(100_000), bytes(50_000));
    for is_killed in [true, false] {
        let daemon = Daemon::start(&[]);
        let a = daemon.upload("Upload-Concat: partial", &first);
        let b = daemon.create("Upload-Concat: partial\nUpload-Length: 50000");
        daemon.patch(&b, 0, &second[..20_000]).expect(204);
        let made = daemon.create(&format!("Upload-Concat: final;{a} {b}\n{}", filename("whole.bin")));
        assert_eq!(daemon.head(&made).expect(200).offset(), None, "it is not assembled");
        daemon.patch(&made, 0, b"x").expect_code(403, "ERR_MODIFY_FINAL");

        let data = if is_killed {
            daemon.kill()
        } else {
            daemon.signal(Signal::TERM);
            daemon.wait().2
        };
        let daemon = Daemon::start_on(data, &[]);
        let answer = daemon.head(&made).expect(200);
        assert_eq!((answer.offset(), answer.header("Upload-Length")), (None, Some("150000")));
        daemon.patch(&b, 20_000, &second[20_000..]).expect(204);
        eventually("the final upload is assembled", || daemon.head(&made).offset() == Some(150_000));
        assert!(
            daemon.files()["whole.bin"] == [first.clone(), second.clone()].concat(),
            "in the order of the list"
        );
        assert_eq!(daemon.files().len(), 1, "parts are never published");
        assert_eq!(daemon.head(&made).header("Upload-Concat"), Some(format!("final;{a} {b}").as_str()));
        // The parts are as they were.
        assert_eq!((daemon.offset(&a), daemon.offset(&b)), (100_000, 50_000));
    }
}

#[test]
fn an_assembly_that_was_cut_off_begins_anew() {
    const A: &str = "aa000000000000000000000000000000";
    const B: &str = "bb000000000000000000000000000000";
    const MADE: &str = "cc000000000000000000000000000000";
    let part = json!({ "type": "partial" });
    let complete = json!({ "type": "complete", "file": null });
    let kind = json!({ "type": "final", "parts": [A, B, A], "as_given": format!("final;/files/{A} /files/{B} /files/{A}") });
    let left = DataDir::new();
    left.leave(A, json!({ "kind": part, "state": complete, "offset": 5, "length": 5 }), Some(b"hello"));
    left.leave(B, json!({ "kind": part, "state": complete, "offset": 1, "length": 1 }), Some(b" "));
    // Some of it was copied, and something went wrong at the end.
    let assembling = json!({ "kind": kind, "state": { "type": "assembling" } });
    left.leave(MADE, assembling, Some(b"hello h\0\0\0\0\0\0\0\0\0"));

    let daemon = Daemon::start_on(left, &[]);
    eventually("it is assembled without being asked for", || daemon.files().contains_key("a.txt"));
    assert_eq!(daemon.offset(&format!("/files/{MADE}")), 11);
    assert_eq!(daemon.files()["a.txt"], b"hello hello");
}

#[test]
fn who_asks_for_a_final_upload_that_is_being_put_together_does_not_wait() {
    const A: &str = "aa000000000000000000000000000000";
    const MADE: &str = "cc000000000000000000000000000000";
    let left = DataDir::new();
    let (part, complete) = (json!({ "type": "partial" }), json!({ "type": "complete", "file": null }));
    left.leave(A, json!({ "kind": part, "state": complete, "length": 0 }), None);
    let kind = json!({ "type": "final", "parts": [A], "as_given": format!("final;/files/{A}") });
    let assembling = json!({ "kind": kind, "state": { "type": "assembling" }, "length": 0 });
    left.leave(MADE, assembling, Some(b"of an earlier attempt"));
    // A pipe can be read only once somebody writes to it.
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(CWD, left.data_path(A), FileType::Fifo, mode, 0).unwrap();

    let daemon = Daemon::start_on(left, &[]);
    eventually("the copy has begun", || daemon.data_len(MADE) == 0);
    let made = format!("/files/{MADE}");
    assert_eq!(daemon.head(&made).expect(200).offset(), None);
    assert!(daemon.files().is_empty(), "it lasts still");

    drop(fs::File::options().write(true).open(daemon.data_path(A)).unwrap());
    eventually("the final upload is assembled", || daemon.head(&made).offset() == Some(0));
    assert_eq!(daemon.files()["a.txt"], b"");
}

#[test]
fn a_part_that_was_complete_when_the_daemon_died_is_not_waited_for() {
    let daemon = Daemon::start(&[]);
    let a = daemon.create("Upload-Concat: partial\nUpload-Length: 11");
    let made = daemon.create(&format!("Upload-Concat: final;{a}\n{}", filename("whole.txt")));
    let wire = daemon.begin_patch(&a, 0, 11, b"hello");
    daemon.wait_for_data(&a, 5);
    let data = daemon.kill();
    drop(wire);
    // The rest of it came, and nobody was left to say so.
    fs::write(data.data_path(id(&a)), "hello world").unwrap();

    let daemon = Daemon::start_on(data, &[]);
    assert_eq!(daemon.offset(&a), 11);
    eventually("the final upload is assembled", || daemon.head(&made).offset() == Some(11));
    assert_eq!(daemon.files()["whole.txt"], b"hello world");
}

#[test]
fn asking_for_a_final_upload_does_not_keep_it_from_being_assembled() {
    let daemon = Daemon::start(&["--durability", "relaxed"]);
    for _ in 0..30 {
        let part = daemon.create("Upload-Concat: partial\nUpload-Length: 5");
        let made = daemon.create(&format!("Upload-Concat: final;{part}"));
        let is_done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    while !is_done.load(Ordering::Relaxed) {
                        daemon.head(&made);
                    }
                });
            }
            daemon.patch(&part, 0, b"hello").expect(204);
            // Its client looks at it while its last part arrives, and then waits.
            std::thread::sleep(Duration::from_millis(50));
            is_done.store(true, Ordering::Relaxed);
        });
        eventually("the final upload is assembled", || daemon.head(&made).offset() == Some(5));
    }
}

#[test]
fn a_final_upload_whose_part_is_gone_goes_too() {
    const A: &str = "aa000000000000000000000000000000";
    const GONE: &str = "bb000000000000000000000000000000";
    const MADE: &str = "cc000000000000000000000000000000";
    // The process died between the end of the part and the end of what waited for it; another part is still under way.
    let left = DataDir::new();
    left.leave(A, json!({ "kind": { "type": "partial" } }), Some(b""));
    let kind =
        json!({ "type": "final", "parts": [A, GONE], "as_given": format!("final;/files/{A} /files/{GONE}") });
    left.leave(MADE, json!({ "kind": kind, "length": 20, "state": { "type": "assembling" } }), Some(b""));

    let daemon = Daemon::start_on(left, &[]);
    eventually("its client hears that it is gone", || daemon.head(&format!("/files/{MADE}")).status == 404);
    assert!(daemon.uploads().into_keys().all(|path| path.contains(A)), "nothing is left of it");
    assert_eq!(daemon.offset(&format!("/files/{A}")), 0);
}

#[test]
fn a_part_that_ends_while_it_is_waited_for_takes_the_final_upload_with_it_unless_that_is_whole() {
    let daemon = Daemon::start(&[]);
    let a = daemon.upload("Upload-Concat: partial", b"hello");
    let b = daemon.create("Upload-Concat: partial\nUpload-Length: 5");
    let waiting = daemon.create(&format!("Upload-Concat: final;{a} {b}"));
    let whole = daemon.create(&format!("Upload-Concat: final;{a}\n{}", filename("whole.txt")));
    eventually("it is put together", || daemon.head(&whole).offset() == Some(5));
    daemon.ask("DELETE", &a, "", b"").expect(204);
    eventually("its client hears that it is gone", || daemon.head(&waiting).status == 404);
    assert_eq!(daemon.offset(&whole), 5);
    assert_eq!(daemon.files()["whole.txt"], b"hello");
}

#[test]
fn a_part_stands_once_in_a_list() {
    let daemon = Daemon::start(&[]);
    let a = daemon.upload("Upload-Concat: partial", &bytes(100_000));
    let b = daemon.upload("Upload-Concat: partial", &bytes(10));
    let list = format!("Upload-Concat: final;{a} {b} {a}");
    let refused = daemon.ask("POST", "/files/", &list, b"").expect_code(400, "ERR_INVALID_CONCAT");
    assert!(refused.text().contains("part 3 ("), "{}", refused.text());
    assert!(refused.text().contains("stands twice"), "{}", refused.text());
    assert!(daemon.files().is_empty());
    // Several final uploads may be made of it.
    for list in [format!("{a} {b}"), format!("{b} {a}")] {
        daemon.create(&format!("Upload-Concat: final;{list}"));
    }
    assert!(daemon.files().values().all(|file| file.len() == 100_010));
}
