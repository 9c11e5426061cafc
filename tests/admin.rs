//! The commands for whoever keeps the uploads, beside a running daemon and without one.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers fail the test that calls them"
)]

mod support;

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;

use serde_json::{Value, json};

use support::daemon::{Daemon, id};
use support::data_dir::DataDir;
use support::{bytes, eventually, filename};

const ID: &str = "3f0c1d2e4b5a69788796a5b4c3d2e1f0";
const OTHER: &str = "401122334455667788990011aabbccdd";

/// Runs a command on a data directory: its exit code and what it said on both outputs.
fn resumed(data: &DataDir, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resumed"));
    command.env_clear().args(args).arg("--data-dir").arg(data.path());
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// What a command that goes well says.
#[track_caller]
fn said(data: &DataDir, args: &[&str]) -> String {
    let (code, stdout, stderr) = resumed(data, args);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    stdout
}

fn views(json: &str) -> Vec<Value> {
    json.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn uploads_are_listed_beside_a_running_daemon() {
    let daemon = Daemon::start(&[]);
    assert_eq!(said(&daemon, &["list"]), "no uploads\n");
    let half = daemon.create(&format!("Upload-Length: 2048\n{}", filename("half \u{1b}[31m.txt")));
    daemon.patch(&half, 0, &bytes(1024)).expect(204);
    let deferred = daemon.create("Upload-Defer-Length: 1");
    let whole = daemon.upload(&filename("Whole.txt"), &bytes(5));

    let list = said(&daemon, &["list"]);
    let lines: Vec<Vec<&str>> = list
        .lines()
        .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .collect();
    assert_eq!(lines[0], ["ID", "STATE", "BYTES", "LAST BYTE", "EXPIRES", "NAME"]);
    let line =
        |upload: &str| lines.iter().find(|line| line[0] == id(upload)).unwrap_or_else(|| panic!("{list}"));
    assert_eq!(line(&half)[1..3], ["receiving", "1.0 KiB of 2.0 KiB, 50 %"]);
    assert_eq!(line(&half)[5], "half \\u{1b}[31m.txt", "a name does nothing to the terminal");
    assert_eq!(line(&deferred)[1..3], ["receiving", "0 B of ?"]);
    assert_eq!(line(&whole)[1..3], ["complete", "5 B"]);
    assert_eq!(line(&whole)[4..], ["never", "Whole.txt"]);

    for (filter, expected) in [
        (&["--state", "complete"][..], vec![&whole]),
        (&["--name", "whole"], vec![&whole]),
        (&["--state", "receiving", "--name", "HALF"], vec![&half]),
        (&["--state", "receiving,complete"], vec![&half, &deferred, &whole]),
        (&["--owner", "alice"], vec![]),
        (&["--older-than", "1h"], vec![]),
    ] {
        let json = said(&daemon, &[&["list", "--json"], filter].concat());
        let mut found: Vec<String> =
            views(&json).iter().map(|view| view["id"].as_str().unwrap().to_owned()).collect();
        let mut expected: Vec<String> = expected.into_iter().map(|upload| id(upload).to_owned()).collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{filter:?}");
    }
}

#[test]
fn one_upload_is_shown_for_people_and_for_scripts() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.upload(&filename("a.txt"), b"hello");
    let text = said(&daemon, &["show", id(&upload)]);
    for line in
        ["state         complete", "bytes         5 B", "finished file files/a.txt", "expires       never"]
    {
        assert!(text.lines().any(|known| known == line), "{line:?} in\n{text}");
    }
    let view = &views(&said(&daemon, &["show", "--json", id(&upload)]))[0];
    assert_eq!(
        (&view["state"], &view["bytes"], &view["length"], &view["file"]),
        (&json!("complete"), &json!(5), &json!(5), &json!("a.txt"))
    );
    assert_eq!(fs::read(view["path"].as_str().unwrap()).unwrap(), b"hello");
    fs::remove_file(daemon.path().join("files/a.txt")).unwrap();
    assert!(said(&daemon, &["show", id(&upload)]).contains("nowhere: somebody took it away"));

    let (code, _, stderr) = resumed(&daemon, &["show", ID]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("resumed: there is no upload {ID} in ")), "{stderr}");
    let (code, _, stderr) = resumed(&daemon, &["show", "../x"]);
    assert_eq!(
        (code, stderr.as_str()),
        (
            2,
            "resumed: ID: \"../x\" is not an upload's name; give the 32 hexadecimal digits at the end of its URL\n"
        )
    );
}

#[test]
fn a_final_upload_that_waits_goes_with_its_parts() {
    let daemon = Daemon::start(&[]);
    let part = daemon.create("Upload-Length: 5\nUpload-Concat: partial");
    let whole = daemon.create(&format!("Upload-Concat: final;{part}"));
    let text = said(&daemon, &["show", id(&whole)]);
    assert!(text.lines().any(|line| line == "expires       with its parts"), "{text}");
    let list = said(&daemon, &["list", "--state", "assembling"]);
    assert!(list.contains("  with its parts  "), "{list}");
    let view = &views(&said(&daemon, &["show", "--json", id(&whole)]))[0];
    assert_eq!((&view["expires"], &view["expires_with_parts"]), (&Value::Null, &json!(true)));
    let view = &views(&said(&daemon, &["show", "--json", id(&part)]))[0];
    assert_eq!((view["expires"].is_string(), &view["expires_with_parts"]), (true, &json!(false)));
    daemon.patch(&part, 0, b"hello").expect(204);
    eventually("it is put together", || said(&daemon, &["show", id(&whole)]).contains("expires       never"));
}

#[test]
fn a_directory_that_is_none_is_told_in_one_line() {
    let data = DataDir::missing();
    for (command, exit) in [
        (&["list"][..], 1),
        (&["show", ID], 1),
        (&["rm", ID], 1),
        (&["expire"], 1),
        (&["fsck"], 8),
        (&["fsck", "--repair"], 8),
    ] {
        let (code, stdout, stderr) = resumed(&data, command);
        assert_eq!((code, stdout.as_str()), (exit, ""), "{command:?}");
        assert!(stderr.contains("No such file or directory"), "{stderr}");
        assert!(stderr.starts_with("resumed: can't read the data directory "), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
    }
}

/// Each fault by itself: what `fsck` says of it, whether `--repair` mends it, and what HEAD says before and after
/// (`None`: 500, the upload is damaged).
#[test]
fn fsck_finds_and_mends_each_fault() {
    let uploads = format!("uploads/{}/{ID}", &ID[..2]);
    let key = format!("keys/{}/{ID}", &ID[..2]);
    let hello = &b"hello world"[..];
    type Leave<'a> = Box<dyn Fn(&DataDir) + 'a>;
    let write = |path: String, text: &'static str| -> Leave<'_> {
        Box::new(move |data: &DataDir| {
            let path = data.path().join(&path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        })
    };
    let leave = |changes: Value, bytes: Option<&'static [u8]>| -> Leave<'_> {
        Box::new(move |data: &DataDir| data.leave(ID, changes.clone(), bytes))
    };
    let complete = json!({ "state": { "type": "complete", "file": "a.txt" }, "offset": 11 });
    let cases: Vec<(Leave<'_>, String, bool, u16, u16)> = vec![
        (
            write(format!("{uploads}.json.new"), "{"),
            format!("{uploads}.json.new: a record that was never put in its place"),
            true,
            404,
            404,
        ),
        (
            write(format!("{uploads}.data"), "x"),
            format!("{uploads}.data: bytes of a creation that was cut off"),
            true,
            404,
            404,
        ),
        (
            write(format!("{uploads}.json"), "{"),
            format!("{uploads}.json: the sidecar can't be read"),
            true,
            500,
            404,
        ),
        (
            leave(json!({ "version": 9 }), Some(b"x")),
            format!("{uploads}.json: the sidecar has version 9"),
            true,
            500,
            404,
        ),
        (leave(json!({}), None), format!("{uploads}.json: the upload's bytes are not there"), true, 500, 404),
        (
            leave(json!({ "offset": 7 }), Some(b"hell")),
            format!("{uploads}.json: the disk lost bytes: 7 were acknowledged, 4 are there"),
            true,
            200,
            200,
        ),
        (
            leave(json!({ "offset": 4 }), Some(b"hello")),
            format!("{uploads}.json: 4 bytes are recorded, 5 are there"),
            true,
            200,
            200,
        ),
        (
            leave(json!({ "offset": 11 }), Some(hello)),
            format!("{uploads}.json: the upload is complete and not published"),
            true,
            200,
            200,
        ),
        (
            leave(complete.clone(), Some(hello)),
            format!("{uploads}.json: the upload is complete and not published"),
            true,
            200,
            200,
        ),
        (
            write(key.clone(), OTHER),
            format!("{key}: a client's name that leads to no upload"),
            true,
            404,
            404,
        ),
        (
            write(format!("{key}.json.new"), OTHER),
            format!("{key}.json.new: a record that was never put in its place"),
            true,
            404,
            404,
        ),
        (
            write("uploads/README".to_owned(), "hi"),
            "uploads/README: resumed did not put this here".to_owned(),
            false,
            404,
            404,
        ),
        (
            write(format!("uploads/00/{ID}.json"), "{}"),
            format!("uploads/00/{ID}.json: resumed did not put this here"),
            false,
            404,
            404,
        ),
        (
            Box::new(|data: &DataDir| {
                data.leave_file("a.txt", hello);
                data.leave(ID, complete.clone(), None);
                data.leave(OTHER, complete.clone(), None);
            }),
            format!("uploads/40/{OTHER}.json: upload {ID} has the same finished file"),
            false,
            200,
            200,
        ),
    ];
    for (leave, line, is_mended, before, after) in cases {
        let data = DataDir::new();
        leave(&data);
        let as_found = data.everything();
        let (code, stdout, stderr) = resumed(&data, &["fsck"]);
        assert_eq!((code, stderr.as_str()), (4, ""), "{line}: {stdout}");
        assert!(stdout.starts_with(&line), "{line}: {stdout}");
        assert_eq!(stdout.lines().count(), 2, "{stdout}");
        assert_eq!(data.everything(), as_found, "looking changes nothing");

        // What clients see without any repair…
        let copy = DataDir::missing();
        copy_dir(&data, &copy);
        let daemon = Daemon::start_on(copy, &[]);
        daemon.head(&format!("/files/{ID}")).expect(before);
        drop(daemon);

        // …and with it.
        let (code, stdout, _) = resumed(&data, &["fsck", "--repair"]);
        assert_eq!(code, if is_mended { 1 } else { 4 }, "{stdout}");
        assert_eq!(stdout.contains("(done: "), is_mended, "{stdout}");
        let (code, stdout, _) = resumed(&data, &["fsck"]);
        assert_eq!(code, if is_mended { 0 } else { 4 }, "{line}: {stdout}");
        let daemon = Daemon::start_on(data, &[]);
        daemon.head(&format!("/files/{ID}")).expect(after);
    }
}

#[test]
fn what_is_put_aside_can_be_looked_at() {
    let data = DataDir::new();
    data.leave(ID, json!({ "version": 9 }), Some(b"hello"));
    assert_eq!(resumed(&data, &["fsck", "--repair"]).0, 1);
    assert_eq!(fs::read(data.path().join(format!("damaged/{ID}.data"))).unwrap(), b"hello");
    assert!(data.path().join(format!("damaged/{ID}.json")).exists());
    assert!(data.uploads().is_empty());
}

#[test]
fn a_daemon_at_work_is_looked_at_and_never_repaired_under() {
    let daemon = Daemon::start(&[]);
    let upload = daemon.create("Upload-Length: 20");
    let _wire = daemon.begin_patch(&upload, 0, 20, b"01234567");
    daemon.wait_for_data(&upload, 8);
    // More bytes than are recorded: that is how an append looks.
    assert_eq!(said(&daemon, &["fsck"]), "1 unfinished uploads, 0 finished: nothing is wrong\n");
    daemon.leave(OTHER, json!({ "offset": 7 }), Some(b"hell"));
    assert_eq!(resumed(&daemon, &["fsck"]).0, 4, "a loss is told all the same");

    let before = daemon.uploads();
    let (code, stdout, stderr) = resumed(&daemon, &["fsck", "--repair"]);
    assert_eq!((code, stdout.as_str()), (8, ""));
    assert!(stderr.starts_with("resumed: can't repair "), "{stderr}");
    assert!(stderr.ends_with(": another resumed is using it; stop it first\n"), "{stderr}");
    assert!(daemon.uploads() == before);
}

fn copy_dir(from: &DataDir, to: &DataDir) {
    for path in from.everything() {
        let target = to.beside(&path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(from.beside(&path), target).unwrap();
    }
}

#[test]
fn uploads_are_removed_by_the_daemon_that_runs_or_without_one() {
    let daemon = Daemon::start(&[]);
    let running = daemon.create("Upload-Length: 10");
    let mut wire = daemon.begin_patch(&running, 0, 10, b"hello");
    daemon.wait_for_received(&running, 5);
    let whole = daemon.upload(&filename("a.txt"), b"hello");
    let other = daemon.create("Upload-Length: 10");

    let removed = said(&daemon, &["rm", id(&running), id(&whole)]);
    let lines: Vec<&str> = removed.lines().collect();
    assert!(lines[0].starts_with(&format!("removed {}  receiving, ", id(&running))), "{removed}");
    assert_eq!(lines[1], format!("removed {}  complete, 5 B, a.txt", id(&whole)));
    wire.answer().expect(423);
    daemon.head(&running).expect(404);
    daemon.head(&whole).expect(404);
    assert_eq!(daemon.files().len(), 0, "the finished file goes too");
    daemon.head(&other).expect(200);

    let (code, stdout, stderr) = resumed(&daemon, &["rm", id(&whole), id(&other)]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("resumed: there is no upload {}", id(&whole))), "{stderr}");
    assert!(
        stdout.starts_with(&format!("removed {}", id(&other))),
        "one that is gone keeps none back: {stdout}"
    );

    let last = daemon.create("Upload-Length: 10");
    let data = daemon.kill();
    assert!(data.path().join(".control").exists(), "a killed daemon leaves its socket");
    assert!(said(&data, &["rm", id(&last)]).starts_with("removed "));
    assert_eq!(said(&data, &["list"]), "no uploads\n");
    // The next daemon takes the socket's place.
    let daemon = Daemon::start_on(data, &[]);
    let upload = daemon.create("Upload-Length: 10");
    said(&daemon, &["rm", id(&upload)]);
    daemon.head(&upload).expect(404);
}

#[test]
fn those_who_watch_do_not_keep_the_admin_waiting() {
    let data = DataDir::new();
    let watching = data.beside("admin.sock");
    let address = format!("unix:{}", watching.display());
    let daemon = Daemon::start_on(data, &["--admin-listen", &address, "--header-timeout", "1h"]);
    let upload = daemon.create("Upload-Length: 10");
    let before = daemon.open_files();
    let crowd: Vec<_> = (0..70).map(|_| UnixStream::connect(&watching).unwrap()).collect();
    eventually("all places of those who watch are taken", || daemon.open_files() >= before + 60);
    assert!(said(&daemon, &["rm", id(&upload)]).starts_with("removed "));
    drop(crowd);
}

#[test]
fn a_part_that_a_final_upload_waits_for_stays() {
    let daemon = Daemon::start(&["--expire-after", "1s"]);
    let parts = [0; 2].map(|_| daemon.create("Upload-Length: 5\nUpload-Concat: partial"));
    daemon.patch(&parts[0], 0, b"hello").expect(204);
    let _wire = daemon.begin_patch(&parts[1], 0, 5, b"w");
    let concat = format!("Upload-Concat: final;{} {}", parts[0], parts[1]);
    daemon.create(&concat);
    daemon.wait_for_received(&parts[1], 1);
    let data = daemon.kill();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let told = said(&data, &["expire"]);
    assert!(told.contains("in use, left alone") && told.ends_with("0 removed\n"), "{told}");
}

#[test]
fn only_who_owns_the_directory_commands_the_daemon() {
    use std::os::unix::fs::PermissionsExt as _;
    let daemon = Daemon::start(&[]);
    let socket = fs::metadata(daemon.path().join(".control")).unwrap();
    assert_eq!(socket.permissions().mode() & 0o777, 0o600);
    // And nobody does by the way that uploads come.
    let upload = daemon.create("Upload-Length: 10");
    daemon.ask("DELETE", &format!("/uploads/{}", id(&upload)), "", b"").expect(404);
    daemon.head(&upload).expect(200);
}

#[test]
fn what_has_expired_or_was_left_is_removed_on_request() {
    let data = DataDir::new();
    let expired = json!({ "expires": "2020-01-01T00:00:00Z", "modified": "2019-12-31T00:00:00Z" });
    data.leave(ID, expired, Some(b"x"));
    let left =
        json!({ "expires": "2100-01-01T00:00:00Z", "modified": "2020-01-01T00:00:00Z", "length": 100 });
    data.leave(OTHER, left, Some(b"x"));

    let said_dry = said(&data, &["expire", "--dry-run"]);
    assert_eq!(said_dry.lines().count(), 2, "{said_dry}");
    assert!(said_dry.starts_with(&format!("would remove {ID}  expired, ")), "{said_dry}");
    assert!(said_dry.ends_with("1 would be removed\n"), "{said_dry}");
    let said_dry = said(&data, &["expire", "--dry-run", "--older-than", "7d"]);
    assert!(said_dry.contains(OTHER) && said_dry.ends_with("2 would be removed\n"), "{said_dry}");
    assert_eq!(said(&data, &["list"]).lines().count(), 3, "nothing was removed");

    assert!(said(&data, &["expire"]).ends_with("1 removed\n"));
    assert_eq!(said(&data, &["expire"]), "0 removed\n");

    // With a daemon: what is used is left alone, and so is what is finished.
    let daemon = Daemon::start_on(data, &[]);
    let whole = daemon.upload(&filename("a.txt"), b"hello");
    let new = daemon.create("Upload-Length: 10");
    let other = format!("{}{OTHER}", daemon.base());
    // It is there and has sent nothing yet, so the upload is as old as before.
    let mut wire = daemon.connect();
    wire.send_head("PATCH", &other, "Upload-Offset: 0\nExpect: 100-continue", Some(100));
    wire.answer().expect(100);
    let told = said(&daemon, &["expire", "--older-than", "7d"]);
    assert_eq!(told.lines().count(), 2, "{told}");
    assert!(told.starts_with("in use, left alone: ") && told.ends_with("0 removed\n"), "{told}");
    wire.send([b'y'; 100]);
    wire.answer().expect(204);
    daemon.head(&whole).expect(200);
    daemon.head(&new).expect(200);
}

#[test]
fn what_to_remove_has_to_be_named() {
    let data = DataDir::new();
    let digits = "is not an upload's name; give the 32 hexadecimal digits at the end of its URL";
    assert_eq!(resumed(&data, &["rm", "x"]).2, format!("resumed: ID: \"x\" {digits}\n"));
    for command in ["rm", "show"] {
        let (code, stdout, stderr) = resumed(&data, &[command]);
        assert_eq!((code, stdout.as_str()), (2, ""));
        assert_eq!(stderr, "resumed: ID: is missing; see the command's --help\n");
    }
}

#[test]
fn a_final_upload_whose_part_is_gone_is_found_and_removed() {
    let data = DataDir::new();
    let kind = json!({ "type": "final", "parts": [OTHER], "as_given": format!("final;/files/{OTHER}") });
    data.leave(ID, json!({ "kind": kind, "length": 20, "state": { "type": "assembling" } }), Some(b""));
    let (code, stdout, _) = resumed(&data, &["fsck"]);
    assert_eq!(code, 4, "{stdout}");
    let wrong = format!(
        "uploads/{}/{ID}.json: a final upload that can never be whole: its part {OTHER} is gone",
        &ID[..2]
    );
    assert!(stdout.starts_with(&wrong), "{stdout}");
    assert_eq!(resumed(&data, &["fsck", "--repair"]).0, 1);
    assert!(data.uploads().is_empty());
    assert_eq!(resumed(&data, &["fsck"]).0, 0);
}
