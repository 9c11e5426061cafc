//! The log: who asked, in every line about a request, and lines as the journal likes them.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::daemon::{Daemon, id};
use crate::support::data_dir::DataDir;
use crate::support::filename;

/// The lines of the log that say this.
fn lines(daemon: &Daemon, text: &str) -> Vec<String> {
    daemon.wait_for_log(text);
    daemon.log().lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
}

/// A daemon whose standard error is what `$JOURNAL_STREAM` says, or says of something else.
fn in_the_journal(flags: &[&str], stream: &str) -> Daemon {
    let data = DataDir::new();
    let mut command = Command::new("/bin/sh");
    let script = format!("JOURNAL_STREAM={stream} exec \"$@\"");
    command.args(["-c", &script, "sh", env!("CARGO_BIN_EXE_resumed"), "--listen", "127.0.0.1:0"]);
    command.arg("--data-dir").arg(data.path()).args(flags).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Daemon::of(command, data)
}

const STDERR: &str = "$(/usr/bin/stat --dereference --format=%d:%i /proc/self/fd/2)";

#[test]
fn a_request_keeps_the_name_that_its_sender_gave() {
    let daemon = Daemon::start(&[]);
    let given = "proxy-7f.2:a/b+c=@d";
    let headers = format!(
        "X-Request-ID: {given}\nUpload-Length: 5\nContent-Type: application/offset+octet-stream\n{}",
        filename("a.txt")
    );
    let answer = daemon.ask("POST", "/files/", &headers, b"hello").expect(201);
    assert_eq!(answer.header("X-Request-Id"), Some(given));
    // The engine's own task, and the end of the request.
    for said in ["complete id=", "answered"] {
        for line in lines(&daemon, said) {
            assert!(line.contains(&format!("request{{id={given}}}: ")), "{line}");
        }
    }
}

#[test]
fn a_request_without_a_name_that_is_one_gets_one() {
    let daemon = Daemon::start(&[]);
    let long = "x".repeat(129);
    let mut seen = Vec::new();
    for given in ["", "a b", "a}: ERROR forged", long.as_str()] {
        let headers = if given.is_empty() { String::new() } else { format!("X-Request-ID: {given}") };
        for (method, path, status) in [("OPTIONS", "/files/", 204), ("HEAD", "/files/nothing", 404)] {
            let answer = daemon.ask(method, path, &headers, b"").expect(status);
            let name = answer.header("X-Request-Id").unwrap().to_owned();
            assert!(name.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-'), "{name}");
            assert!(!seen.contains(&name), "{name} is another request's");
            assert_eq!(lines(&daemon, &format!("request{{id={name}}}: answered")).len(), 1);
            seen.push(name);
        }
    }
    assert!(!daemon.log().contains("forged"), "{}", daemon.log());
}

#[test]
fn pages_of_other_origins_may_read_the_name() {
    let daemon = Daemon::start(&[]);
    let answer = daemon.ask("HEAD", "/files/nothing", "Origin: https://a.example", b"").expect(404);
    let exposed = answer.header("Access-Control-Expose-Headers").unwrap().to_ascii_lowercase();
    assert!(exposed.split(", ").any(|name| name == "x-request-id"), "{exposed}");
    assert!(answer.header("X-Request-Id").is_some());
}

#[test]
fn what_the_disk_threads_say_is_said_of_the_request_too() {
    let data = DataDir::new();
    let upload = "0123456789abcdef0123456789abcdef";
    // The disk lost what it had promised to keep.
    data.leave(upload, serde_json::json!({ "offset": 5 }), Some(b"he"));
    let daemon = Daemon::start_on(data, &[]);
    let path = format!("/files/{upload}");
    daemon.ask("PATCH", &path, "Upload-Offset: 2\nX-Request-ID: first-after-a-crash", b"llo wo").expect(204);
    for line in lines(&daemon, "recovered an upload after a crash") {
        assert!(line.contains("request{id=first-after-a-crash}: "), "{line}");
    }
}

#[test]
fn the_journal_gets_priorities_and_neither_time_nor_colour() {
    let daemon = in_the_journal(&["--log-level", "debug"], STDERR);
    let upload = daemon.upload(&filename("a.txt"), b"hello");
    std::fs::write(daemon.sidecar_path(id(&upload)), "{").unwrap();
    daemon.ask("HEAD", &upload, "X-Request-ID: damaged", b"");
    daemon.wait_for_log("request{id=damaged}: answered");
    let log = daemon.log();
    for (beginning, what) in [
        ("<6>request{id=", "complete id="),
        ("<3>request{id=damaged}: ", "damaged"),
        ("<7>request{id=", "answered"),
    ] {
        assert!(log.lines().any(|line| line.starts_with(beginning) && line.contains(what)), "{what}\n{log}");
    }
    for line in log.lines() {
        assert!(line.starts_with('<') && line[2..].starts_with('>'), "{line}");
        assert!(!line.contains('\x1b') && !line.contains("INFO") && !line.contains("DEBUG"), "{line}");
    }
}

#[test]
fn who_sends_the_log_elsewhere_gets_lines_for_people() {
    // What a shell inherits from a service, whose standard error it has redirected.
    let daemon = in_the_journal(&[], "1:2");
    daemon.wait_for_log(" INFO took stock");
    assert!(!daemon.log().contains("<6>"), "{}", daemon.log());
}

#[test]
fn json_is_one_object_a_line_in_the_journal_too() {
    for (stream, priority) in [("1:2", ""), (STDERR, "<6>")] {
        let daemon = in_the_journal(&["--log-format", "json"], stream);
        let headers = format!("X-Request-ID: here\n{}", filename("a.txt"));
        daemon.upload(&headers, b"hello");
        for line in lines(&daemon, "complete") {
            let json: Value = serde_json::from_str(line.strip_prefix(priority).unwrap()).unwrap();
            assert_eq!((&json["message"], &json["level"]), (&"complete".into(), &"INFO".into()));
            assert_eq!((&json["bytes"], &json["span"]["id"]), (&5.into(), &"here".into()));
        }
    }
}
