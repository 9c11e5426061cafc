//! `kill -9` at the worst moment, and what it leaves in the data directory.
//!
//! The states of the table in `src/store/disk/recover.rs` are written by hand, because no test can die between two
//! system calls of its choice.

use std::fs;

use serde_json::{Value, json};

use crate::support::daemon::{Daemon, id, refusal};
use crate::support::data_dir::DataDir;
use crate::support::{bytes, eventually, filename, sha1};

const ID: &str = "3f0c1d2e4b5a69788796a5b4c3d2e1f0";
const UPLOAD: &str = "/files/3f0c1d2e4b5a69788796a5b4c3d2e1f0";

/// What a sidecar says that was written since this system and this mount came up.
fn epoch_of_now() -> Value {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 1");
    let epoch = daemon.sidecar(id(&upload))["epoch"].clone();
    assert_ne!(
        epoch,
        json!(""),
        "before Linux 6.8 nothing can be told of a mount; run the tests on a newer one"
    );
    epoch
}

/// As if the power had failed: what is in the page cache only is not to be trusted any more.
fn cut_the_power(data: &DataDir, id: &str) {
    let mut sidecar = data.sidecar(id);
    sidecar["epoch"] = json!("another boot");
    data.leave_sidecar(id, &sidecar.to_string());
}

#[test]
fn a_killed_daemon_goes_on_where_the_body_was() {
    let body = bytes(1_000_000);
    let daemon = Daemon::start(&[]);
    let upload = daemon.create(&format!("Upload-Length: 1000000\n{}", filename("a.bin")));
    let _wire = daemon.begin_patch(&upload, 0, 1_000_000, &body[..300_000]);
    daemon.wait_for_data(&upload, 300_000);
    assert_eq!(daemon.sidecar(id(&upload))["offset"], 0, "nothing was acknowledged");

    let daemon = Daemon::start_on(daemon.kill(), &[]);
    assert_eq!(daemon.offset(&upload), 300_000);
    let answer = daemon.patch(&upload, 300_000, &body[300_000..]).expect(204);
    assert_eq!(answer.offset(), Some(1_000_000));
    assert!(daemon.files()["a.bin"] == body, "the bytes are the client's");
}

#[test]
fn bytes_that_came_right_before_a_crash_keep_their_upload_alive() {
    let body = bytes(1_000_000);
    let daemon = Daemon::start(&["--expire-after", "1h"]);
    let upload = daemon.create(&format!("Upload-Length: 1000000\n{}", filename("a.bin")));
    let _wire = daemon.begin_patch(&upload, 0, 1_000_000, &body[..300_000]);
    daemon.wait_for_data(&upload, 300_000);
    let data = daemon.kill();

    // As if its record were the one of three hours ago, when the request began.
    let mut sidecar = data.sidecar(id(&upload));
    for time in ["created", "modified", "expires"] {
        let then: jiff::Timestamp = sidecar[time].as_str().unwrap().parse().unwrap();
        sidecar[time] = json!(then - jiff::SignedDuration::from_hours(3));
    }
    data.leave_sidecar(id(&upload), &sidecar.to_string());

    let daemon = Daemon::start_on(data, &["--expire-after", "1h"]);
    eventually("the sweeper has looked at it", || daemon.log().contains("took stock"));
    let answer = daemon.head(&upload).expect(200);
    assert_eq!(answer.offset(), Some(300_000));
    let expires = answer.header("Upload-Expires").unwrap();
    let expires = httpdate::parse_http_date(expires).unwrap();
    assert!(expires > std::time::SystemTime::now(), "{expires:?}");
    daemon.patch(&upload, 300_000, &body[300_000..]).expect(204);
    assert!(daemon.files()["a.bin"] == body, "the bytes are the client's");
}

#[test]
fn data_that_cannot_be_reached_at_the_moment_is_not_damaged() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 100");
    daemon.patch(&upload, 0, &bytes(50)).expect(204);
    let data = daemon.path().join("uploads").join(&id(&upload)[..2]).join(format!("{}.data", id(&upload)));
    let aside = daemon.beside("aside");
    fs::rename(&data, &aside).unwrap();

    // There is something, and it can't be opened.
    fs::create_dir(&data).unwrap();
    let refused = daemon.head(&upload).expect(423);
    assert!(refused.header("Retry-After").is_some());
    assert!(!daemon.log().contains("damaged"), "{}", daemon.log());
    fs::remove_dir(&data).unwrap();
    daemon.patch(&upload, 50, &bytes(50)).expect_code(500, "ERR_UPLOAD_DAMAGED");
    fs::rename(&aside, &data).unwrap();
    assert_eq!(daemon.offset(&upload), 50);
}

#[test]
fn a_body_with_a_checksum_counts_whole_or_not_at_all() {
    let body = bytes(1_000_000);
    let daemon = Daemon::start(&[]);
    let upload = daemon.create(&format!("Upload-Length: 1000000\n{}", filename("a.bin")));
    daemon.patch(&upload, 0, &body[..1000]).expect(204);

    let rest = format!("Upload-Offset: 1000\nUpload-Checksum: {}", sha1(&body[1000..]));
    let mut wire = daemon.connect();
    wire.send_head("PATCH", &upload, &rest, Some(999_000));
    wire.send(&body[1000..900_000]);
    daemon.wait_for_data(&upload, 500_000);

    let daemon = Daemon::start_on(daemon.kill(), &[]);
    assert_eq!(daemon.offset(&upload), 1000);
    assert_eq!(daemon.data_len(id(&upload)), 1000, "what was not verified is gone");
    daemon.ask("PATCH", &upload, &rest, &body[1000..]).expect(204);
    assert!(daemon.files()["a.bin"] == body, "the bytes are the client's");
}

#[test]
fn an_offset_that_patch_told_survives_a_power_cut() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 1000000");
    assert_eq!(daemon.patch(&upload, 0, &bytes(5000)).expect(204).offset(), Some(5000));
    let data = daemon.kill();
    cut_the_power(&data, id(&upload));
    let daemon = Daemon::start_on(data, &[]);
    assert_eq!(daemon.offset(&upload), 5000);
}

#[test]
fn an_offset_that_head_told_of_a_running_transfer_survives_a_power_cut() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 1000000");
    let mut wire = daemon.begin_patch(&upload, 0, 1_000_000, &bytes(5000));
    daemon.wait_for_data(&upload, 5000);
    assert_eq!(daemon.offset(&upload), 5000);
    // More comes, which nobody is told of. The transfer runs until the end, so that nothing else saves its offset.
    let _ = wire.try_send(bytes(1000));
    let data = daemon.kill();
    drop(wire);
    cut_the_power(&data, id(&upload));
    let daemon = Daemon::start_on(data, &[]);
    assert_eq!(daemon.offset(&upload), 5000);
}

#[test]
fn what_a_crash_left_is_brought_into_order_at_first_touch() {
    let now = epoch_of_now();
    // (what the sidecar says, the data beside it, the offset that HEAD tells, the data afterwards)
    let table = [
        ("the process died", json!({ "epoch": now, "offset": 2 }), "hello", 5, "hello"),
        ("the power failed", json!({ "offset": 2 }), "hello", 2, "he"),
        ("nothing happened", json!({ "epoch": now, "offset": 5 }), "hello", 5, "hello"),
        ("the disk lost bytes", json!({ "offset": 5 }), "hel", 3, "hel"),
        ("the disk lost bytes, no power cut", json!({ "epoch": now, "offset": 5 }), "hel", 3, "hel"),
        (
            "the process died while a body was verified",
            json!({ "epoch": now, "offset": 2, "state": { "type": "verifying" } }),
            "hello",
            2,
            "he",
        ),
        (
            "the power failed while a body was verified",
            json!({ "offset": 2, "state": { "type": "verifying" } }),
            "hello",
            2,
            "he",
        ),
        (
            "the length was not told yet",
            json!({ "epoch": now, "offset": 2, "length": null }),
            "hello",
            5,
            "hello",
        ),
    ];
    for (what, sidecar, data, offset, afterwards) in table {
        let left = DataDir::new();
        left.leave(ID, sidecar, Some(data.as_bytes()));
        let daemon = Daemon::start_on(left, &[]);
        assert_eq!(daemon.offset(UPLOAD), offset, "{what}");
        assert_eq!(daemon.data(ID).unwrap(), afterwards.as_bytes(), "{what}");
        let kept = daemon.sidecar(ID);
        assert_eq!(
            (&kept["offset"], &kept["state"]),
            (&json!(offset), &json!({ "type": "receiving" })),
            "{what}"
        );

        // And it goes on from there.
        let headers = format!("Upload-Offset: {offset}\nUpload-Length: 11");
        let rest = &b"hello world"[usize::try_from(offset).unwrap()..];
        daemon.ask("PATCH", UPLOAD, &headers, rest).expect(204);
        assert_eq!(daemon.files()["a.txt"], b"hello world", "{what}");
    }
}

#[test]
fn a_patch_may_be_the_first_touch_too() {
    let left = DataDir::new();
    let verifying = json!({ "epoch": epoch_of_now(), "offset": 5, "state": { "type": "verifying" } });
    left.leave(ID, verifying, Some(b"hello WORLD"));
    let daemon = Daemon::start_on(left, &[]);
    daemon.patch(UPLOAD, 5, b" world").expect(204);
    assert_eq!(daemon.files()["a.txt"], b"hello world");
}

#[test]
fn an_upload_that_has_all_its_bytes_is_published_at_first_touch() {
    let now = epoch_of_now();
    let complete = json!({ "type": "complete", "file": "a.txt" });
    // (what the sidecar says, the data)
    let table = [
        ("killed before the sidecar was written", json!({ "epoch": now, "offset": 3 }), "hello world"),
        ("more than the length", json!({ "epoch": now, "offset": 3 }), "hello world, and more"),
        ("told, and not published", json!({ "offset": 11 }), "hello world"),
        ("killed before the rename", json!({ "offset": 11, "state": complete }), "hello world"),
    ];
    for (what, sidecar, data) in table {
        for touch in ["HEAD", "PATCH"] {
            let left = DataDir::new();
            left.leave(ID, sidecar.clone(), Some(data.as_bytes()));
            let daemon = Daemon::start_on(left, &[]);
            let answer = match touch {
                "HEAD" => daemon.head(UPLOAD).expect(200),
                _ => daemon.patch(UPLOAD, 11, b"").expect(204),
            };
            assert_eq!(answer.offset(), Some(11), "{what}, {touch}");
            assert_eq!(
                daemon.files().into_iter().collect::<Vec<_>>(),
                [("a.txt".into(), b"hello world".to_vec())]
            );
            assert_eq!(daemon.data(ID), None, "{what}, {touch}");
            let state = &daemon.sidecar(ID)["state"];
            assert_eq!(
                (&state["type"], &state["file"]),
                (&complete["type"], &complete["file"]),
                "{what}, {touch}"
            );
        }
    }
}

#[test]
fn a_name_that_was_taken_meanwhile_is_not_taken_away() {
    // The other file has as many bytes, so that nothing but its place tells the two apart.
    for (touch, status) in [("HEAD", 200), ("GET", 200)] {
        let left = DataDir::new();
        let state = json!({ "type": "complete", "file": "a.txt" });
        left.leave(ID, json!({ "offset": 11, "state": state }), Some(b"hello world"));
        left.leave_file("a.txt", b"HELLO WORLD");
        let daemon = Daemon::start_on(left, &[]);

        let answer = daemon.ask(touch, UPLOAD, "", b"").expect(status);
        if touch == "GET" {
            assert_eq!(answer.text(), "hello world", "one upload's URL never shows another one's bytes");
        }
        daemon.head(UPLOAD).expect(200);
        assert_eq!(daemon.files()["a.txt"], b"HELLO WORLD", "{touch}");
        assert_eq!(daemon.files()["a (2).txt"], b"hello world", "{touch}");
        assert_eq!(daemon.sidecar(ID)["state"]["file"], "a (2).txt", "{touch}");
        assert_eq!(daemon.ask("GET", UPLOAD, "", b"").expect(200).text(), "hello world");
        daemon.ask("DELETE", UPLOAD, "", b"").expect(204);
        assert_eq!(
            daemon.files().into_keys().collect::<Vec<_>>(),
            ["a.txt"],
            "only its own file goes with it"
        );
    }
}

#[test]
fn what_is_damaged_is_left_alone() {
    let whole = {
        let left = DataDir::new();
        left.leave(ID, json!({ "offset": 5 }), None);
        left.sidecar_text(ID)
    };
    let other = ID.replace('3', "4");
    let table = [
        ("empty", String::new(), true),
        ("torn", whole[..whole.len() / 2].to_owned(), true),
        ("of a later version", whole.replace("\"version\":1", "\"version\":2"), true),
        (
            "of another upload",
            whole.replace(&format!("\"id\":\"{ID}\""), &format!("\"id\":\"{other}\"")),
            true,
        ),
        ("beyond its length", whole.replace("\"offset\":5", "\"offset\":12"), true),
        ("without its data", whole.clone(), false),
    ];
    for (what, sidecar, has_data) in table {
        assert!(!has_data || sidecar != whole, "{what}");
        let left = DataDir::new();
        left.leave_sidecar(ID, &sidecar);
        if has_data {
            fs::write(left.data_path(ID), "hello world").unwrap();
        }
        let before = left.uploads();
        let daemon = Daemon::start_on(left, &[]);
        for method in ["HEAD", "PATCH", "DELETE"] {
            let answer = daemon.ask(method, UPLOAD, "Upload-Offset: 5", b"").expect(500);
            if method != "HEAD" {
                assert_eq!(answer.code(), "ERR_UPLOAD_DAMAGED", "{what}, {method}");
            }
            assert!(!answer.text().contains(&*daemon.path().to_string_lossy()), "{what}, {method}");
        }
        if has_data {
            daemon.ask("GET", UPLOAD, "", b"").expect_code(500, "ERR_UPLOAD_DAMAGED");
        }
        assert!(daemon.uploads() == before, "{what}: nothing is touched");
    }
}

#[test]
fn what_was_cut_off_in_its_creation_was_never_there() {
    let left = DataDir::new();
    left.leave(ID, json!({}), Some(b"hello"));
    // Neither the data alone nor a sidecar that had not got its name yet makes an upload.
    fs::rename(left.sidecar_path(ID), left.sidecar_path(ID).with_extension("json.new")).unwrap();
    let daemon = Daemon::start_on(left, &[]);
    for method in ["HEAD", "GET", "PATCH", "DELETE"] {
        daemon.ask(method, UPLOAD, "Upload-Offset: 5", b"").expect(404);
    }
    assert_eq!(daemon.data(ID).unwrap(), b"hello", "it may be a creation that is going on");
}

#[test]
fn a_sidecar_that_had_not_got_its_name_yet_does_not_count() {
    let left = DataDir::new();
    left.leave(ID, json!({ "offset": 5 }), Some(b"hello"));
    let staged = left.sidecar_path(ID).with_extension("json.new");
    fs::write(&staged, "{\"version\":1,\"id\":\"3f").unwrap();
    let daemon = Daemon::start_on(left, &[]);
    assert_eq!(daemon.offset(UPLOAD), 5);
    daemon.patch(UPLOAD, 5, b" world").expect(204);
    assert_eq!(daemon.files()["a.txt"], b"hello world");
    assert!(!staged.exists());
}

#[test]
fn a_directory_that_is_not_there_is_made() {
    let daemon = Daemon::start_on(DataDir::missing(), &[]);
    daemon.upload(&filename("a.txt"), b"hello");
    assert_eq!(daemon.files()["a.txt"], b"hello");
    let daemon = Daemon::start_on(daemon.kill(), &[]);
    daemon.upload(&filename("a.txt"), b"hello again");
    assert_eq!(daemon.files()["a (2).txt"], b"hello again");
}

#[test]
fn a_second_daemon_is_kept_out_of_the_directory() {
    let daemon = Daemon::start(&[]);
    let (code, said) = refusal(&daemon, &["--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("another resumed is using it"), "{said}");
    // A killed one leaves no lock behind.
    let daemon = Daemon::start_on(daemon.kill(), &[]);
    daemon.create("Upload-Length: 1");
}

#[test]
fn a_data_directory_that_is_a_file_is_told_as_that() {
    let data = DataDir::missing();
    fs::write(data.path(), "notes").unwrap();
    let (code, said) = refusal(&data, &["--listen", "127.0.0.1:0"]);
    assert_eq!(code, Some(1), "{said}");
    let path = data.path();
    let path = path.display();
    assert!(
        said.trim_end().ends_with(&format!("can't use the data directory {path}: it is not a directory")),
        "{said}"
    );
}

#[test]
fn fifty_uploads_of_one_name_at_once_are_fifty_files() {
    let left = DataDir::new();
    left.leave_file("photo.jpg", b"was here first");
    let daemon = Daemon::start_on(left, &[]);
    let contents = |n: usize| format!("contents {n}").repeat(1000).into_bytes();
    std::thread::scope(|scope| {
        for n in 0..50 {
            let daemon = &daemon;
            scope.spawn(move || {
                let headers = format!("Upload-Length: {}\n{}", contents(n).len(), filename("photo.jpg"));
                let upload = daemon.create(&headers);
                daemon.patch(&upload, 0, &contents(n)).expect(204);
            });
        }
    });
    eventually("all are published", || daemon.files().len() == 51);
    let files = daemon.files();
    assert_eq!(files["photo.jpg"], b"was here first");
    let mut found: Vec<&Vec<u8>> = files.values().collect();
    found.sort();
    let mut all: Vec<Vec<u8>> = (0..50).map(contents).chain([b"was here first".to_vec()]).collect();
    all.sort();
    assert!(found.into_iter().eq(&all), "each has its own bytes");
    for name in files.keys() {
        let is_numbered = name.starts_with("photo (") && name.ends_with(").jpg");
        assert!(name == "photo.jpg" || is_numbered, "{name}");
    }
}
