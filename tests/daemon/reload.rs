//! SIGHUP: the settings are read again while the daemon serves.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use crate::support::daemon::Daemon;
use crate::support::data_dir::DataDir;
use crate::support::wire::Answer;
use crate::support::{bytes, eventually, filename};

/// A daemon whose settings stand in a file and nowhere else.
struct Configured {
    daemon: Daemon,
}

impl Configured {
    fn start(settings: &str) -> Self {
        let data = DataDir::new();
        let file = data.beside("resumed.toml");
        fs::write(&file, with_basics(settings)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_resumed"));
        command.env_clear().current_dir(data.beside("")).arg("--config").arg("resumed.toml");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let daemon = Daemon::of(command, data);
        daemon.wait_for_log("took stock");
        Self { daemon }
    }

    /// Writes the file anew and lets the daemon read it. Answers what the log says of it.
    #[track_caller]
    fn reload(&self, settings: &str) -> Vec<String> {
        self.reload_text(&with_basics(settings))
    }

    #[track_caller]
    fn reload_text(&self, text: &str) -> Vec<String> {
        fs::write(self.daemon.beside("resumed.toml"), text).unwrap();
        let before = self.daemon.log().len();
        self.daemon.signal(Signal::HUP);
        let said = || self.daemon.log()[before..].to_owned();
        eventually("the settings are read again", || {
            let said = said();
            said.lines().any(|line| line.contains("INFO reloaded") || line.contains("not reloaded"))
        });
        // The time is the machine's and the rest ours.
        said().lines().map(|line| line.split_once("Z ").unwrap().1.trim().to_owned()).collect()
    }

    fn options(&self) -> Answer {
        self.daemon.ask("OPTIONS", "/files/", "Origin: https://a.example", b"").expect(204)
    }
}

/// The settings that every test has. Flags would win over the file.
fn with_basics(settings: &str) -> String {
    let basics = ["listen = '127.0.0.1:0'", "data-dir = 'data'"];
    let needed = basics.iter().filter(|line| !settings.contains(line.split(' ').next().unwrap()));
    needed.map(|line| format!("{line}\n")).collect::<String>() + settings
}

#[test]
fn what_can_change_changes_and_the_log_says_how() {
    let configured = Configured::start("");
    let daemon = &configured.daemon;
    assert_eq!(configured.options().header("Tus-Max-Size"), None);
    assert!(daemon.ask("POST", "/files/", "Upload-Length: 5", b"").header("Upload-Expires").is_some());

    let said = configured.reload(
        "max-size = 10\nexpire-after = 'never'\ncors-origin = 'https://b.example'\nno-termination = true\n\
         public-url = 'https://up.example'\nlog-level = 'debug'",
    );
    assert_eq!(
        said,
        [
            "INFO public-url is \"https://up.example\" now, and was not set",
            "INFO max-size is 10 now, and was \"none\"",
            "INFO expire-after is \"never\" now, and was \"24h\"",
            "INFO no-termination is true now, and was false",
            "INFO cors-origin is [\"https://b.example\"] now, and was [\"*\"]",
            "INFO log-level is \"debug\" now, and was \"info\"",
            "INFO reloaded changed=6",
        ]
    );
    let options = configured.options();
    assert_eq!(options.header("Tus-Max-Size"), Some("10"));
    assert_eq!(options.header("Access-Control-Allow-Origin"), None);
    assert!(!options.header("Tus-Extension").unwrap().contains("termination"));
    daemon.ask("POST", "/files/", "Upload-Length: 11", b"").expect(413);
    let created = daemon.ask("POST", "/files/", "Upload-Length: 5", b"").expect(201);
    assert_eq!(created.header("Upload-Expires"), None);
    assert!(created.header("Location").unwrap().starts_with("https://up.example/files/"));
    daemon.wait_for_log("DEBUG");

    // And back: what is not in the file has its default again.
    configured.reload("");
    assert_eq!(configured.options().header("Tus-Max-Size"), None);
    assert_eq!(configured.options().header("Access-Control-Allow-Origin"), Some("*"));
    daemon.ask("POST", "/files/", "Upload-Length: 11", b"").expect(201);
    assert_eq!(configured.reload(""), ["INFO reloaded changed=0"]);
}

#[test]
fn limits_change_for_those_who_come_later() {
    let configured = Configured::start("idle-timeout = '1h'\nmax-connections = 100");
    let daemon = &configured.daemon;
    let upload = daemon.create("Upload-Length: 20");
    let mut patient = daemon.begin_patch(&upload, 0, 20, b"01234567");
    daemon.wait_for_data(&upload, 8);

    configured.reload("idle-timeout = '1s'\nmax-connections = 2\nreserve = '8000000TiB'");
    let refused = daemon.ask("POST", "/files/", "Upload-Length: 5", b"");
    assert_eq!(refused.status, 507, "{}", refused.text());
    configured.reload("idle-timeout = '1s'\nmax-connections = 2");
    let other = daemon.create("Upload-Length: 20");
    let mut hasty = daemon.begin_patch(&other, 0, 20, b"01234567");
    let mut third = daemon.connect();
    third.send_head("OPTIONS", "/files/", "", None);
    assert!(!third.has_answer_within(Duration::from_millis(300)), "two are being served already");
    hasty.answer().expect_code(503, "ERR_BODY_TIMEOUT");
    drop(hasty);
    third.answer().expect(204);
    // The first one goes on as it began.
    patient.send(b"89abcdefghij");
    patient.answer().expect(204);
}

#[test]
fn what_can_not_change_is_named_and_stays() {
    let configured = Configured::start("");
    let changed = "listen = '127.0.0.1:1'\nbase-path = '/up/'\ndata-dir = 'elsewhere'\nlayout = '{id}'\n\
                   durability = 'relaxed'\nresumable-path = '/chunks'\nlog-format = 'json'\nmax-size = 10";
    for attempt in 0..2 {
        let mut expected = vec![
            "WARN listen needs a restart: [\"127.0.0.1:0\"] stays in force until then",
            "WARN base-path needs a restart: \"/files/\" stays in force until then",
            "WARN data-dir needs a restart: \"data\" stays in force until then",
            "WARN layout needs a restart: \"{filename}\" stays in force until then",
            "WARN durability needs a restart: \"strict\" stays in force until then",
            "INFO max-size is 10 now, and was \"none\"",
            "WARN resumable-path needs a restart: \"/resumable_upload\" stays in force until then",
            "WARN log-format needs a restart: \"text\" stays in force until then",
            "INFO reloaded changed=1",
        ];
        if attempt == 1 {
            expected.retain(|line| !line.contains("max-size"));
            expected.pop();
            expected.push("INFO reloaded changed=0");
        }
        assert_eq!(configured.reload(changed), expected);
    }
    let daemon = &configured.daemon;
    let upload = daemon.upload(&filename("a.txt"), b"hello");
    assert!(upload.starts_with("/files/"), "{upload}");
    assert_eq!(daemon.files()["a.txt"], b"hello");
    assert!(!daemon.beside("elsewhere").exists());
    daemon.ask("GET", "/resumable_upload", "", b"").expect(400);
}

#[test]
fn a_file_that_is_wrong_changes_nothing() {
    let configured = Configured::start("max-size = 10");
    for (text, wrong) in [
        ("max-size = 20\nmax-sise = 5", "resumed.toml:2: unknown key \"max-sise\"; did you mean max-size?"),
        (
            "max-size = 'much'",
            "resumed.toml:1: max-size: \"much\" is not a size; give bytes or a size such as 500MB or 10GiB, or none",
        ),
        (
            "max-size = 20\ncors-credentials = true",
            "resumed.toml:2: cors-credentials: is not safe while every origin is allowed; list the origins with \
             --cors-origin",
        ),
    ] {
        let said = configured.reload_text(text);
        assert_eq!(said, [format!("ERROR not reloaded, nothing has changed: {wrong}")]);
        assert_eq!(configured.options().header("Tus-Max-Size"), Some("10"));
    }
    fs::remove_file(configured.daemon.beside("resumed.toml")).unwrap();
    configured.daemon.signal(Signal::HUP);
    configured
        .daemon
        .wait_for_log("not reloaded, nothing has changed: --config: cannot read \"resumed.toml\"");
    configured.options();
}

#[test]
fn an_upload_that_runs_does_not_notice() {
    let configured = Configured::start("");
    let body = bytes(1_000_000);
    let upload = configured.daemon.create(&format!("Upload-Length: 1000000\n{}", filename("a.bin")));
    let mut wire = configured.daemon.begin_patch(&upload, 0, 1_000_000, &body[..300_000]);
    configured.daemon.wait_for_data(&upload, 300_000);
    configured.reload("max-size = 10");
    wire.send(&body[300_000..]);
    wire.answer().expect(204);
    assert!(configured.daemon.files()["a.bin"] == body, "the bytes are the client's");
}

#[test]
fn who_closes_the_terminal_ends_the_daemon_that_was_started_in_it() {
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&terminal).unwrap();
    unlockpt(&terminal).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let data = DataDir::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_resumed"));
    command.env_clear().args(["--listen", "127.0.0.1:0", "--data-dir"]).arg(data.path());
    let screen = File::options().write(true).open(name).unwrap();
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(screen).spawn().unwrap();
    let mut child = Ends(child);
    let mut line = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.contains("takes uploads at"), "{line}");

    // This end of the terminal is what a window is.
    drop((command, terminal));
    kill_process(Pid::from_child(&child.0), Signal::HUP).unwrap();
    let mut status = None;
    eventually("the daemon ends", || {
        status = child.0.try_wait().unwrap();
        status.is_some()
    });
    assert_eq!(status.unwrap().code(), Some(0));
}

/// A process that does not outlive its test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
